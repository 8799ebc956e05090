/** Which stretch of time the graphs show: the last so much of it, or one that was chosen. Pure. */

export const lastRanges = ['15m', '1h', '6h', '24h', '7d', '30d'] as const
export type LastRange = (typeof lastRanges)[number]

export type TimeRange =
  | { readonly kind: 'last'; readonly last: LastRange }
  | { readonly kind: 'between'; readonly from: number; readonly to: number }

const MINUTE_MS = 60_000
const LENGTH_MS: Readonly<Record<LastRange, number>> = {
  '15m': 15 * MINUTE_MS,
  '1h': 60 * MINUTE_MS,
  '6h': 360 * MINUTE_MS,
  '24h': 24 * 60 * MINUTE_MS,
  '7d': 7 * 24 * 60 * MINUTE_MS,
  '30d': 30 * 24 * 60 * MINUTE_MS,
}
/** What the server keeps at its finest. */
const FINEST_S = 10
const POINTS = 180
/** How often what moves is asked for again, at the most. */
const FASTEST_REFRESH_MS = 5_000
/** A range shorter than this was not meant. */
const SHORTEST_MS = MINUTE_MS

export const lengthMs = (range: TimeRange): number =>
  range.kind === 'last' ? LENGTH_MS[range.last] : range.to - range.from

/** In whole steps of what the server keeps, so that about as many points come as can be told apart. */
export function stepSeconds(range: TimeRange): number {
  const wanted = lengthMs(range) / 1_000 / POINTS
  const unit = wanted <= 60 ? FINEST_S : wanted <= 3_600 ? 60 : 3_600
  return Math.max(FINEST_S, Math.ceil(wanted / unit) * unit)
}

export function boundsOf(range: TimeRange, now: number): { readonly from: number; readonly to: number } {
  return range.kind === 'between' ? range : { from: now - LENGTH_MS[range.last], to: now }
}

/** False for a range that lies in the past as a whole: nothing of it changes any more. */
export function refreshMs(range: TimeRange): number | false {
  return range.kind === 'last' ? Math.max(FASTEST_REFRESH_MS, (stepSeconds(range) * 1_000) / 2) : false
}

export function chosenRange(from: number, to: number): TimeRange {
  const middle = (from + to) / 2
  const half = Math.max(SHORTEST_MS, to - from) / 2
  return { kind: 'between', from: Math.round(middle - half), to: Math.round(middle + half) }
}
