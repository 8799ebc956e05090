/**
 * Time, as a dependency.
 *
 * Every timeout, window and back-off in the server reads this interface, so that a test moves an hour in a
 * microsecond. `Date.now` and `setTimeout` appear in this folder and nowhere else; `test/architecture.test.ts`
 * says so.
 */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Clock {
  /** Milliseconds since the epoch, for what others read: somebody may set the clock, by hours, at any moment. */
  now(): number
  /**
   * Whole milliseconds since some moment, for how long something takes: it runs on evenly whoever sets the clock, and
   * stands still while the machine is suspended, as every sleep does.
   */
  elapsed(): number
  /** Resolves after `ms`; rejects with the signal's reason if aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => Math.floor(performance.now()),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal ? { signal } : {})
  },
}
