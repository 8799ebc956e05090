/** A time as a person writes it: how long ago, or the time itself. */
import { usageError } from './exit.ts'

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** @returns the time as the API takes it. */
export function pointInTime(flag: string, text: string, now: number): string {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (unit !== undefined) return new Date(now - Number(count) * UNITS_MS[unit]!).toISOString()
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(time)) return new Date(time).toISOString()
  throw usageError(
    `${flag} is "${text}": it must be how long ago, such as 10m, 2h or 3d, or a time such as 2026-08-01T10:00:00Z.`,
  )
}
