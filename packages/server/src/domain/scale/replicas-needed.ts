/**
 * How many replicas, as a fraction, a load needs to keep a latency promise.
 *
 * Four limits, the tightest wins: the time between tokens, the context that fits, the sequences that fit, and prompts
 * that must be worked through before their first token is due.
 */
import type { CapacityProfile } from './capacity-profile.ts'
import type { LatencySlo } from './scale-spec.ts'

/** Shares that may be used: of the time between tokens, of the cache, of the time until the first token. */
const STEP_SHARE = 0.9
const CONTEXT_SHARE = 0.92
const PREFILL_SHARE = 0.8

export type Load = {
  /** Requests at once. */
  readonly sequences: number
  /** The tokens that they hold. */
  readonly contextTokens: number
  /** Prompt tokens that wait for their first token. */
  readonly unprefilledTokens: number
  /** The mean length of the prompts that those tokens are in: longer prompts have more of them, and more time. */
  readonly unprefilledPromptTokens: number
  readonly promptTokensPerSecond: number
  readonly meanPromptTokens: number
}

/** What arrives, in numbers that do not depend on how many replicas there are. */
export type Flow = {
  readonly requestsPerSecond: number
  readonly meanPromptTokens: number
  readonly meanAnswerTokens: number
}

export type Need = {
  readonly replicas: number
  /** The promise cannot be kept by any count: one replica alone is too slow for it. */
  readonly infeasible: boolean
}

/**
 * The load that a flow comes to when tokens are just as slow as promised. A fleet that is too large looks idler than
 * that, one that is too small has a queue; the flow sees neither.
 */
export function loadOfFlow(flow: Flow, slo: LatencySlo): Load {
  const { requestsPerSecond, meanPromptTokens, meanAnswerTokens } = flow
  const sequences = (requestsPerSecond * answerMsOf(meanAnswerTokens, slo)) / 1_000
  return {
    sequences,
    contextTokens: sequences * (meanPromptTokens + meanAnswerTokens / 2),
    unprefilledTokens: 0,
    unprefilledPromptTokens: meanPromptTokens,
    promptTokensPerSecond: requestsPerSecond * meanPromptTokens,
    meanPromptTokens,
  }
}

/** How long an answer takes when tokens are just as slow as promised. */
export function answerMsOf(answerTokens: number, slo: LatencySlo): number {
  return answerTokens * STEP_SHARE * slo.interTokenMs
}

export function replicasNeeded(load: Load, slo: LatencySlo, profile: CapacityProfile): Need {
  const { sequences, contextTokens, unprefilledTokens, promptTokensPerSecond, meanPromptTokens } = load
  const forTokensMs = STEP_SHARE * slo.interTokenMs - profile.stepMs
  const batchMs = profile.stepMsPerSequence * sequences + profile.stepMsPerContextToken * contextTokens
  const prefillReplicas = (promptTokensPerSecond * profile.prefillMsPerToken) / 1_000
  // Too slow even for a single sequence: more replicas would not help, so this limit asks for none.
  const byStep = forTokensMs > 0 ? (batchMs + slo.interTokenMs * prefillReplicas) / forTokensMs : 0
  const byContext = contextTokens / (CONTEXT_SHARE * profile.contextTokens)
  const bySequences = sequences / profile.maxSequences
  const firstTokenMs = (promptTokens: number) => {
    return slo.firstTokenMs + slo.firstTokenMsPerPromptToken * promptTokens
  }
  const dueMs = PREFILL_SHARE * firstTokenMs(load.unprefilledPromptTokens)
  const byPrefill = (profile.prefillMsPerToken * unprefilledTokens) / dueMs
  const replicas = Math.max(byStep, byContext, bySequences, byPrefill)
  const isTooSlow =
    forTokensMs <= 0 || profile.prefillMsPerToken * meanPromptTokens > firstTokenMs(meanPromptTokens)
  return { replicas: Number.isFinite(replicas) ? replicas : 0, infeasible: isTooSlow }
}
