/** Replica-hours at equal attainment: what the best setting of others, chosen with hindsight, would have cost. */

export type CostPoint = { readonly attainment: number; readonly replicaHours: number }

/** Those points that no other beats in both, cheapest first. */
export function frontier<P extends CostPoint>(points: readonly P[]): P[] {
  const sorted = points.toSorted((a, b) => a.replicaHours - b.replicaHours || b.attainment - a.attainment)
  const best: P[] = []
  for (const point of sorted) {
    const last = best.at(-1)
    if (!last || point.attainment > last.attainment) best.push(point)
  }
  return best
}

/**
 * @returns what this attainment costs on the frontier, interpolated between two points; null when none of them reaches
 *   it. Below the cheapest point its cost counts: nobody offers less.
 */
export function costAt(attainment: number, points: readonly CostPoint[]): number | null {
  const best = frontier(points)
  const upper = best.findIndex((point) => point.attainment >= attainment)
  const above = best[upper]
  if (!above) return null
  const below = best[upper - 1]
  if (!below) return above.replicaHours
  const share = (attainment - below.attainment) / (above.attainment - below.attainment)
  return below.replicaHours + share * (above.replicaHours - below.replicaHours)
}

export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}
