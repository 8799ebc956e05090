/** Which rows of a long list of equal rows are drawn, and under which keys. Pure. */

export type RowWindow = {
  readonly first: number
  /** Exclusive. */
  readonly end: number
  /** A row is drawn under its index plus this. */
  readonly keyOffset: number
}

export const NO_ROWS: RowWindow = { first: 0, end: 0, keyOffset: 0 }

/** Drawn above and below what is seen: the browser scrolls before the page hears of it. */
const OVERSCAN_ROWS = 4

export type Scrolled = {
  readonly topPx: number
  readonly heightPx: number
  readonly rowPx: number
  readonly count: number
}

/**
 * What is seen, and a little more.
 *
 * A row that stays keeps its key, and with it its elements and the focus. After a jump hardly any stays: then every
 * element is used again for another row, which costs a browser a fraction of building it anew.
 */
export function rowWindow(before: RowWindow, { topPx, heightPx, rowPx, count }: Scrolled): RowWindow {
  const seen = Math.max(0, Math.floor(topPx / rowPx))
  const end = Math.min(count, Math.ceil((topPx + heightPx) / rowPx) + OVERSCAN_ROWS)
  const first = Math.max(0, Math.min(seen - OVERSCAN_ROWS, end))
  const staying = Math.min(end, before.end) - Math.max(first, before.first)
  const isJump = staying * 2 < end - first
  const keyOffset = isJump ? before.keyOffset + before.first - first : before.keyOffset
  return first === before.first && end === before.end ? before : { first, end, keyOffset }
}

/** The rows of a window, each with its key. */
export const drawnRows = ({ first, end, keyOffset }: RowWindow) =>
  Array.from({ length: end - first }, (_, place) => ({
    index: first + place,
    key: first + place + keyOffset,
  }))
