/**
 * Scaling by requests without an HTTP status yet, as the managed service documents it, in one published reading:
 *
 * - up: every 20 s, when the 20 s mean per replica is above the threshold, at most once in 60 s; to the count that
 *   brings it back, or by one when `oneAtATime`. Twice the threshold for 2 s needs no 20 s: a burst goes up at once;
 * - down: every 120 s, by one, when the 120 s mean, all of it after the last raise, leaves one replica fewer at 80 %
 *   of the threshold; then 300 s without another.
 *
 * The count asked for is the supply, started or not, so that a queue in front of starting replicas is not paid for
 * twice: while some of them are missing only growing arrivals raise the count again.
 */
import type { Judgement, ScaleTerm } from './scale-decision.ts'
import type { ScaleSample } from './scale-sample.ts'
import { covers, emptyAverage, meanOver, restarted, type TimeAverage, withValue } from './time-average.ts'

const BURST_WINDOW_MS = 2_000
const UP_WINDOW_MS = 20_000
const UP_EVERY_MS = 20_000
const BETWEEN_UPS_MS = 60_000
const DOWN_WINDOW_MS = 120_000
const DOWN_EVERY_MS = 120_000
const QUIET_AFTER_DOWN_MS = 300_000
const BURST_FACTOR = 2
const DOWN_FACTOR = 0.8

export type PendingState = {
  readonly pending: TimeAverage
  /** Arrivals per second. */
  readonly arrivals: TimeAverage
  readonly nextUpAt: number
  readonly nextDownAt: number
  readonly lastUpAt: number | null
  readonly quietUntil: number
  /** More were pending at the last judgement than a burst has to have. */
  readonly isBurst: boolean
  /** The count at the last raise and the arrivals per second that it was made for. */
  readonly raise: { readonly count: number; readonly arrivalRate: number } | null
}

export type PendingRule = { readonly perReplica: number; readonly oneAtATime: boolean }

export function firstPendingState(at: number): PendingState {
  return {
    pending: emptyAverage(DOWN_WINDOW_MS, at),
    arrivals: emptyAverage(UP_WINDOW_MS, at),
    nextUpAt: at + UP_EVERY_MS,
    nextDownAt: at + DOWN_EVERY_MS,
    lastUpAt: null,
    quietUntil: at,
    raise: null,
    isBurst: false,
  }
}

/** So many pending requests at once are twice the threshold: they do not wait for the next look. */
export function isBurst(pending: number, count: number, { perReplica }: PendingRule): boolean {
  return pending > BURST_FACTOR * perReplica * count
}

/** The windows begin anew: what came before is too old to be compared. */
export function pendingAfterBreak(before: PendingState, at: number): PendingState {
  return {
    ...before,
    pending: restarted(before.pending, at),
    arrivals: restarted(before.arrivals, at),
    nextUpAt: at + UP_EVERY_MS,
    nextDownAt: at + DOWN_EVERY_MS,
  }
}

/** @param count replicas asked for, 1 at least. @param elapsedMs since the sample before. */
export function judgePending(
  before: PendingState,
  rule: PendingRule,
  { sample, count, at, elapsedMs }: { sample: ScaleSample; count: number; at: number; elapsedMs: number },
): { state: PendingState; judgement: Judgement } {
  const pending = withValue(before.pending, sample.pending, at)
  const arrivalRate = elapsedMs > 0 ? (sample.arrivals * 1_000) / elapsedMs : 0
  const arrivals = withValue(before.arrivals, arrivalRate, at)
  const isUpDue = at >= before.nextUpAt
  const isDownDue = at >= before.nextDownAt
  const state = {
    ...before,
    pending,
    arrivals,
    isBurst: isBurst(sample.pending, count, rule),
    nextUpAt: isUpDue ? at + UP_EVERY_MS : before.nextUpAt,
    nextDownAt: isDownDue ? at + DOWN_EVERY_MS : before.nextDownAt,
  }
  const up = wantedUp(state, rule, { sample, count, at }, isUpDue)
  if (up) return raised(state, rule, { ...up, sample, count, at })
  // What was measured before a raise says nothing against it.
  const isSettled = state.lastUpAt === null || at - state.lastUpAt >= DOWN_WINDOW_MS
  if (isDownDue && isSettled && count > 1 && covers(pending, DOWN_WINDOW_MS))
    return lowered(state, rule, count, at)
  const inputs = { perReplica: meanOver(pending, UP_WINDOW_MS) / count, threshold: rule.perReplica }
  return { state, judgement: judgement(count, 'steady', inputs, state.nextDownAt - at) }
}

function wantedUp(
  state: PendingState,
  rule: PendingRule,
  { sample, count, at }: { sample: ScaleSample; count: number; at: number },
  isUpDue: boolean,
) {
  const { pending, lastUpAt } = state
  const burst = meanOver(pending, BURST_WINDOW_MS)
  if (!rule.oneAtATime && covers(pending, BURST_WINDOW_MS) && isBurst(burst, count, rule)) {
    // The load may have begun in the middle of the window: what is there now is all of it.
    const mean = Math.max(burst, sample.pending)
    return { mean, wanted: Math.ceil(mean / rule.perReplica) }
  }
  if (!isUpDue || !covers(pending, UP_WINDOW_MS)) return undefined
  if (lastUpAt !== null && at - lastUpAt < BETWEEN_UPS_MS) return undefined
  const mean = meanOver(pending, UP_WINDOW_MS)
  if (mean <= rule.perReplica * count) return undefined
  const needed = Math.ceil(mean / rule.perReplica)
  return { mean, wanted: rule.oneAtATime ? count + 1 : Math.max(count + 1, needed) }
}

function raised(
  state: PendingState,
  rule: PendingRule,
  facts: { mean: number; wanted: number; sample: ScaleSample; count: number; at: number },
): { state: PendingState; judgement: Judgement } {
  const { mean, wanted, sample, count, at } = facts
  const inputs = { perReplica: mean / count, threshold: rule.perReplica, starting: sample.starting }
  const arrivalRate = Math.max(
    meanOver(state.arrivals, BURST_WINDOW_MS),
    meanOver(state.arrivals, UP_WINDOW_MS),
  )
  const { raise } = state
  const isComplete = sample.ready >= count
  const growth = raise && raise.arrivalRate > 0 ? Math.max(1, arrivalRate / raise.arrivalRate) : 1
  const desired = isComplete || !raise ? wanted : Math.min(wanted, Math.ceil(raise.count * growth))
  if (desired <= count) {
    const held = judgement(count, 'awaitingStarts', inputs, state.nextDownAt - at)
    return { state, judgement: { ...held, alternative: { desired: wanted, term: 'pendingHigh' } } }
  }
  const next = { ...state, lastUpAt: at, raise: { count: desired, arrivalRate } }
  return { state: next, judgement: judgement(desired, 'pendingHigh', inputs, next.nextDownAt - at) }
}

function lowered(state: PendingState, rule: PendingRule, count: number, at: number) {
  const mean = meanOver(state.pending, DOWN_WINDOW_MS)
  const inputs = { perReplicaWithOneFewer: mean / (count - 1), threshold: rule.perReplica }
  if (mean > DOWN_FACTOR * rule.perReplica * (count - 1)) {
    return { state, judgement: judgement(count, 'steady', inputs, state.nextDownAt - at) }
  }
  if (at < state.quietUntil) {
    const held = judgement(count, 'quietAfterDown', inputs, state.quietUntil - at)
    return { state, judgement: { ...held, alternative: { desired: count - 1, term: 'pendingLow' as const } } }
  }
  const next = { ...state, quietUntil: at + QUIET_AFTER_DOWN_MS, raise: null }
  return { state: next, judgement: judgement(count - 1, 'pendingLow', inputs, QUIET_AFTER_DOWN_MS) }
}

function judgement(
  desired: number,
  term: ScaleTerm,
  inputs: Readonly<Record<string, number>>,
  holdsForMs: number,
): Judgement {
  return { desired, term, inputs, alternative: null, holdsForMs, infeasible: false }
}

/** How many a sleeping endpoint wakes with: enough for a burst, one for anything less. */
export function wakingFor(waiting: number, rule: PendingRule): number {
  if (rule.oneAtATime || waiting <= BURST_FACTOR * rule.perReplica) return 1
  return Math.ceil(waiting / rule.perReplica)
}
