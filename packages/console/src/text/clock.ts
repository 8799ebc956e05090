/**
 * What time it is by Berth's clock.
 *
 * Every time that the console shows was written by Berth, so what is said of them ("5 min ago", "the last hour") is
 * measured by its clock too: the clock of the device before which one sits may be wrong. Each answer names its time.
 */
import { useSyncExternalStore } from 'react'

/** Less is the way there and back, and the second to which an answer's time is rounded. */
const WORTH_TELLING_MS = 30_000
/** An answer that took longer (a device that slept meanwhile) tells nothing. */
const LONGEST_ANSWER_MS = 5_000

let aheadMs = 0
const listeners = new Set<() => void>()

export const berthNow = (): number => Date.now() - aheadMs

/** Learns from an answer's `Date`, and from when it was asked for and came by the clock of this device. */
export function learnClock(date: string | null, askedAt: number, cameAt: number): void {
  const ahead = deviceAheadMs(date, askedAt, cameAt)
  if (ahead === undefined || ahead === aheadMs) return
  // What is off by a second more or less is off by the same.
  if (ahead !== 0 && Math.abs(ahead - aheadMs) < WORTH_TELLING_MS) return
  aheadMs = ahead
  for (const listener of listeners) listener()
}

/** @returns how far the clock of this device is ahead of Berth's, 0 when they agree, undefined when nobody knows. */
export function deviceAheadMs(date: string | null, askedAt: number, cameAt: number): number | undefined {
  const said = date === null ? Number.NaN : Date.parse(date)
  if (Number.isNaN(said) || cameAt - askedAt > LONGEST_ANSWER_MS || cameAt < askedAt) return undefined
  const ahead = Math.round((askedAt + cameAt) / 2 - said)
  return Math.abs(ahead) < WORTH_TELLING_MS ? 0 : ahead
}

export const useDeviceAheadMs = (): number =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => aheadMs,
  )
