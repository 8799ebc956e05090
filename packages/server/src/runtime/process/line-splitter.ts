/** Makes lines of bytes. Only whole lines are decoded, so a character split between two reads stays whole. */

/** Longer lines arrive in pieces of this size, so that an engine that never ends a line cannot fill our memory. */
export const MAX_LINE_BYTES = 256 * 1024

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

export class LineSplitter {
  #parts: Buffer[] = []
  #pendingBytes = 0

  /** @returns the lines that `chunk` completes. It keeps a copy of the rest, so the chunk may be reused. */
  push(chunk: Buffer): readonly string[] {
    return this.pushWithEnds(chunk).map(({ text }) => text)
  }

  /** The same, and how much of the chunk belongs to each line and to those before it. */
  pushWithEnds(chunk: Buffer): readonly { readonly text: string; readonly end: number }[] {
    const lines: { text: string; end: number }[] = []
    let start = 0
    while (start < chunk.length) {
      const room = MAX_LINE_BYTES - this.#pendingBytes
      const lineFeed = chunk.subarray(start, start + room + 1).indexOf(LINE_FEED)
      if (lineFeed >= 0) {
        const text = this.#take(chunk.subarray(start, start + lineFeed))
        start += lineFeed + 1
        lines.push({ text, end: start })
      } else if (chunk.length - start > room) {
        const text = this.#take(chunk.subarray(start, start + room))
        start += room
        lines.push({ text, end: start })
      } else {
        this.#keep(chunk.subarray(start))
        break
      }
    }
    return lines
  }

  /** A last line without an end. */
  flush(): readonly string[] {
    return this.#pendingBytes > 0 ? [this.#take(Buffer.alloc(0))] : []
  }

  #keep(rest: Buffer): void {
    this.#parts.push(Buffer.from(rest))
    this.#pendingBytes += rest.length
  }

  #take(end: Buffer): string {
    const line = Buffer.concat([...this.#parts, end])
    this.#parts = []
    this.#pendingBytes = 0
    return line.toString('utf8', 0, line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length)
  }
}
