/**
 * Finds `model`, `stream` and `stream_options` in a body that is still arriving, without parsing it.
 *
 * A chat's body may hold megabytes of images before its `model`, so the scanner looks at structure only: it
 * skips over strings at memory speed and decodes nothing but the two values. Of a key given twice the last one
 * counts, as in `JSON.parse`. It does not judge whether the body is valid: that is for the replica.
 */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OPEN = new Set([0x7b, 0x5b])
const CLOSE = new Set([0x7d, 0x5d])
const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d])
const OPEN_OBJECT = 0x7b

/** No key or value that matters is longer; a longer string is skipped without being kept. */
const KEPT_STRING_BYTES = 512

export class BodyScan {
  #model: string | undefined
  #stream = false
  #hasStreamOptions = false
  #depth = 0
  #isObject: boolean | undefined
  #done = false
  #inString = false
  #escaped = false
  #text: Buffer[] = []
  #textBytes = 0
  /** The last string seen at the top level, which is a key if a colon follows. */
  #lastString: string | undefined
  #key: string | undefined
  #literal = ''

  get model(): string | undefined {
    return this.#model
  }

  get stream(): boolean {
    return this.#stream
  }

  /** Whatever they are. */
  get hasStreamOptions(): boolean {
    return this.#hasStreamOptions
  }

  /** The top-level value has ended, or it is no object: nothing more will be found. */
  get done(): boolean {
    return this.#done
  }

  feed(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.#done) {
      at = this.#inString ? this.#string(chunk, at) : this.#structure(chunk, at)
    }
  }

  /** @returns where to go on: after the closing quote, or at the end of the chunk. */
  #string(chunk: Buffer, from: number): number {
    let at = from
    if (this.#escaped) {
      this.#escaped = false
      at++
    }
    let quote = chunk.indexOf(QUOTE, at)
    for (;;) {
      const end = quote === -1 ? chunk.length : quote
      const backslash = chunk.subarray(at, end).indexOf(BACKSLASH)
      if (backslash === -1) {
        this.#keep(chunk, from, end)
        if (quote === -1) return end
        this.#inString = false
        this.#stringEnded()
        return quote + 1
      }
      at += backslash + 2
      if (at >= chunk.length) {
        this.#escaped = at > chunk.length
        this.#keep(chunk, from, chunk.length)
        return chunk.length
      }
      if (quote !== -1 && quote < at) quote = chunk.indexOf(QUOTE, at)
    }
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    if (this.#depth !== 1 || this.#textBytes > KEPT_STRING_BYTES) return
    this.#textBytes += to - from
    if (this.#textBytes <= KEPT_STRING_BYTES) this.#text.push(Buffer.from(chunk.subarray(from, to)))
  }

  #stringEnded(): void {
    if (this.#depth !== 1) return
    const text = this.#textBytes > KEPT_STRING_BYTES ? undefined : unquoted(Buffer.concat(this.#text))
    this.#text = []
    this.#textBytes = 0
    if (this.#key === undefined) this.#lastString = text
    else if (this.#key === 'model') this.#model = text
  }

  #structure(chunk: Buffer, at: number): number {
    const byte = chunk[at]!
    if (byte === QUOTE) this.#inString = true
    else if (OPEN.has(byte)) this.#open(byte)
    else if (CLOSE.has(byte)) this.#close()
    else if (this.#depth === 1) this.#topLevel(byte)
    else if (this.#depth === 0 && !SPACE.has(byte) && this.#isObject === undefined) this.#done = true
    if (this.#inString && this.#depth === 0) this.#done = true
    return at + 1
  }

  #open(byte: number): void {
    this.#isObject ??= byte === OPEN_OBJECT
    if (!this.#isObject) this.#done = true
    this.#depth++
  }

  #close(): void {
    if (this.#depth === 1) this.#valueEnded()
    this.#depth--
    if (this.#depth <= 0) this.#done = true
  }

  #topLevel(byte: number): void {
    if (byte === COLON) {
      this.#key = this.#lastString ?? ''
      if (this.#key === 'stream_options') this.#hasStreamOptions = true
    } else if (byte === COMMA) {
      this.#valueEnded()
    } else if (!SPACE.has(byte) && this.#literal.length < 5) {
      this.#literal += String.fromCharCode(byte)
    }
  }

  #valueEnded(): void {
    if (this.#key === 'stream') this.#stream = this.#literal === 'true'
    this.#key = undefined
    this.#lastString = undefined
    this.#literal = ''
  }
}

function unquoted(inside: Buffer): string | undefined {
  try {
    return JSON.parse(`"${inside.toString('utf8')}"`)
  } catch {
    return undefined
  }
}

/** `model` of a multipart form, as speech clients send it; undefined when it is not in `start`. */
export function modelInForm(start: Buffer, contentType: string): string | undefined {
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType)
  const mark = boundary?.[1] ?? boundary?.[2]
  if (mark === undefined) return undefined
  for (const part of start.toString('latin1').split(`--${mark}`)) {
    const headEnd = part.indexOf('\r\n\r\n')
    if (headEnd === -1 || !part.endsWith('\r\n')) continue
    if (/^content-disposition:[^\r]*;\s*name="?model"?\s*(?:;|\r|$)/im.test(part.slice(0, headEnd))) {
      return part.slice(headEnd + 4, -2)
    }
  }
  return undefined
}
