/**
 * Which of many simple rules to follow: the cheapest of those that would have kept the promise lately.
 *
 * All experts run all the time against the real load. An expert's replicas are ready only after a cold start; what
 * exceeds them queues, and requests that meet a long queue count as missed; the others miss as often as requests were
 * seen to miss at that utilisation; replicas cost. Old times fade. Forecast, head-room and cold start are thus learned
 * together, and what is followed can be told: "this rule would have kept 96 % for so many replica-hours".
 */
import {
  countBy,
  EXPERTS,
  FIRST_EXPERT,
  isReasonable,
  RULES,
  SIGNALS,
  SMOOTHING_MS,
  signalOf,
} from './experts.ts'
import { type ExtremeWindow, emptyExtremes, largestOf, smallestOf, withExtreme } from './extreme-window.ts'
import { BINS, binOf, type MissCurve, missShares, noMisses, withOutcome } from './miss-curve.ts'

const HOLD_CELLS = 12
const LAG_CELLS = 8
/** Utilisation is judged over about as long as an answer takes. */
const UTILISATION_SMOOTHING = 1
const HALF_LIFE_MS = 6 * 3_600_000
const CURVE_HALF_LIFE_MS = 12 * 3_600_000
const LARGEST_WEIGHT = 1e6
const EVIDENCE_MS = 5 * 60_000
const CHOOSE_EVERY_MS = 10_000
/** Another expert has to be cheaper by this share to be followed instead. */
const WORTH_SWITCHING = 0.03

export type BackTest = {
  readonly startMs: number
  readonly smoothed: readonly number[]
  readonly holds: readonly ExtremeWindow[]
  /** Of each held signal over the last cold start: what is ready now was asked for all that time. */
  readonly lags: readonly ExtremeWindow[]
  readonly curve: MissCurve
  /** By expert: replica-milliseconds queued, requests that met a long queue, replica-milliseconds. */
  readonly backlogs: readonly number[]
  readonly queued: readonly number[]
  readonly costs: readonly number[]
  /** By expert and bin of utilisation: the other requests. */
  readonly arrivals: readonly number[]
  readonly requests: number
  /** What a request or a replica-millisecond counts at present. */
  readonly weight: number
  readonly testedMs: number
  readonly followed: number
  readonly attainment: number
  readonly switchedAt: number
  readonly chosenAt: number
  readonly at: number
}

export type Observation = {
  readonly need: number
  readonly arrivals: number
  readonly ready: number
  /** Requests whose promise was kept or missed since the last observation, those that had queued left out. */
  readonly seen: number
  readonly missed: number
}

export function newBackTest(startMs: number, at: number): BackTest {
  const zeros = (length: number) => new Array<number>(length).fill(0)
  return {
    startMs,
    smoothed: zeros(SMOOTHING_MS.length),
    holds: SIGNALS.map(({ holdStarts }) => emptyExtremes(holdStarts * startMs, HOLD_CELLS, at)),
    lags: SIGNALS.map(() => emptyExtremes(startMs, LAG_CELLS, at)),
    curve: noMisses(),
    backlogs: zeros(EXPERTS),
    queued: zeros(EXPERTS),
    costs: zeros(EXPERTS),
    arrivals: zeros(EXPERTS * BINS),
    requests: 0,
    weight: 1,
    testedMs: 0,
    followed: FIRST_EXPERT,
    attainment: 1,
    switchedAt: at,
    chosenAt: at,
    at,
  }
}

/** @param slackMs a queue that takes longer makes a request miss. */
export function tested(
  before: BackTest,
  observation: Observation,
  { at, slackMs, target }: { at: number; slackMs: number; target: number },
): BackTest {
  const { need, ready, seen, missed } = observation
  const elapsedMs = Math.max(0, at - before.at)
  const smoothed = before.smoothed.map((value, i) => {
    const isFirst = before.testedMs === 0
    return isFirst ? need : value + (need - value) * (1 - Math.exp(-elapsedMs / SMOOTHING_MS[i]!))
  })
  const holds = before.holds.map((window, i) => withExtreme(window, smoothed[SIGNALS[i]!.smoothing]!, at))
  const lags = before.lags.map((window, i) => withExtreme(window, largestOf(holds[i]!), at))
  const fading = 0.5 ** (elapsedMs / CURVE_HALF_LIFE_MS)
  const utilisation = smoothed[UTILISATION_SMOOTHING]! / Math.max(1, ready)
  const curve = ready > 0 ? withOutcome(before.curve, utilisation, { seen, missed, fading }) : before.curve
  const windows = { ...before, smoothed, holds, lags, curve, testedMs: before.testedMs + elapsedMs, at }
  const next = played(windows, observation, elapsedMs, slackMs)
  const isDue = at - next.chosenAt >= CHOOSE_EVERY_MS && next.testedMs >= EVIDENCE_MS
  return isDue ? followingBest({ ...next, chosenAt: at }, target, need > ready) : next
}

/** How many replicas the followed expert asks for. */
export function advice({ followed, holds }: BackTest): number {
  return countBy(followed % RULES, largestOf(holds[signalOf(followed)]!))
}

/** Lets every expert live through what just passed. */
function played(
  before: BackTest,
  { need, arrivals }: Observation,
  elapsedMs: number,
  slackMs: number,
): BackTest {
  const test = before.weight > LARGEST_WEIGHT ? lighter(before) : before
  const weight = test.weight * 2 ** (elapsedMs / HALF_LIFE_MS)
  const backlogs = test.backlogs.slice()
  const costs = test.costs.slice()
  const ready = new Array<number>(EXPERTS)
  let isAvoidable = false
  for (let signal = 0; signal < SIGNALS.length; signal++) {
    const readySignal = smallestOf(test.lags[signal]!)
    const askedSignal = largestOf(test.holds[signal]!)
    for (let rule = 0; rule < RULES; rule++) {
      const expert = signal * RULES + rule
      const own = countBy(rule, readySignal)
      const backlog = Math.max(0, backlogs[expert]! + (need - own) * elapsedMs)
      ready[expert] = own
      backlogs[expert] = backlog
      costs[expert] = costs[expert]! + weight * countBy(rule, askedSignal) * elapsedMs
      if (backlog <= slackMs * own && isReasonable(rule)) isAvoidable = true
    }
  }
  const next = { ...test, weight, backlogs, costs }
  return arrivals > 0 ? { ...next, ...counted(next, ready, weight * arrivals, slackMs, isAvoidable) } : next
}

/** What even generous rules could not have avoided is held against none. */
function counted(
  test: BackTest,
  ready: readonly number[],
  arrivals: number,
  slackMs: number,
  isAvoidable: boolean,
) {
  const queued = test.queued.slice()
  const byBin = test.arrivals.slice()
  const usual = test.smoothed[UTILISATION_SMOOTHING]!
  for (let expert = 0; expert < EXPERTS; expert++) {
    const bin = expert * BINS + binOf(usual / ready[expert]!)
    if (test.backlogs[expert]! <= slackMs * ready[expert]!) byBin[bin] = byBin[bin]! + arrivals
    else if (isAvoidable) queued[expert] = queued[expert]! + arrivals
  }
  return { queued, arrivals: byBin, requests: test.requests + arrivals }
}

/** Old times fade because new ones weigh more; now and then all of it is made lighter. */
function lighter(test: BackTest): BackTest {
  const share = (counts: readonly number[]) => counts.map((count) => count / test.weight)
  return {
    ...test,
    queued: share(test.queued),
    costs: share(test.costs),
    arrivals: share(test.arrivals),
    requests: test.requests / test.weight,
    weight: 1,
  }
}

/** In the middle of an overload nobody can tell a cheap rule from a good one: then only a better one is followed. */
function followingBest(test: BackTest, target: number, isOverloaded: boolean): BackTest {
  const { followed, backlogs, costs, switchedAt, at, startMs } = test
  const shares = missShares(test.curve)
  const kept = attainmentOf(test, followed, shares)
  const required = requiredAttainment(test, shares, target)
  let best = followed
  let bestKept = kept
  for (let expert = 0; expert < EXPERTS; expert++) {
    if (backlogs[expert]! > backlogs[followed]!) continue
    const attainment = attainmentOf(test, expert, shares)
    const isBetter =
      attainment >= required
        ? bestKept < required || costs[expert]! < costs[best]!
        : bestKept < required && attainment > bestKept
    if (!isBetter) continue
    best = expert
    bestKept = attainment
  }
  const isWorthIt =
    kept >= required
      ? !isOverloaded &&
        costs[best]! < (1 - WORTH_SWITCHING) * costs[followed]! &&
        at - switchedAt >= 2 * startMs
      : best !== followed
  if (!isWorthIt) return { ...test, attainment: kept }
  return { ...test, followed: best, attainment: bestKept, switchedAt: at }
}

/**
 * What no expert could have kept, a burst within a cold start, is not made up for by excess at other times: half of
 * what may be missed is left for what can be helped.
 */
function requiredAttainment(test: BackTest, shares: readonly number[], target: number): number {
  let best = 0
  for (let expert = 0; expert < EXPERTS; expert++) best = Math.max(best, attainmentOf(test, expert, shares))
  return Math.min(target, best - (1 - target) / 2)
}

function attainmentOf({ requests, queued, arrivals }: BackTest, expert: number, shares: readonly number[]) {
  if (requests === 0) return 1
  let missed = queued[expert]!
  for (let bin = 0; bin < BINS; bin++) missed += arrivals[expert * BINS + bin]! * shares[bin]!
  return 1 - missed / requests
}
