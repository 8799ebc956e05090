/**
 * What is remembered of starts that failed: enough to back off, to give up, and to say why.
 */
import type { StartFailure } from '@berth/contract'

export type StartFailures = {
  /** The revision that failed; a newer one begins with a clean sheet. */
  readonly revision: number
  /** In a row, without a replica that stayed ready in between. */
  readonly count: number
  readonly lastAt: number
  /** For a person, with exit code and the engine's last lines. */
  readonly reason: string
  /** What was behind it; absent in what an older Berth wrote down. */
  readonly failure?: StartFailure
  /** No further start until somebody changes or resumes the endpoint. */
  readonly final: boolean
}

/** Four starts in a row that fail are not bad luck. */
export const MAX_STARTS = 4
const FIRST_BACKOFF_MS = 1_000
const MAX_BACKOFF_MS = 60_000
/** A replica that was ready for so long has shown that its revision works. */
export const STABLE_AFTER_MS = 60_000

export function afterFailure(
  before: StartFailures | undefined,
  failure: {
    readonly revision: number
    readonly reason: string
    readonly failure: StartFailure
    readonly hopeless: boolean
  },
  now: number,
): StartFailures {
  const count = (before?.revision === failure.revision ? before.count : 0) + 1
  return {
    revision: failure.revision,
    count,
    lastAt: now,
    reason: failure.reason,
    failure: failure.failure,
    final: failure.hopeless || count >= MAX_STARTS,
  }
}

/** Nothing is started before this time: at once after the first failure, then 1 s, doubling. Never, once it is final. */
export function startNotBefore(failures: StartFailures | undefined, revision: number): number {
  if (!failures || failures.revision !== revision) return 0
  if (failures.final) return Number.POSITIVE_INFINITY
  if (failures.count === 1) return 0
  return failures.lastAt + Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures.count - 2))
}
