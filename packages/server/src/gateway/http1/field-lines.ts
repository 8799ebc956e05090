/**
 * The lines between a start line and a body, as HTTP/1.1 writes them: found, held to the letter, and read.
 *
 * Both sides of the gateway read with it. What a proxy and a server could read differently is refused: bare CR or LF,
 * folded lines, spaces before a colon, control characters, and repeated fields that may stand once. Pure.
 */

import { type FieldName, NAME, NAMES, type NameSet, NO_NAMES, numberOf, OTHER } from './field-names.ts'

/** By name in lower case; what stands in several lines is joined. */
export type HeaderFields = { readonly [Name in FieldName]?: string | undefined }

const COOKIE = NAMES.indexOf('cookie')
const TRANSFER_ENCODING = NAMES.indexOf('transfer-encoding')

const CR = 0x0d
const LF = 0x0a

/** Bytes that no head may have: controls but the tab, and DEL. */
const IS_FORBIDDEN = Uint8Array.from({ length: 256 }, (_, byte) =>
  (byte < 0x20 && byte !== 0x09 && byte !== CR && byte !== LF) || byte === 0x7f ? 1 : 0,
)

/** Finds where a head ends, in bytes that come in pieces; no byte is looked at twice. */
export class HeadScan {
  readonly #limitBytes: number
  #at = 0
  #lineStart = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** The next bytes are of another head. */
  reset(): void {
    this.#at = 0
    this.#lineStart = 0
  }

  /**
   * @param bytes all that has come so far.
   * @returns the position after the empty line, `more`, or why it is no head.
   */
  look(bytes: Uint8Array): number | 'more' | 'too-long' | { readonly fault: string } {
    const end = Math.min(bytes.length, this.#limitBytes)
    let at = this.#at
    for (; at < end; at++) {
      const byte = bytes[at]!
      if (byte >= 0x20 && byte !== 0x7f) continue
      if (byte === LF) {
        if (bytes[at - 1] !== CR) return { fault: 'a line ends in a bare line feed' }
        if (at - 1 === this.#lineStart) return at + 1
        this.#lineStart = at + 1
      } else if (byte === CR) {
        if (at + 1 === bytes.length) break
        if (bytes[at + 1] !== LF) return { fault: 'it has a bare carriage return' }
      } else if (IS_FORBIDDEN[byte] === 1) {
        return { fault: 'it has a control character' }
      }
    }
    this.#at = at
    return at >= this.#limitBytes ? 'too-long' : 'more'
  }
}

/** A message's fields, as lines: `name: value`, each ended by CRLF. */
class Lines {
  readonly #text: string
  readonly #from: number
  /** For each line the number of its name and where it ends, without its CRLF. */
  readonly #marks: readonly number[]

  constructor(text: string, from: number, marks: readonly number[]) {
    this.#text = text
    this.#from = from
    this.#marks = marks
  }

  get count(): number {
    return this.#marks.length / 2
  }

  /** As they came: name, value, name, value. */
  get pairs(): string[] {
    return pairsIn(this.without(NO_NAMES))
  }

  value(number: number): string | undefined {
    const marks = this.#marks
    let value: string | undefined
    for (let i = 0; i < marks.length; i += 2) {
      if (marks[i] !== number) continue
      const more = this.#text.slice(this.#startOf(i) + NAMES[number]!.length + 2, marks[i + 1])
      value = value === undefined ? more : `${value}${number === COOKIE ? ';' : ','} ${more}`
    }
    return value
  }

  /** @param more further names, in lower case. @returns the lines of all other names. */
  without(names: NameSet, more: readonly string[] = NONE): string {
    const marks = this.#marks
    let kept = ''
    let from = -1
    for (let i = 0; i < marks.length; i += 2) {
      const isKept = names[marks[i]!] === 0 && (more.length === 0 || !more.includes(this.#nameOf(i)))
      if (isKept && from === -1) from = this.#startOf(i)
      else if (!isKept && from !== -1) {
        kept += this.#text.slice(from, this.#startOf(i))
        from = -1
      }
    }
    return from === -1 ? kept : kept + this.#text.slice(from, marks.at(-1)! + 2)
  }

  #startOf(mark: number): number {
    return mark === 0 ? this.#from : this.#marks[mark - 1]! + 2
  }

  #nameOf(mark: number): string {
    const number = this.#marks[mark]!
    if (number !== OTHER) return NAMES[number]!
    const start = this.#startOf(mark)
    return this.#text.slice(start, this.#text.indexOf(':', start)).toLowerCase()
  }
}

const NONE: readonly string[] = []

// Read only where somebody asks, which of most fields nobody does.
for (const [number, name] of NAMES.entries()) {
  Object.defineProperty(Lines.prototype, name, {
    get(this: Lines) {
      return this.value(number)
    },
  })
}

export type FieldLines = Lines & HeaderFields

/**
 * Reads field lines, each ended by CRLF.
 * @param text latin1, in which `HeadScan` found no fault. @param once names that may stand in one line only.
 */
export function readFieldLines(
  text: string,
  from: number,
  once: NameSet,
): FieldLines | { readonly fault: string } {
  const marks: number[] = []
  let isPlain = true
  for (let at = from; at < text.length; ) {
    const end = text.indexOf('\r\n', at)
    const colon = text.indexOf(':', at)
    if (colon === -1 || colon > end) return { fault: 'a header has no colon' }
    const number = numberOf(text, at, colon)
    if (number === OTHER && !NAME.test(text.slice(at, colon))) {
      return { fault: 'a header has a name that is none' }
    }
    // Readers disagree whether it is the coding that it seems to be.
    if (number === TRANSFER_ENCODING && isBlank(text.charCodeAt(end - 1))) {
      return { fault: 'its Transfer-Encoding ends in a blank' }
    }
    if (once[number] === 1 && isMarked(marks, number)) {
      return { fault: `it has more than one ${text.slice(at, colon)} header` }
    }
    isPlain &&= isPlainValue(text, colon + 1, end)
    marks.push(number, end)
    at = end + 2
  }
  // What is passed on is passed on as every reader reads it.
  return isPlain ? (new Lines(text, from, marks) as FieldLines) : readFieldLines(plainly(text, from), 0, once)
}

/** Of lines that have been read before, or that we have written. */
export function fieldsIn(lines: string): FieldLines {
  const fields = readFieldLines(lines, 0, NO_NAMES)
  if ('fault' in fields) throw new Error(`lines that were read are none: ${fields.fault}`)
  return fields
}

/** What another parser has read, as name, value. */
export function fieldsOf(pairs: readonly string[], once: NameSet): FieldLines | { readonly fault: string } {
  let text = ''
  for (let i = 0; i < pairs.length; i += 2) {
    if (!NAME.test(pairs[i]!)) return { fault: 'a header has a name that is none' }
    if (/[\r\n]/.test(pairs[i + 1]!)) return { fault: 'a header has more than one line' }
    text += lineOf(pairs[i]!, pairs[i + 1]!)
  }
  return readFieldLines(text, 0, once)
}

export const lineOf = (name: string, value: string) => `${name}: ${value}\r\n`

/** The lines of fields that we say ourselves. */
export function linesOf(fields: Readonly<Record<string, string>>): string {
  let lines = ''
  for (const name in fields) lines += lineOf(name, fields[name]!)
  return lines
}

/** Name, value, name, value of lines that we have written, or passed on. */
export function pairsIn(lines: string): string[] {
  const pairs: string[] = []
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf('\r\n', at)
    const colon = lines.indexOf(': ', at)
    pairs.push(lines.slice(at, colon), lines.slice(colon + 2, end))
    at = end + 2
  }
  return pairs
}

function isMarked(marks: readonly number[], number: number): boolean {
  for (let i = 0; i < marks.length; i += 2) if (marks[i] === number) return true
  return false
}

/** One space before it, and none after it. */
function isPlainValue(text: string, from: number, to: number): boolean {
  if (text.charCodeAt(from) !== SPACE) return false
  return from + 1 === to || (!isBlank(text.charCodeAt(from + 1)) && !isBlank(text.charCodeAt(to - 1)))
}

function plainly(text: string, from: number): string {
  let lines = ''
  for (let at = from; at < text.length; ) {
    const end = text.indexOf('\r\n', at)
    const colon = text.indexOf(':', at)
    lines += lineOf(text.slice(at, colon), trimmed(text, colon + 1, end))
    at = end + 2
  }
  return lines
}

function trimmed(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

const SPACE = 0x20
const isBlank = (code: number) => code === 0x20 || code === 0x09

/** A Content-Length that every reader reads alike; undefined for any other. */
export function lengthIn(value: string): number | undefined {
  return /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

/** The members of a comma-separated list, in lower case. */
export const listed = (value: string | undefined): readonly string[] =>
  value === undefined ? NONE : value.split(',').map((member) => member.trim().toLowerCase())
