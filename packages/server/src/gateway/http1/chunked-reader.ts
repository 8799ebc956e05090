/**
 * Reads a body sent in chunks, in whatever pieces it comes.
 *
 * Sizes are plain hexadecimal and lines end in CRLF; a chunk extension is a fault, because nobody needs one and readers
 * have disagreed about where it ends. Pure.
 */
import { HeadScan, readFieldLines } from './field-lines.ts'
import { NO_NAMES } from './field-names.ts'

const CR = 0x0d
const LF = 0x0a
/** Of a size, leading zeros included. */
const MOST_DIGITS = 12
const TRAILER_BYTES = 8 * 1024
const EMPTY_LINE = Buffer.from('\r\n')
const NOTHING: readonly string[] = []

type State = 'size' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailers' | 'done' | 'broken'

export class ChunkedReader {
  #state: State = 'size'
  #size = 0
  #digits = 0
  #trailerBytes: Buffer | undefined
  #trailerScan: HeadScan | undefined
  #trailers = NOTHING
  #fault = ''

  get isDone(): boolean {
    return this.#state === 'done'
  }

  /** A chunk comes next, and nothing of it has come. */
  get isBetween(): boolean {
    return this.#state === 'size' && this.#digits === 0
  }

  /** Why it is not well formed; empty while it is. */
  get fault(): string {
    return this.#fault
  }

  /** As name, value; complete when it is done. */
  get trailers(): readonly string[] {
    return this.#trailers
  }

  /**
   * @param data told where in `bytes` payload lies.
   * @returns the position after what belongs to the body, or after the fault.
   */
  read(bytes: Buffer, from: number, to: number, data: (from: number, to: number) => void): number {
    let at = from
    while (at < to) {
      const byte = bytes[at]!
      switch (this.#state) {
        case 'size': {
          const digit = hexDigit(byte)
          if (digit >= 0) {
            if (++this.#digits > MOST_DIGITS) return this.#break('a chunk is too large', at)
            this.#size = this.#size * 16 + digit
          } else if (byte === CR && this.#digits > 0) this.#state = 'size-lf'
          else return this.#break('a chunk has no plain size', at)
          at++
          break
        }
        case 'size-lf':
          if (byte !== LF) return this.#break('the size of a chunk does not end in CRLF', at)
          this.#state = this.#size === 0 ? 'trailers' : 'data'
          at++
          break
        case 'data': {
          const end = Math.min(to, at + this.#size)
          data(at, end)
          this.#size -= end - at
          at = end
          if (this.#size === 0) this.#state = 'data-cr'
          break
        }
        case 'data-cr':
          if (byte !== CR) return this.#break('a chunk is longer than its size', at)
          this.#state = 'data-lf'
          at++
          break
        case 'data-lf':
          if (byte !== LF) return this.#break('a chunk does not end in CRLF', at)
          this.#state = 'size'
          this.#digits = 0
          at++
          break
        case 'trailers':
          at = this.#readTrailers(bytes, at, to)
          break
        case 'done':
        case 'broken':
          return at
        default:
          this.#state satisfies never
      }
    }
    return at
  }

  /** The empty line alone is how nearly every body ends. */
  #readTrailers(bytes: Buffer, from: number, to: number): number {
    if (!this.#trailerBytes && bytes[from] === CR && bytes[from + 1] === LF && from + 1 < to) {
      this.#state = 'done'
      return from + 2
    }
    const before = this.#trailerBytes?.length ?? 0
    const all = Buffer.concat([this.#trailerBytes ?? NO_BYTES, bytes.subarray(from, to)])
    this.#trailerBytes = all
    this.#trailerScan ??= new HeadScan(TRAILER_BYTES)
    const end = this.#trailerScan.look(all)
    if (end === 'more') return to
    if (end === 'too-long') return this.#break('its trailers are too long', to)
    if (typeof end !== 'number') return this.#break(end.fault, to)
    const lines = readFieldLines(all.toString('latin1', 0, end - EMPTY_LINE.length), 0, NO_NAMES)
    if ('fault' in lines) return this.#break(lines.fault, to)
    if ((lines['content-length'] ?? lines['transfer-encoding']) !== undefined) {
      return this.#break('a trailer says how the body is framed', to)
    }
    this.#trailers = lines.pairs
    this.#trailerBytes = undefined
    this.#state = 'done'
    return from + end - before
  }

  #break(fault: string, at: number): number {
    this.#fault = fault
    this.#state = 'broken'
    return at
  }
}

const NO_BYTES = Buffer.alloc(0)

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** What goes before a chunk's payload and after it. */
export const chunkStart = (bytes: number) => `${bytes.toString(16)}\r\n`
export const CHUNK_END = '\r\n'
export const LAST_CHUNK = '0\r\n\r\n'
