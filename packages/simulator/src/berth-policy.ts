/** The autoscaler itself, as the platform runs it. */
import type { ScaleSpec } from '@berth/server/domain/scale/scale-spec'
import { firstScaleState, type ScaleState, step } from '@berth/server/domain/scale/step'
import { isUrgent, JUDGE_EVERY_MS } from '@berth/server/domain/scale/urgency'
import type { Policy } from './policy.ts'

/** Any day at midnight: a trace begins with it, and so do its schedules. */
const MIDNIGHT = Date.UTC(2026, 0, 5)

export type BerthSettings = {
  readonly name: string
  readonly family: string
  readonly spec: ScaleSpec
  readonly beginWith: number
  /** When the trace began, for its schedules. */
  readonly beganAt?: number
}

export function berthPolicy({ name, family, spec, beginWith, beganAt = MIDNIGHT }: BerthSettings): Policy {
  let state: ScaleState = firstScaleState(beginWith, beganAt)
  return {
    name,
    family,
    everyMs: JUDGE_EVERY_MS,
    isUrgent: (news, now) => isUrgent(state, spec, news, beganAt + now),
    decide(sample, now) {
      const result = step(state, sample, spec, beganAt + now)
      state = result.state
      return result.decision.desired
    },
  }
}
