/** Between which counts an endpoint may be, and which rule says so. */
import type { Judgement, ScaleTerm } from './scale-decision.ts'
import { REPLICA_LIMIT, type ScaleSpec } from './scale-spec.ts'
import type { WarmMinimum } from './warm-hours.ts'

export type Bound = { readonly count: number; readonly term: ScaleTerm }

export type Bounds = { readonly floor: Bound; readonly ceiling: Bound }

/** Total: contradictory or senseless numbers give the tighter, harmless reading. A ceiling beats a floor. */
export function boundsOf(spec: ScaleSpec, warm: WarmMinimum | null): Bounds {
  const max = wholeNumber(spec.max, 1, REPLICA_LIMIT)
  const affordable = affordableCount(spec.cost)
  const ceiling: Bound =
    affordable < max ? { count: affordable, term: 'costCeiling' } : { count: max, term: 'maximum' }
  const min = wholeNumber(spec.min, 0, max)
  const warmCount = wholeNumber(warm?.minReplicas ?? 0, 0, REPLICA_LIMIT)
  const floor: Bound =
    warmCount > min ? { count: warmCount, term: 'warmHours' } : { count: min, term: 'minimum' }
  return { floor: floor.count > ceiling.count ? ceiling : floor, ceiling }
}

function affordableCount(cost: ScaleSpec['cost']): number {
  if (!cost || !(cost.perReplicaHour > 0) || Number.isNaN(cost.ceilingPerHour)) return REPLICA_LIMIT
  // A ceiling of exactly three replicas is three, whatever floating point makes of it.
  return wholeNumber(cost.ceilingPerHour / cost.perReplicaHour + 1e-9, 0, REPLICA_LIMIT)
}

/** A judgement that a bound changes keeps what it wanted as its alternative. */
export function within(
  bounds: Bounds,
  judgement: Judgement,
  inputs: Readonly<Record<string, number>>,
): Judgement {
  const { floor, ceiling } = bounds
  const { desired, term } = judgement
  const bound = desired > ceiling.count ? ceiling : desired < floor.count ? floor : undefined
  if (!bound) return judgement
  return {
    ...judgement,
    desired: bound.count,
    term: bound.term,
    inputs: { ...judgement.inputs, ...inputs },
    alternative: { desired, term },
  }
}

function wholeNumber(value: number, smallest: number, largest: number): number {
  if (Number.isNaN(value)) return smallest
  return Math.min(Math.max(Math.floor(value), smallest), largest)
}
