/**
 * Scaling by a latency promise: what the load needs by a learned capacity, and the cheapest rule that would have kept
 * the promise lately (`back-test.ts`).
 *
 * Up at once and to the full count: by the rule, or by a surge that no rule has seen yet. Down by a quarter at most and
 * not twice within half a minute.
 */
import { advice, type BackTest, newBackTest, tested } from './back-test.ts'
import type { CapacityProfile } from './capacity-profile.ts'
import {
  type DemandEstimate,
  estimateAfterBreak,
  firstEstimate,
  type Needs,
  needsOf,
  withDemand,
} from './demand-estimate.ts'
import { corrected, type LearnedCapacity, nothingLearned, withBatch } from './learned-capacity.ts'
import type { Judgement, ScaleTerm } from './scale-decision.ts'
import type { ScaleSample, TokenFlow } from './scale-sample.ts'
import type { LatencySlo } from './scale-spec.ts'

const BETWEEN_DOWNS_MS = 30_000
const LARGEST_DOWN_SHARE = 0.25
/** A surge has to need this much more than what was asked for. */
const SURGE_FACTOR = 1.25
/** A queue may take this share of the time to the first token; the rest is for the prompt itself. */
const QUEUE_SHARE = 0.75
const SHORTEST_START_MS = 5_000
/** A cold start that is learned to be so much longer or shorter begins the back-test anew. */
const START_DRIFT = 1.5

export type SloRule = { readonly slo: LatencySlo; readonly profile: CapacityProfile }

export type SloState = {
  readonly capacity: LearnedCapacity
  readonly demand: DemandEstimate
  readonly test: BackTest | null
  readonly measuredSince: number
  readonly loweredAt: number
}

export function firstSloState(at: number): SloState {
  const demand = firstEstimate(at)
  return {
    capacity: nothingLearned(),
    demand,
    test: null,
    measuredSince: at,
    loweredAt: at,
  }
}

export function sloAfterBreak(before: SloState, at: number): SloState {
  return { ...before, demand: estimateAfterBreak(before.demand, at), measuredSince: at }
}

type Facts = {
  readonly sample: ScaleSample
  /** Replicas asked for, 1 at least. */
  readonly count: number
  readonly ceiling: number
  readonly at: number
  readonly elapsedMs: number
}

export function judgeSlo(
  before: SloState,
  rule: SloRule,
  facts: Facts,
): { state: SloState; judgement: Judgement } {
  const { sample, count, at, elapsedMs } = facts
  const { tokens, arrivals, ready } = sample
  if (!tokens) {
    const judgement = { ...plain(count, 'unmeasured'), holdsForMs: BETWEEN_DOWNS_MS }
    return { state: sloAfterBreak(before, at), judgement }
  }
  const demand = withDemand(before.demand, arrivals, tokens, { at, elapsedMs })
  const capacity = learned(before.capacity, rule.profile, sample, tokens, elapsedMs)
  const needs = needsOf(demand, sample, tokens, {
    slo: rule.slo,
    profile: corrected(rule.profile, capacity),
  })
  const known = backTest(before.test, Math.max(SHORTEST_START_MS, rule.profile.startMs), at)
  const need = Math.min(needs.usual, facts.ceiling)
  const test = tested(
    known,
    { need, arrivals, ready, ...outcomes(sample, tokens) },
    {
      at,
      slackMs: QUEUE_SHARE * rule.slo.firstTokenMs,
      target: rule.slo.attainment,
    },
  )
  const state = { ...before, demand, capacity, test }
  // Nothing that the flow needs now is taken away, whatever the rule says of its past.
  const kept = Math.min(count, Math.ceil(needs.surge))
  const wish = wanted(Math.max(advice(test), kept), needs, count)
  const inputs = inputsOf(needs, test, sample)
  if (wish.desired > count) {
    const judgement = { ...plain(wish.desired, wish.term), inputs, infeasible: needs.infeasible }
    return { state, judgement }
  }
  const next = lowered(state, test, wish.desired, facts)
  return { state: next.state, judgement: { ...next.judgement, inputs, infeasible: needs.infeasible } }
}

function wanted(advised: number, { surge }: Needs, count: number): { desired: number; term: ScaleTerm } {
  const isSurge = surge > SURGE_FACTOR * Math.max(count, advised)
  return isSurge ? { desired: Math.ceil(surge), term: 'sloSurge' } : { desired: advised, term: 'sloNeed' }
}

function lowered(state: SloState, { startMs }: BackTest, wish: number, { count, at }: Facts) {
  if (wish === count) return { state, judgement: plain(count, 'sloHold') }
  const alternative = { desired: wish, term: 'sloNeed' as const }
  const unmeasuredMs = 2 * startMs - (at - state.measuredSince)
  if (unmeasuredMs > 0) {
    return { state, judgement: { ...plain(count, 'unmeasured'), alternative, holdsForMs: unmeasuredMs } }
  }
  const quietMs = BETWEEN_DOWNS_MS - (at - state.loweredAt)
  if (quietMs > 0) {
    return { state, judgement: { ...plain(count, 'quietAfterDown'), alternative, holdsForMs: quietMs } }
  }
  const smallest = count - Math.max(1, Math.floor(LARGEST_DOWN_SHARE * count))
  return { state: { ...state, loweredAt: at }, judgement: plain(Math.max(wish, smallest), 'sloNeed') }
}

function learned(
  before: LearnedCapacity,
  prior: CapacityProfile,
  { ready, inFlight }: ScaleSample,
  { interTokenMs, context, prefilled }: TokenFlow,
  elapsedMs: number,
): LearnedCapacity {
  if (interTokenMs === null || ready === 0 || elapsedMs <= 0) return before
  return withBatch(before, prior, {
    sequences: inFlight / ready,
    contextTokens: context / ready,
    prefillTokensPerSecond: (prefilled * 1_000) / elapsedMs / ready,
    interTokenMs,
  })
}

/** A first token that is late because of a queue says nothing of the utilisation that it is counted at. */
function outcomes(
  { waiting }: ScaleSample,
  { firstTokens, lateFirstTokens, answers, slowAnswers }: TokenFlow,
) {
  if (waiting > 0) return { seen: answers, missed: slowAnswers }
  return { seen: Math.max(answers, firstTokens), missed: slowAnswers + lateFirstTokens }
}

function backTest(known: BackTest | null, startMs: number, at: number): BackTest {
  if (!known) return newBackTest(startMs, at)
  const drift = startMs / known.startMs
  return drift > START_DRIFT || drift < 1 / START_DRIFT ? newBackTest(startMs, at) : known
}

function inputsOf(needs: Needs, test: BackTest, { waiting, starting }: ScaleSample) {
  const { followed, attainment, startMs } = test
  const { usual, surge } = needs
  const rule = { rule: followed, ruleAttainment: attainment, startSeconds: startMs / 1_000 }
  return { need: usual, surge, waiting, starting, ...rule }
}

function plain(desired: number, term: ScaleTerm): Judgement {
  return { desired, term, inputs: {}, alternative: null, holdsForMs: 0, infeasible: false }
}
