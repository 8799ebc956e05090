/**
 * What an endpoint needs at present, from what the gateway counts: arrivals counted fast, sizes learned slowly.
 *
 * A queue is not part of the need. The flow that made it is, and counting both would pay twice for the same requests
 * while replicas start.
 */
import type { CapacityProfile } from './capacity-profile.ts'
import { loadOfFlow, replicasNeeded } from './replicas-needed.ts'
import type { ScaleSample, TokenFlow } from './scale-sample.ts'
import type { LatencySlo } from './scale-spec.ts'
import { covers, emptyAverage, meanOver, restarted, type TimeAverage, withValue } from './time-average.ts'

const FLOW_WINDOW_MS = 20_000
const SURGE_WINDOW_MS = 3_000
/** A surge has to show in two samples in a row, each this close to the whole of it. */
const SURGE_SHARE = 1.5
/** Arrivals scatter like the square root of their number; what is below two of that is certain enough. */
const CERTAINTY = 2
/** A mean remembers about so many requests. */
const SIZE_MEMORY_REQUESTS = 500
/** What an answer is believed to be before any ended, and as how many it counts. */
const PRIOR_ANSWER_TOKENS = 250
const PRIOR_ANSWERS = 20
/** Were answers begun and none ever ended, the mean would grow for ever. */
const LONGEST_MEAN_ANSWER_TOKENS = 16_000

type SizeMean = { readonly tokens: number; readonly requests: number }

export type DemandEstimate = {
  /** Per second. */
  readonly arrivals: TimeAverage
  readonly lastRate: number
  readonly rateBefore: number
  readonly prompts: SizeMean
  readonly answers: SizeMean
}

/** In replicas, as fractions. */
export type Needs = {
  /** Of the flow, or of what runs when that is more. */
  readonly usual: number
  /** Of the flow alone, one that just began included. */
  readonly surge: number
  readonly infeasible: boolean
}

export function firstEstimate(at: number): DemandEstimate {
  return {
    arrivals: emptyAverage(FLOW_WINDOW_MS, at),
    lastRate: 0,
    rateBefore: 0,
    prompts: { tokens: 0, requests: 0 },
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
  return {
    arrivals: withValue(before.arrivals, rate, at),
    lastRate: rate,
    rateBefore: before.lastRate,
    prompts: withSizes(before.prompts, tokens.prompt, arrivals),
    answers: withSizes(before.answers, tokens.generated, tokens.answers),
  }
}

export function needsOf(
  estimate: DemandEstimate,
  { inFlight, waiting }: ScaleSample,
  tokens: TokenFlow,
  { slo, profile }: { slo: LatencySlo; profile: CapacityProfile },
): Needs {
  const meanPromptTokens = meanOf(estimate.prompts)
  const flow = {
    meanPromptTokens,
    meanAnswerTokens: Math.min(meanOf(estimate.answers), LONGEST_MEAN_ANSWER_TOKENS),
  }
  const needAt = (requestsPerSecond: number) => {
    return replicasNeeded(loadOfFlow({ ...flow, requestsPerSecond }, slo), slo, profile)
  }
  const usualRate = usualRateOf(estimate)
  const { replicas: byFlow, infeasible } = needAt(usualRate)
  const runningShare = inFlight / Math.max(1, inFlight + waiting)
  const running = {
    sequences: inFlight,
    contextTokens: tokens.context,
    unprefilledTokens: runningShare * tokens.unprefilled,
    promptTokensPerSecond: usualRate * meanPromptTokens,
    meanPromptTokens,
  }
  const byRunning = replicasNeeded(running, slo, profile).replicas
  return {
    usual: Math.max(byFlow, byRunning),
    surge: Math.max(byFlow, needAt(surgeRateOf(estimate)).replicas),
    infeasible,
  }
}

/** Over the whole window even when it is not full: the first requests of all are no flow yet. */
function usualRateOf({ arrivals }: DemandEstimate): number {
  const measuredMs = Math.min(FLOW_WINDOW_MS, arrivals.until - arrivals.since)
  return (meanOver(arrivals, FLOW_WINDOW_MS) * measuredMs) / FLOW_WINDOW_MS
}

function surgeRateOf({ arrivals, lastRate, rateBefore }: DemandEstimate): number {
  if (!covers(arrivals, SURGE_WINDOW_MS)) return 0
  const count = (meanOver(arrivals, SURGE_WINDOW_MS) * SURGE_WINDOW_MS) / 1_000
  const certain = ((count - CERTAINTY * Math.sqrt(count)) * 1_000) / SURGE_WINDOW_MS
  return Math.max(0, Math.min(certain, SURGE_SHARE * lastRate, SURGE_SHARE * rateBefore))
}

function withSizes(before: SizeMean, tokens: number, requests: number): SizeMean {
  const fading = (1 - 1 / SIZE_MEMORY_REQUESTS) ** requests
  return { tokens: before.tokens * fading + tokens, requests: before.requests * fading + requests }
}

function meanOf({ tokens, requests }: SizeMean): number {
  return requests > 0 ? tokens / requests : 0
}
