/**
 * The mean of a value over the last seconds, in bounded space: one cell per second, each holding value × time.
 *
 * A value stands for the time since the value before. Plain numbers throughout, so that it is stored as JSON and an
 * older state stays what it was.
 */

const CELL_MS = 1_000

export type TimeAverage = {
  /** Value × milliseconds, by second modulo the length. */
  readonly cells: readonly number[]
  /** Measured without a break since. */
  readonly since: number
  readonly until: number
}

/** @param longestMs the longest window that will be asked for. */
export function emptyAverage(longestMs: number, at: number): TimeAverage {
  // One cell more: a window rarely begins with a second.
  return { cells: new Array<number>(Math.ceil(longestMs / CELL_MS) + 1).fill(0), since: at, until: at }
}

export function withValue(before: TimeAverage, value: number, at: number): TimeAverage {
  if (at <= before.until) return before
  const cells = before.cells.slice()
  const length = cells.length
  let from = Math.max(before.until, at - length * CELL_MS)
  while (from < at) {
    const second = Math.floor(from / CELL_MS)
    const end = Math.min(at, (second + 1) * CELL_MS)
    const index = second % length
    const isNewCell = from === second * CELL_MS || from !== before.until
    cells[index] = (isNewCell ? 0 : cells[index]!) + value * (end - from)
    from = end
  }
  return { cells, since: before.since, until: at }
}

/** Forgets everything: what follows is not comparable with what was. */
export function restarted(before: TimeAverage, at: number): TimeAverage {
  return emptyAverage((before.cells.length - 1) * CELL_MS, at)
}

export function covers(average: TimeAverage, windowMs: number): boolean {
  return average.until - average.since >= windowMs
}

/** The mean over the last `windowMs`, or over as much of it as was measured; 0 before anything was. */
export function meanOver({ cells, since, until }: TimeAverage, windowMs: number): number {
  const from = Math.max(since, until - windowMs)
  if (from >= until) return 0
  const first = Math.floor(from / CELL_MS)
  const last = Math.ceil(until / CELL_MS) - 1
  let sum = 0
  for (let second = first; second <= last; second++) {
    const cell = cells[second % cells.length]!
    // The window begins within this cell: its value is taken as even over the part that was measured.
    const cellFrom = Math.max(second * CELL_MS, since)
    const cellTo = Math.min((second + 1) * CELL_MS, until)
    sum += from > cellFrom ? (cell * (cellTo - from)) / (cellTo - cellFrom) : cell
  }
  return Math.max(0, sum / (until - from))
}
