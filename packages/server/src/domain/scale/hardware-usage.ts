/**
 * Scaling by how busy the hardware is, as the managed service documents it, in one published reading:
 *
 * - up: every 60 s, when the 60 s mean is at the threshold or above; to the count that brings it back, or by one when
 *   `oneAtATime`;
 * - down: every 120 s, by one, when the 60 s mean leaves one replica fewer at 90 % of the threshold; then 300 s
 *   without another.
 *
 * Replicas asked for and not ready yet count as idle ones, so that they are not asked for again.
 */
import type { Judgement, ScaleTerm } from './scale-decision.ts'
import type { ScaleSample } from './scale-sample.ts'
import { covers, emptyAverage, meanOver, restarted, type TimeAverage, withValue } from './time-average.ts'

const WINDOW_MS = 60_000
const UP_EVERY_MS = 60_000
const DOWN_EVERY_MS = 120_000
const QUIET_AFTER_DOWN_MS = 300_000
const DOWN_FACTOR = 0.9

export type HardwareState = {
  /** Percent, summed over the ready replicas. */
  readonly usage: TimeAverage
  readonly nextUpAt: number
  readonly nextDownAt: number
  readonly quietUntil: number
}

export type HardwareRule = { readonly percent: number; readonly oneAtATime: boolean }

export function firstHardwareState(at: number): HardwareState {
  return {
    usage: emptyAverage(WINDOW_MS, at),
    nextUpAt: at + UP_EVERY_MS,
    nextDownAt: at + DOWN_EVERY_MS,
    quietUntil: at,
  }
}

export function hardwareAfterBreak(before: HardwareState, at: number): HardwareState {
  return { ...firstHardwareState(at), quietUntil: before.quietUntil }
}

/** @param count replicas asked for, 1 at least. */
export function judgeHardware(
  before: HardwareState,
  rule: HardwareRule,
  { sample, count, at }: { sample: ScaleSample; count: number; at: number },
): { state: HardwareState; judgement: Judgement } {
  const { hardwareUsage, ready } = sample
  if (hardwareUsage === null) {
    const state = { ...before, usage: restarted(before.usage, at) }
    return { state, judgement: judgement(count, 'unmeasured', { threshold: rule.percent }, WINDOW_MS) }
  }
  const usage = withValue(before.usage, hardwareUsage * Math.min(ready, count), at)
  const isUpDue = at >= before.nextUpAt
  const isDownDue = at >= before.nextDownAt
  const state = {
    ...before,
    usage,
    nextUpAt: isUpDue ? at + UP_EVERY_MS : before.nextUpAt,
    nextDownAt: isDownDue ? at + DOWN_EVERY_MS : before.nextDownAt,
  }
  const total = meanOver(usage, WINDOW_MS)
  const inputs = { percent: total / count, threshold: rule.percent }
  if (isUpDue && covers(usage, WINDOW_MS) && total >= rule.percent * count) {
    const needed = Math.ceil(total / rule.percent)
    const desired = rule.oneAtATime ? count + 1 : Math.max(count + 1, needed)
    return { state, judgement: judgement(desired, 'hardwareHigh', inputs, state.nextDownAt - at) }
  }
  if (isDownDue && count > 1 && covers(usage, WINDOW_MS)) return lowered(state, rule, count, at, total)
  return { state, judgement: judgement(count, 'steady', inputs, state.nextDownAt - at) }
}

function lowered(state: HardwareState, rule: HardwareRule, count: number, at: number, total: number) {
  const inputs = { percentWithOneFewer: total / (count - 1), threshold: rule.percent }
  if (total >= DOWN_FACTOR * rule.percent * (count - 1)) {
    return { state, judgement: judgement(count, 'steady', inputs, state.nextDownAt - at) }
  }
  if (at < state.quietUntil) {
    const held = judgement(count, 'quietAfterDown', inputs, state.quietUntil - at)
    return {
      state,
      judgement: { ...held, alternative: { desired: count - 1, term: 'hardwareLow' as const } },
    }
  }
  const next = { ...state, quietUntil: at + QUIET_AFTER_DOWN_MS }
  return { state: next, judgement: judgement(count - 1, 'hardwareLow', inputs, QUIET_AFTER_DOWN_MS) }
}

function judgement(
  desired: number,
  term: ScaleTerm,
  inputs: Readonly<Record<string, number>>,
  holdsForMs: number,
): Judgement {
  return { desired, term, inputs, alternative: null, holdsForMs, infeasible: false }
}
