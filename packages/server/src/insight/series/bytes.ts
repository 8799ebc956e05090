/** Numbers and short texts as bytes and back: whole numbers take as many bytes as they need. */

const FIRST_BYTES = 1_024

export class ByteWriter {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** A whole number from 0 up to the greatest safe one. */
  whole(value: number): void {
    this.#makeRoom(8)
    let rest = value
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.#length++] = rest
  }

  /** With seven digits. */
  float(value: number): void {
    this.#makeRoom(4)
    this.#length = this.#bytes.writeFloatLE(value, this.#length)
  }

  text(value: string): void {
    const bytes = Buffer.from(value)
    this.whole(bytes.length)
    this.raw(bytes)
  }

  raw(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** What was written; valid until more is. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
  }

  #makeRoom(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(2 * Math.max(this.#bytes.length, more))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}

export class ByteReader {
  readonly #bytes: Buffer
  at: number
  readonly end: number

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.#bytes = bytes
    this.at = at
    this.end = end
  }

  whole(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.#bytes[this.at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 0x80
    }
  }

  float(): number {
    const value = this.#bytes.readFloatLE(this.at)
    this.at += 4
    return value
  }

  text(): string {
    const length = this.whole()
    const value = this.#bytes.toString('utf8', this.at, this.at + length)
    this.at += length
    return value
  }
}
