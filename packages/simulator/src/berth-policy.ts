/** The autoscaler itself, as the platform runs it. */
import type { ScaleMeasure, ScaleSpec } from '@berth/server/domain/scale/scale-spec'
import { firstScaleState, type ScaleState, step } from '@berth/server/domain/scale/step'
import type { Policy } from './policy.ts'

/** Any day at midnight: the schedules of a trace begin with it. */
const MIDNIGHT = Date.UTC(2026, 0, 5)
const DECIDE_EVERY_MS = 1_000

export type BerthSettings = {
  readonly name: string
  readonly family: string
  readonly measure: ScaleMeasure
  readonly min: number
  readonly max: number
  readonly idleTimeoutMs: number | null
  readonly beginWith: number
}

export function berthPolicy(settings: BerthSettings): Policy {
  const { name, family, measure, min, max, idleTimeoutMs, beginWith } = settings
  const spec: ScaleSpec = { min, max, measure, idleTimeoutMs, warmHours: [], cost: null }
  let state: ScaleState = firstScaleState(beginWith, MIDNIGHT)
  return {
    name,
    family,
    everyMs: DECIDE_EVERY_MS,
    decide(sample, now) {
      const result = step(state, sample, spec, MIDNIGHT + now)
      state = result.state
      return result.decision.desired
    },
  }
}
