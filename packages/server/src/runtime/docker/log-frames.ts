/**
 * Takes the daemon's log stream apart. Each piece of output is a frame: eight bytes that name the output and the
 * length, then a timestamp, a space and the text. A line longer than 16 KiB comes in several frames.
 *
 *     [1 or 2, 0, 0, 0, length (4 bytes)] 2026-01-02T03:04:05.000000006Z text…
 */
const HEADER_BYTES = 8
const LENGTH_OFFSET = 4
const SPACE = 0x20
/** A frame is a piece of at most 16 KiB; more than this is no log stream. */
const MAX_FRAME_BYTES = 1024 * 1024

export type LogFrame = {
  readonly output: 'stdout' | 'stderr'
  /** When the daemon read it, as the daemon writes it. */
  readonly timestamp: string
  readonly text: Buffer
}

export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  /** @returns the frames that `chunk` completes. */
  push(chunk: Buffer): readonly LogFrame[] {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    const frames: LogFrame[] = []
    let at = 0
    while (at + HEADER_BYTES <= bytes.length) {
      const length = bytes.readUInt32BE(at + LENGTH_OFFSET)
      if (length > MAX_FRAME_BYTES) throw new Error(`a log frame of ${length} bytes is none`)
      const end = at + HEADER_BYTES + length
      if (end > bytes.length) break
      frames.push(frameOf(bytes[at], bytes.subarray(at + HEADER_BYTES, end)))
      at = end
    }
    this.#rest = Buffer.from(bytes.subarray(at))
    return frames
  }
}

function frameOf(output: number | undefined, payload: Buffer): LogFrame {
  const space = payload.indexOf(SPACE)
  return {
    output: output === 2 ? 'stderr' : 'stdout',
    timestamp: payload.toString('latin1', 0, Math.max(0, space)),
    text: payload.subarray(space + 1),
  }
}

/**
 * How far a log was read, so that reading can go on in another stream. Timestamps are not unique: the frames of a
 * long line share one, so those already read at the last timestamp are counted.
 */
export class LogPosition {
  #timestamp: string | undefined
  #framesAtTimestamp = 0
  #toSkip = 0

  /** As it was written down by `place`; the beginning for what is no place. */
  static at(place: string | undefined): LogPosition {
    const position = new LogPosition()
    const [, timestamp, frames] = /^([\dTZ:.-]+)#(\d+)$/.exec(place ?? '') ?? []
    position.#timestamp = timestamp
    position.#framesAtTimestamp = Number(frames ?? 0)
    return position
  }

  get place(): string {
    return `${this.#timestamp ?? ''}#${this.#framesAtTimestamp}`
  }

  /** Whether what was written then was read already. Lines follow each other within a millisecond, so all digits count. */
  isAfter(timestamp: string): boolean {
    return this.#timestamp !== undefined && unixTime(timestamp) <= unixTime(this.#timestamp)
  }

  /** The value of the daemon's `since`, which includes that moment; nothing before anything was read. */
  resume(): string | undefined {
    this.#toSkip = this.#framesAtTimestamp
    return this.#timestamp === undefined ? undefined : unixTime(this.#timestamp)
  }

  /** @returns whether the frame is new. */
  take({ timestamp }: LogFrame): boolean {
    if (timestamp !== this.#timestamp) {
      this.#timestamp = timestamp
      this.#framesAtTimestamp = 0
      this.#toSkip = 0
    } else if (this.#toSkip > 0) {
      this.#toSkip -= 1
      return false
    }
    this.#framesAtTimestamp += 1
    return true
  }
}

/** With nanoseconds, which a number could not hold; later times are greater as texts, until the year 2286. */
function unixTime(timestamp: string): string {
  const nanoseconds = /\.(\d+)/.exec(timestamp)?.[1] ?? ''
  return `${Math.floor(Date.parse(timestamp) / 1000)}.${nanoseconds.padEnd(9, '0')}`
}
