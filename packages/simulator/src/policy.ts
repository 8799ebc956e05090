/** A rule that says how many replicas there should be. It sees what a real one would see, and nothing of the future. */
import type { ScaleSample } from '@berth/server/domain/scale/scale-sample'

export type Policy = {
  /** "hpa 8": the rule and its setting. */
  readonly name: string
  readonly family: string
  readonly everyMs: number
  /** @param now milliseconds since the start of the trace. */
  decide(sample: ScaleSample, now: number): number
}
