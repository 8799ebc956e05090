/** Lives of replicas as bars over a stretch of time. Pure. */
import type { ReplicaLife } from '@berth/contract'

export type Bar = {
  readonly phase: ReplicaLife['spans'][number]['phase']
  /** Of the whole width, in percent. */
  readonly left: number
  readonly width: number
  readonly from: number
  /** Undefined while it goes on. */
  readonly to: number | undefined
}

/** Thinner than this nobody could point at it. */
const NARROWEST_PERCENT = 0.35

export function barsOf(life: ReplicaLife, start: number, stop: number): readonly Bar[] {
  const whole = Math.max(1, stop - start)
  return life.spans.flatMap((span) => {
    const from = Date.parse(span.start)
    const to = span.stop === null ? undefined : Date.parse(span.stop)
    const begins = Math.max(from, start)
    const ends = Math.min(to ?? stop, stop)
    if (ends < start || begins > stop) return []
    const left = ((begins - start) / whole) * 100
    const width = Math.min(100 - left, Math.max(NARROWEST_PERCENT, ((ends - begins) / whole) * 100))
    return [{ phase: span.phase, left, width, from, to }]
  })
}

/** Round moments to write below, some six of them, in milliseconds since the epoch. */
export function ticksOf(start: number, stop: number): readonly number[] {
  const wanted = (stop - start) / 6
  const step = STEPS_MS.find((one) => one >= wanted) ?? STEPS_MS.at(-1)!
  const offset = new Date(start).getTimezoneOffset() * MINUTE_MS
  const first = Math.ceil((start - offset) / step) * step + offset
  const ticks: number[] = []
  for (let at = first; at <= stop && ticks.length < MAX_TICKS; at += step) ticks.push(at)
  return ticks
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const MAX_TICKS = 12
const STEPS_MS = [
  MINUTE_MS,
  5 * MINUTE_MS,
  10 * MINUTE_MS,
  30 * MINUTE_MS,
  HOUR_MS,
  3 * HOUR_MS,
  6 * HOUR_MS,
  12 * HOUR_MS,
  24 * HOUR_MS,
  7 * 24 * HOUR_MS,
]
