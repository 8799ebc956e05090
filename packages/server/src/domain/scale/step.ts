/**
 * The autoscaler's judgement: how many replicas, after one more sample.
 *
 *     decision = the last of folding `step` over the samples
 *
 * Pure and total. Whatever comes in, senseless samples, missing ones, a clock that jumps, it decides a whole number
 * within the bounds, and it never goes down on what it did not measure: after a break the windows begin anew and
 * must fill before anything is taken away. A state is plain data, never altered, and replays after a restart.
 *
 * Time inside a state only moves forward and only by what passed between two samples.
 */
import { type Bounds, boundsOf, within } from './bounds.ts'
import {
  firstHardwareState,
  type HardwareState,
  hardwareAfterBreak,
  judgeHardware,
} from './hardware-usage.ts'
import {
  firstPendingState,
  judgePending,
  type PendingState,
  pendingAfterBreak,
  wakingFor,
} from './pending-requests.ts'
import type { Judgement, ScaleDecision, ScaleTerm } from './scale-decision.ts'
import { isUsable, type ScaleSample } from './scale-sample.ts'
import {
  DEFAULT_HARDWARE_PERCENT,
  DEFAULT_PENDING_PER_REPLICA,
  type ScaleMeasure,
  type ScaleSpec,
} from './scale-spec.ts'
import { firstSloState, judgeSlo, type SloState, sloAfterBreak } from './slo.ts'
import { type WarmMinimum, warmMinimum } from './warm-hours.ts'

/** Samples further apart are not one measurement: the endpoint is to be sampled more often than this. */
export const LONGEST_GAP_MS = 15_000

type MeasureState =
  | { readonly kind: 'pendingRequests'; readonly state: PendingState }
  | { readonly kind: 'hardwareUsage'; readonly state: HardwareState }
  | { readonly kind: 'slo'; readonly state: SloState }

export type ScaleState = {
  /** The count last decided. */
  readonly count: number
  /** Somebody asked for zero: it lasts until a request, whatever the minimum is. */
  readonly putToSleep: boolean
  /** Milliseconds since this state began, breaks left out. */
  readonly at: number
  /** The clock at the last step. */
  readonly clock: number
  readonly sampledAt: number
  readonly idleMs: number
  readonly measure: MeasureState | null
  readonly warm: WarmMinimum | null
}

/** @param count how many replicas are wanted at present: after a restart without a state, the stored target. */
export function firstScaleState(count: number, now: number): ScaleState {
  const base = { at: 0, clock: now, sampledAt: now, idleMs: 0, measure: null, warm: null }
  return { ...base, count: Math.max(0, Math.floor(count) || 0), putToSleep: false }
}

/** A person or a rule outside this judgement asked for zero. */
export function putToSleep(state: ScaleState): ScaleState {
  return { ...state, count: 0, putToSleep: true, idleMs: 0 }
}

/** @param sample undefined when nothing could be measured. */
export function step(
  before: ScaleState,
  sample: ScaleSample | undefined,
  spec: ScaleSpec,
  now: number,
): { state: ScaleState; decision: ScaleDecision } {
  const moment = Number.isFinite(now) ? now : before.clock
  const state = { ...before, clock: moment, warm: warmMinimum(spec.warmHours, moment, before.warm) }
  const bounds = boundsOf(spec, state.warm)
  if (!sample || !isUsable(sample)) return unmeasured(state, bounds, spec)
  const passedMs = moment - before.sampledAt
  const isBreak = passedMs < 0 || passedMs > LONGEST_GAP_MS
  const elapsedMs = isBreak ? 0 : passedMs
  const at = before.at + elapsedMs
  const measured = { ...state, at, sampledAt: moment, idleMs: idleMs(before, sample, elapsedMs) }
  const after = isBreak ? { ...measured, measure: afterBreak(measured.measure, at) } : measured
  return before.count === 0
    ? zero(after, sample, spec, bounds)
    : awake(after, sample, spec, bounds, elapsedMs)
}

/** A start never counts as idleness, and neither does time that nobody measured. */
function idleMs(before: ScaleState, sample: ScaleSample, elapsedMs: number): number {
  const isActive = sample.arrivals + sample.pending + sample.waiting + sample.inFlight > 0
  return isActive || sample.ready === 0 ? 0 : before.idleMs + elapsedMs
}

function unmeasured(state: ScaleState, bounds: Bounds, spec: ScaleSpec) {
  if (state.count === 0 && (state.putToSleep || bounds.floor.count === 0)) return asleep(state)
  return decided(state, plain(state.count, 'unmeasured'), bounds, spec)
}

function zero(state: ScaleState, sample: ScaleSample, spec: ScaleSpec, bounds: Bounds) {
  const isWanted = sample.arrivals + sample.waiting + sample.pending > 0
  if (!isWanted) {
    if (state.putToSleep || bounds.floor.count === 0) return asleep(state)
    return decided(state, plain(bounds.floor.count, bounds.floor.term), bounds, spec)
  }
  const fresh = { ...state, putToSleep: false, measure: measureState(spec.measure, null, state.at) }
  const waiting = Math.max(sample.waiting, sample.pending)
  const { judgement, ...rest } = judge(fresh, { ...sample, waiting }, spec, bounds, 1, 0)
  const count = Math.max(1, bounds.floor.count, wakeCount(spec.measure, waiting), judgement.desired)
  const woken = { ...fresh, measure: rest.measure }
  return decided(woken, { ...plain(count, 'wake'), inputs: { waiting } }, bounds, spec)
}

function wakeCount(measure: ScaleMeasure, waiting: number): number {
  return measure.kind === 'pendingRequests' ? wakingFor(waiting, pendingRule(measure)) : 1
}

function awake(state: ScaleState, sample: ScaleSample, spec: ScaleSpec, bounds: Bounds, elapsedMs: number) {
  const { judgement, measure } = judge(state, sample, spec, bounds, state.count, elapsedMs)
  const timeout = spec.idleTimeoutMs
  if (bounds.floor.count === 0 && timeout !== null && timeout > 0 && state.idleMs >= timeout) {
    const idle = { ...plain(0, 'idle'), inputs: { idleSeconds: state.idleMs / 1_000 } }
    const alternative = { desired: judgement.desired, term: judgement.term }
    return decided({ ...state, measure, idleMs: 0 }, { ...idle, alternative }, bounds, spec)
  }
  // Only idleness leads to zero.
  const desired = Math.max(1, judgement.desired)
  return decided({ ...state, measure }, { ...judgement, desired }, bounds, spec)
}

function judge(
  state: ScaleState,
  sample: ScaleSample,
  spec: ScaleSpec,
  bounds: Bounds,
  count: number,
  elapsedMs: number,
): { judgement: Judgement; measure: MeasureState } {
  const { at } = state
  const own = measureState(spec.measure, state.measure, at - elapsedMs)
  if (own.kind === 'pendingRequests' && spec.measure.kind === 'pendingRequests') {
    const rule = pendingRule(spec.measure)
    const next = judgePending(own.state, rule, { sample, count, at, elapsedMs })
    return { judgement: next.judgement, measure: { kind: own.kind, state: next.state } }
  }
  if (own.kind === 'hardwareUsage' && spec.measure.kind === 'hardwareUsage') {
    const rule = { ...spec.measure, percent: positive(spec.measure.percent, DEFAULT_HARDWARE_PERCENT) }
    const next = judgeHardware(own.state, rule, { sample, count, at })
    return { judgement: next.judgement, measure: { kind: own.kind, state: next.state } }
  }
  if (own.kind === 'slo' && spec.measure.kind === 'slo') {
    const ceiling = bounds.ceiling.count
    const next = judgeSlo(own.state, spec.measure, { sample, count, ceiling, at, elapsedMs })
    return { judgement: next.judgement, measure: { kind: own.kind, state: next.state } }
  }
  return { judgement: plain(count, 'steady'), measure: own }
}

/** A new measure begins with empty windows; the count stays until they are full. */
function measureState(measure: ScaleMeasure, known: MeasureState | null, at: number): MeasureState {
  if (known?.kind === measure.kind) return known
  switch (measure.kind) {
    case 'pendingRequests':
      return { kind: measure.kind, state: firstPendingState(at) }
    case 'hardwareUsage':
      return { kind: measure.kind, state: firstHardwareState(at) }
    case 'slo':
      return { kind: measure.kind, state: firstSloState(at) }
    default:
      return measure satisfies never
  }
}

function afterBreak(measure: MeasureState | null, at: number): MeasureState | null {
  switch (measure?.kind) {
    case undefined:
      return null
    case 'pendingRequests':
      return { kind: measure.kind, state: pendingAfterBreak(measure.state, at) }
    case 'hardwareUsage':
      return { kind: measure.kind, state: hardwareAfterBreak(measure.state, at) }
    case 'slo':
      return { kind: measure.kind, state: sloAfterBreak(measure.state, at) }
    default:
      return measure satisfies never
  }
}

function asleep(state: ScaleState): { state: ScaleState; decision: ScaleDecision } {
  const { holdsForMs: _, ...decision } = plain(0, 'asleep')
  return { state, decision: { ...decision, holdsUntil: state.clock } }
}

function decided(state: ScaleState, judgement: Judgement, bounds: Bounds, spec: ScaleSpec) {
  const ceilingInputs = spec.cost ? { ceilingPerHour: spec.cost.ceilingPerHour } : {}
  const { holdsForMs, ...decision } = within(bounds, judgement, ceilingInputs)
  const holdsUntil = state.clock + Math.max(0, holdsForMs)
  return { state: { ...state, count: decision.desired }, decision: { ...decision, holdsUntil } }
}

function plain(desired: number, term: ScaleTerm): Judgement {
  return { desired, term, inputs: {}, alternative: null, holdsForMs: 0, infeasible: false }
}

export function pendingRule(measure: Extract<ScaleMeasure, { kind: 'pendingRequests' }>) {
  return { ...measure, perReplica: positive(measure.perReplica, DEFAULT_PENDING_PER_REPLICA) }
}

function positive(value: number, otherwise: number): number {
  return value > 0 && Number.isFinite(value) ? value : otherwise
}
