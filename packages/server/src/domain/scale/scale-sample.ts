/**
 * What the autoscaler is told of one endpoint at one moment.
 *
 * The gateways count requests, the reconciler counts replicas. Nothing here is averaged: the windows belong to the
 * judgement, so that a stored sequence of samples replays to the same decisions.
 */

export type ScaleSample = {
  /** Requests that arrived since the sample before. */
  readonly arrivals: number
  /** Requests that have no HTTP status yet: waiting for a replica, or on one that has not begun to answer. */
  readonly pending: number
  /** Of those, how many wait in the gateway for a replica. */
  readonly waiting: number
  /** Requests on a replica, answering or not. */
  readonly inFlight: number
  /** Mean over the ready replicas, in percent; null while it cannot be measured. */
  readonly hardwareUsage: number | null
  readonly ready: number
  readonly starting: number
  /** Token counts; null for engines whose answers are not made of tokens. */
  readonly tokens: TokenFlow | null
}

/** Since the sample before, unless a field says otherwise. */
export type TokenFlow = {
  /** Prompt tokens of the requests that arrived, without those a prefix cache is expected to hold. */
  readonly prompt: number
  readonly generated: number
  /** Prompt and generated tokens of the requests on replicas, now. */
  readonly context: number
  /** Prompt tokens accepted that have no first token yet, waiting ones included, now. */
  readonly unprefilled: number
  /** Prompt tokens whose first token came. */
  readonly prefilled: number
  /** Mean time between two tokens of one answer; null when none was seen. */
  readonly interTokenMs: number | null
  /** First tokens, and those of them that came later than promised. */
  readonly firstTokens: number
  readonly lateFirstTokens: number
  /** Answers that ended, and those of them whose tokens came slower than promised. */
  readonly answers: number
  readonly slowAnswers: number
}

/** Counts that are not finite or below zero were not measured: the whole sample then says nothing. */
export function isUsable(sample: ScaleSample): boolean {
  const { arrivals, pending, waiting, inFlight, ready, starting, hardwareUsage, tokens } = sample
  for (const count of [arrivals, pending, waiting, inFlight, ready, starting, hardwareUsage ?? 0]) {
    if (!isCount(count)) return false
  }
  return tokens === null || areUsable(tokens)
}

function areUsable(tokens: TokenFlow): boolean {
  const { interTokenMs, ...counts } = tokens
  return isCount(interTokenMs ?? 0) && Object.values(counts).every(isCount)
}

/** Larger than anything real; sums of such counts stay exact. */
const LARGEST_COUNT = 1e12

const isCount = (value: number) => value >= 0 && value <= LARGEST_COUNT
