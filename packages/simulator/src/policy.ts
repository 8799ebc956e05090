/** A rule that says how many replicas there should be. It sees what a real one would see, and nothing of the future. */
import type { ScaleSample } from '@berth/server/domain/scale/scale-sample'
import type { News } from '@berth/server/domain/scale/urgency'

export type Policy = {
  /** "hpa 8": the rule and its setting. */
  readonly name: string
  readonly family: string
  readonly everyMs: number
  /**
   * Whether what the gateways report between two looks is to be judged at once. Rules that only look now and then have
   * none, and hear of a replica that became ready or died at their next look.
   */
  isUrgent?(news: News, now: number): boolean
  /** @param now milliseconds since the start of the trace. */
  decide(sample: ScaleSample, now: number): number
}
