/**
 * Scaling by a latency promise: what the load needs by a learned capacity, held for a few cold starts, times a head-room
 * learned from the promises kept and missed (`head-room.ts`).
 *
 * Up at once and to the full count: by the need, or by a surge that has not become part of it yet. Down by a quarter at
 * most and not twice within half a minute.
 */
import type { CapacityProfile } from './capacity-profile.ts'
import {
  type DemandEstimate,
  estimateAfterBreak,
  firstEstimate,
  type Needs,
  needsOf,
  withDemand,
} from './demand-estimate.ts'
import { type ExtremeWindow, emptyExtremes, largestOf, withExtreme } from './extreme-window.ts'
import { firstHeadRoom, type HeadRoom, missedPercent, SMALLEST_HEAD_ROOM, withOutcomes } from './head-room.ts'
import { corrected, type LearnedCapacity, nothingLearned, withBatch } from './learned-capacity.ts'
import type { Judgement, ScaleTerm } from './scale-decision.ts'
import type { ScaleSample, TokenFlow } from './scale-sample.ts'
import type { LatencySlo } from './scale-spec.ts'
import { arrivalsUntilSurge } from './surge.ts'

const BETWEEN_DOWNS_MS = 30_000
const LARGEST_DOWN_SHARE = 0.25
/**
 * A replica is let go when so much of it is spare. Let go at the first thread of it, it is asked for again when the need
 * wavers by as little, which costs a start and its cold requests (decision 93).
 */
const SPARE_REPLICA = 0.5
/** A surge has to need this much more than what was asked for. */
const SURGE_FACTOR = 1.6
/** The need is smoothed over about as long as an answer of a conversation takes. */
const SMOOTHING_MS = 60_000
/** What was needed within so many cold starts may be needed again before a new replica could be ready. */
const HELD_STARTS = 3
const HELD_CELLS = 24
/** Promises missed before the first replicas could be ready teach nothing. */
const TEACHING_FROM_STARTS = 2
const SHORTEST_START_MS = 5_000
/** A cold start that is learned to be so much longer or shorter makes the need be held for another while. */
const START_DRIFT = 1.5
const NEVER = Number.MAX_SAFE_INTEGER

export type SloRule = { readonly slo: LatencySlo; readonly profile: CapacityProfile }

type HeldNeed = {
  readonly smoothed: number
  /** The same, raised at once by a surge, so that it fades if nothing follows. */
  readonly raised: number
  readonly held: ExtremeWindow
  readonly startMs: number
}

export type SloState = {
  readonly capacity: LearnedCapacity
  readonly demand: DemandEstimate
  readonly headRoom: HeadRoom | null
  /** The smoothed need, and its largest of the last cold starts; null before the first sample. */
  readonly need: HeldNeed | null
  readonly measuredSince: number
  readonly loweredAt: number
  /** So many arrivals until the next judgement could be a surge. */
  readonly surgeArrivals: number
}

export function firstSloState(at: number): SloState {
  return {
    capacity: nothingLearned(),
    demand: firstEstimate(at),
    headRoom: null,
    need: null,
    measuredSince: at,
    loweredAt: at,
    surgeArrivals: NEVER,
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
  const { sample, count, ceiling, at, elapsedMs } = facts
  const { tokens, arrivals, ready } = sample
  if (!tokens) {
    const judgement = { ...plain(count, 'unmeasured'), holdsForMs: BETWEEN_DOWNS_MS }
    return { state: sloAfterBreak(before, at), judgement }
  }
  const demand = withDemand(before.demand, arrivals, tokens, { at, elapsedMs })
  const capacity = learned(before.capacity, rule.profile, sample, tokens, elapsedMs)
  const profile = corrected(rule.profile, capacity)
  const needs = needsOf(demand, sample, tokens, { slo: rule.slo, profile })
  const startMs = Math.max(SHORTEST_START_MS, rule.profile.startMs)
  const need = held(before.need, Math.min(needs.usual, ceiling), { startMs, at, elapsedMs })
  const { attainment } = rule.slo
  const hasStarted = at - before.measuredSince >= TEACHING_FROM_STARTS * startMs
  const headRoom = withOutcomes(before.headRoom ?? firstHeadRoom(at, attainment), outcomesOf(tokens), {
    need: need.smoothed,
    ready,
    attainment,
    canTeach: hasStarted && !needs.infeasible,
    at,
  })
  const wish = wanted(headRoom.factor, need, needs, count)
  const raised = wish.term === 'sloSurge' ? Math.max(need.raised, needs.surge) : need.raised
  const state = {
    ...before,
    demand,
    capacity,
    need: { ...need, raised },
    headRoom,
    surgeArrivals: surgeArrivals(demand, needs, Math.max(count, wish.desired), ceiling),
  }
  const inputs = {
    need: needs.usual,
    largestNeed: largestOf(need.held),
    headRoom: headRoom.factor,
    missedPercent: missedPercent(headRoom),
    surge: needs.surge,
    startSeconds: startMs / 1_000,
    waiting: sample.waiting,
    starting: sample.starting,
  }
  const extras = { inputs, infeasible: needs.infeasible }
  if (wish.desired > count) return { state, judgement: { ...plain(wish.desired, wish.term), ...extras } }
  const next = lowered(state, startMs, wish.desired, facts)
  return { state: next.state, judgement: { ...next.judgement, ...extras } }
}

function held(
  before: HeldNeed | null,
  need: number,
  { startMs, at, elapsedMs }: { startMs: number; at: number; elapsedMs: number },
): HeldNeed {
  const windowMs = HELD_STARTS * startMs
  if (!before) {
    const window = emptyExtremes(windowMs, HELD_CELLS, at)
    return { smoothed: need, raised: need, held: withExtreme(window, need, at), startMs }
  }
  const weight = 1 - Math.exp(-elapsedMs / SMOOTHING_MS)
  const smoothed = before.smoothed + (need - before.smoothed) * weight
  const raised = before.raised + (need - before.raised) * weight
  const drift = startMs / before.startMs
  const isOther = drift > START_DRIFT || drift < 1 / START_DRIFT
  const window = isOther
    ? withExtreme(emptyExtremes(windowMs, HELD_CELLS, at), largestOf(before.held), at)
    : before.held
  const held = withExtreme(window, smoothed, at)
  return { smoothed, raised, held, startMs: isOther ? startMs : before.startMs }
}

function wanted(
  headRoom: number,
  { held, raised }: HeldNeed,
  { surge, certainSurge }: Needs,
  count: number,
): { desired: number; term: ScaleTerm } {
  const usual = Math.max(1, settled(headRoom * Math.max(largestOf(held), raised), count))
  if (certainSurge <= SURGE_FACTOR * Math.max(count, usual)) return { desired: usual, term: 'sloNeed' }
  return { desired: Math.max(usual, Math.ceil(SMALLEST_HEAD_ROOM * surge)), term: 'sloSurge' }
}

/** As many as hold `replicas`; those there are stay while less than a good part of one is too many. */
function settled(replicas: number, count: number): number {
  const fewest = Math.ceil(replicas)
  return fewest > count ? fewest : Math.min(count, Math.ceil(replicas + SPARE_REPLICA))
}

/** As soon as so many came the endpoint is judged again (`urgency.ts`). */
function surgeArrivals(
  demand: DemandEstimate,
  { perRequestPerSecond, answerMs }: Needs,
  count: number,
  ceiling: number,
): number {
  if (count >= ceiling || perRequestPerSecond <= 0) return NEVER
  return arrivalsUntilSurge(demand, answerMs, (SURGE_FACTOR * count) / perRequestPerSecond)
}

function lowered(state: SloState, startMs: number, wish: number, { count, at }: Facts) {
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

function outcomesOf({ firstTokens, lateFirstTokens, answers, slowAnswers }: TokenFlow) {
  return { seen: Math.max(answers, firstTokens), missed: slowAnswers + lateFirstTokens }
}

function plain(desired: number, term: ScaleTerm): Judgement {
  return { desired, term, inputs: {}, alternative: null, holdsForMs: 0, infeasible: false }
}
