/**
 * What an endpoint needs at present, from what the gateway counts: arrivals counted fast, sizes learned slowly.
 *
 * A queue is not part of the need. The flow that made it is, and counting both would pay twice for the same requests
 * while replicas start.
 */
import type { CapacityProfile } from './capacity-profile.ts'
import { answerMsOf, loadOfFlow, replicasNeeded } from './replicas-needed.ts'
import type { ScaleSample, TokenFlow } from './scale-sample.ts'
import type { LatencySlo } from './scale-spec.ts'
import { type Arrivals, PRIOR_SCATTER, type Scatter, surgeOf, withArrivals } from './surge.ts'
import { covers, emptyAverage, meanOver, restarted, withValue } from './time-average.ts'

/**
 * Arrivals are counted over about as long as an answer takes: a shorter while makes a burst look like a flow that
 * would fill replicas for all that time, a longer one is late.
 */
const FLOW_WINDOW_MS = { shortest: 20_000, longest: 120_000 }
/** What runs may need so many times what is ready or what the flow needs; beyond that it is only a pile. */
const PILED_UP_FACTOR = 2
/** What is usual, when it is asked how even arrivals are. */
const SCATTER_WINDOW_MS = 60_000
/** A mean remembers about so many requests. */
const SIZE_MEMORY_REQUESTS = 500
/** What an answer is believed to be before any ended, and as how many it counts. */
const PRIOR_ANSWER_TOKENS = 250
const PRIOR_ANSWERS = 20
/** Were answers begun and none ever ended, the mean would grow for ever. */
const LONGEST_MEAN_ANSWER_TOKENS = 16_000

type SizeMean = { readonly tokens: number; readonly requests: number }

export type DemandEstimate = Arrivals & {
  readonly prompts: SizeMean
  /** Of the prompts, the square of how far they are from their mean. */
  readonly promptSpread: SizeMean
  readonly answers: SizeMean
}

/** In replicas, as fractions. */
export type Needs = {
  /** Of the flow, or of what runs when that is more. */
  readonly usual: number
  /** Of the flow alone, one that just began included. */
  readonly surge: number
  /** As much of that as cannot be chance. */
  readonly certainSurge: number
  /** Of one more request a second. */
  readonly perRequestPerSecond: number
  /** How long an answer takes when tokens are just as slow as promised. */
  readonly answerMs: number
  readonly infeasible: boolean
}

export function firstEstimate(at: number): DemandEstimate {
  return {
    arrivals: emptyAverage(FLOW_WINDOW_MS.longest, at),
    lastRate: 0,
    rateBefore: 0,
    scatter: PRIOR_SCATTER,
    prompts: { tokens: 0, requests: 0 },
    promptSpread: { tokens: 0, requests: 0 },
    answers: { tokens: PRIOR_ANSWERS * PRIOR_ANSWER_TOKENS, requests: PRIOR_ANSWERS },
  }
}

export function estimateAfterBreak(before: DemandEstimate, at: number): DemandEstimate {
  return { ...before, arrivals: restarted(before.arrivals, at), lastRate: 0, rateBefore: 0 }
}

export function withDemand(
  before: DemandEstimate,
  arrivals: number,
  tokens: TokenFlow,
  { at, elapsedMs }: { at: number; elapsedMs: number },
): DemandEstimate {
  const rate = elapsedMs > 0 ? (arrivals * 1_000) / elapsedMs : 0
  // The prompts of one sample come as their sum, whose square deviates by the sum of theirs.
  const spread = (tokens.prompt - arrivals * meanOf(before.prompts)) ** 2
  return {
    arrivals: withValue(before.arrivals, rate, at),
    lastRate: rate,
    rateBefore: before.lastRate,
    scatter: scatterAfter(before, arrivals, elapsedMs),
    prompts: withSizes(before.prompts, tokens.prompt, arrivals),
    promptSpread: withSizes(before.promptSpread, spread, arrivals),
    answers: withSizes(before.answers, tokens.generated, tokens.answers),
  }
}

function scatterAfter({ arrivals, scatter }: DemandEstimate, count: number, elapsedMs: number): Scatter {
  if (elapsedMs <= 0 || !covers(arrivals, SCATTER_WINDOW_MS)) return scatter
  const usual = (meanOver(arrivals, SCATTER_WINDOW_MS) * elapsedMs) / 1_000
  return withArrivals(scatter, count, usual)
}

export function needsOf(
  estimate: DemandEstimate,
  { inFlight, waiting, ready }: ScaleSample,
  tokens: TokenFlow,
  { slo, profile }: { slo: LatencySlo; profile: CapacityProfile },
): Needs {
  const meanPromptTokens = meanOf(estimate.prompts)
  const meanAnswerTokens = Math.min(meanOf(estimate.answers), LONGEST_MEAN_ANSWER_TOKENS)
  const one = loadOfFlow({ meanPromptTokens, meanAnswerTokens, requestsPerSecond: 1 }, slo)
  const { replicas: perRequestPerSecond, infeasible } = replicasNeeded(one, slo, profile)
  const answerMs = answerMsOf(meanAnswerTokens, slo)
  const usualRate = usualRateOf(estimate, answerMs)
  const byFlow = perRequestPerSecond * usualRate
  const rising = surgeOf(estimate, answerMs)
  const surge = Math.max(byFlow, perRequestPerSecond * rising.likely)
  const runningShare = inFlight / Math.max(1, inFlight + waiting)
  const running = {
    sequences: inFlight,
    contextTokens: tokens.context,
    unprefilledTokens: runningShare * tokens.unprefilled,
    unprefilledPromptTokens: promptOfTokens(estimate),
    promptTokensPerSecond: usualRate * meanPromptTokens,
    meanPromptTokens,
  }
  const byRunning = replicasNeeded(running, slo, profile).replicas
  return {
    // What is piled up on too few replicas says that they are too few; how many are needed is for the flow to say.
    usual: Math.max(byFlow, Math.min(byRunning, PILED_UP_FACTOR * Math.max(ready, surge))),
    surge,
    certainSurge: Math.max(byFlow, perRequestPerSecond * rising.certain),
    perRequestPerSecond,
    answerMs,
    infeasible,
  }
}

/** Over the whole window even when it is not full: the first requests of all are no flow yet. */
function usualRateOf({ arrivals }: DemandEstimate, answerMs: number): number {
  const windowMs = within(FLOW_WINDOW_MS, answerMs)
  const measuredMs = Math.min(windowMs, arrivals.until - arrivals.since)
  return (meanOver(arrivals, windowMs) * measuredMs) / windowMs
}

function within({ shortest, longest }: { shortest: number; longest: number }, ms: number): number {
  return Math.min(Math.max(ms, shortest), longest)
}

/** A token is rather in a long prompt than in a short one: the mean, and the variance over the mean. */
function promptOfTokens({ prompts, promptSpread }: DemandEstimate): number {
  const mean = meanOf(prompts)
  return mean > 0 ? mean + meanOf(promptSpread) / mean : 0
}

function withSizes(before: SizeMean, tokens: number, requests: number): SizeMean {
  const fading = (1 - 1 / SIZE_MEMORY_REQUESTS) ** requests
  return { tokens: before.tokens * fading + tokens, requests: before.requests * fading + requests }
}

function meanOf({ tokens, requests }: SizeMean): number {
  return requests > 0 ? tokens / requests : 0
}
