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

/** What has been read since `atOneTime` began; both undefined outside it, and until somebody asks. */
let isOneTime = false
let oneNow: number | undefined
let oneElapsed: number | undefined

/**
 * While `work` runs the system's clock stands still, so that what is done for many at once reads it once instead of a
 * dozen times for each.
 * @param work synchronous, and a matter of milliseconds.
 */
export function atOneTime(work: () => void): void {
  isOneTime = true
  try {
    work()
  } finally {
    isOneTime = false
    oneNow = undefined
    oneElapsed = undefined
  }
}

function readNow(): number {
  if (!isOneTime) return Date.now()
  oneNow ??= Date.now()
  return oneNow
}

function readElapsed(): number {
  if (!isOneTime) return Math.floor(performance.now())
  oneElapsed ??= Math.floor(performance.now())
  return oneElapsed
}

export const systemClock: Clock = {
  now: readNow,
  elapsed: readElapsed,
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal ? { signal } : {})
  },
}
