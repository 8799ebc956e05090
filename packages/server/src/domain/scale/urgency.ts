/**
 * How often an endpoint is judged, and what does not wait for the next look.
 *
 * The gateways report several times a second and most of that changes nothing, so a report is only held against a bound
 * that the last judgement left behind. What crosses it is judged at once; whether it changes the count is for the
 * judgement to say.
 */
import { isBurst } from './pending-requests.ts'
import type { ScaleSpec } from './scale-spec.ts'
import { pendingRule, type ScaleState } from './step.ts'

/** Every endpoint that is awake, whatever comes. */
export const JUDGE_EVERY_MS = 2_000

/** Less than a gateway's report apart: what two of them report at the same moment is one sample. */
const SHORTEST_SAMPLE_MS = 200

/** What came since the last judgement, and what there is. */
export type News = { readonly arrivals: number; readonly pending: number; readonly waiting: number }

export function isUrgent(
  { count, measure, sampledAt }: ScaleState,
  spec: ScaleSpec,
  { arrivals, pending, waiting }: News,
  now: number,
): boolean {
  if (count === 0) return waiting > 0
  if (now - sampledAt < SHORTEST_SAMPLE_MS) return false
  if (measure?.kind === 'slo') return arrivals >= measure.state.surgeArrivals
  if (measure?.kind !== 'pendingRequests' || spec.measure.kind !== 'pendingRequests') return false
  const rule = pendingRule(spec.measure)
  return !rule.oneAtATime && !measure.state.isBurst && isBurst(pending, count, rule)
}
