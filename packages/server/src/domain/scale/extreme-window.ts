/** The largest and the smallest of a value over the last while, to the resolution of a cell, in bounded space. */

const NOTHING_SEEN = -1

export type ExtremeWindow = {
  readonly cellMs: number
  readonly largest: readonly number[]
  readonly smallest: readonly number[]
  /** The newest cell: milliseconds divided by `cellMs`. */
  readonly cell: number
}

export function emptyExtremes(windowMs: number, cells: number, at: number): ExtremeWindow {
  const cellMs = Math.max(1, windowMs / cells)
  const nothing = new Array<number>(cells + 1).fill(NOTHING_SEEN)
  return { cellMs, largest: nothing, smallest: nothing, cell: Math.floor(at / cellMs) }
}

/** @param value from 0. */
export function withExtreme(before: ExtremeWindow, value: number, at: number): ExtremeWindow {
  const { cellMs } = before
  const length = before.largest.length
  const cell = Math.max(before.cell, Math.floor(at / cellMs))
  const largest = before.largest.slice()
  const smallest = before.smallest.slice()
  for (let skipped = Math.max(before.cell + 1, cell - length + 1); skipped <= cell; skipped++) {
    largest[skipped % length] = NOTHING_SEEN
    smallest[skipped % length] = NOTHING_SEEN
  }
  const index = cell % length
  largest[index] = Math.max(largest[index]!, value)
  smallest[index] = smallest[index] === NOTHING_SEEN ? value : Math.min(smallest[index]!, value)
  return { cellMs, largest, smallest, cell }
}

export function largestOf({ largest }: ExtremeWindow): number {
  let found = 0
  for (const value of largest) if (value > found) found = value
  return found
}

export function smallestOf({ smallest }: ExtremeWindow): number {
  let found = Number.POSITIVE_INFINITY
  for (const value of smallest) if (value !== NOTHING_SEEN && value < found) found = value
  return found === Number.POSITIVE_INFINITY ? 0 : found
}
