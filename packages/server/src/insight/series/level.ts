/** The widths of intervals that are kept, and for how long: fine for what was just now, coarse for last month. */

export type Level = {
  /** In file names. */
  readonly name: string
  readonly widthMs: number
  /** What one file holds. */
  readonly fileMs: number
  readonly keptMs: number
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** The finest first. The width of each is a multiple of the one before, and every file begins with an interval. */
export const LEVELS: readonly [Level, Level, Level] = [
  { name: '10s', widthMs: 10_000, fileMs: HOUR_MS, keptMs: 6 * HOUR_MS },
  { name: '1m', widthMs: MINUTE_MS, fileMs: DAY_MS, keptMs: 7 * DAY_MS },
  { name: '1h', widthMs: HOUR_MS, fileMs: 10 * DAY_MS, keptMs: 30 * DAY_MS },
]

export const FINEST = LEVELS[0]

export const floorTo = (at: number, widthMs: number) => Math.floor(at / widthMs) * widthMs

/** The coarsest level that shows a step as it is, or a finer step where the past is not kept so fine. */
export function levelFor(range: {
  readonly from: number
  readonly stepMs: number
  readonly now: number
}): Level {
  const kept = LEVELS.filter(({ keptMs }) => range.from >= range.now - keptMs)
  const fitting = kept.filter(({ widthMs }) => range.stepMs % widthMs === 0 && range.stepMs >= widthMs)
  return fitting.at(-1) ?? kept[0] ?? LEVELS[2]
}
