/**
 * The lines between a start line and a body, as HTTP/1.1 writes them: found, held to the letter, and read.
 *
 * Both sides of the gateway read with it. What a proxy and a server could read differently is refused: bare CR or LF,
 * folded lines, spaces before a colon, control characters, and repeated fields that may stand once. Pure.
 */

/** By name in lower case; what stands in several lines is joined. */
export type HeaderFields = Readonly<Record<string, string | undefined>>

/** A message's fields: as they came (name, value, name, value), and by name. */
export type FieldLines = { readonly raw: readonly string[]; readonly fields: HeaderFields }

const CR = 0x0d
const LF = 0x0a

/** Bytes that no head may have: controls but the tab, and DEL. */
const IS_FORBIDDEN = Uint8Array.from({ length: 256 }, (_, byte) =>
  (byte < 0x20 && byte !== 0x09 && byte !== CR && byte !== LF) || byte === 0x7f ? 1 : 0,
)

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Names in lower case by the spellings in which they came; most messages use the same few. */
const KNOWN_NAMES = new Map<string, string>()
const MOST_KNOWN_NAMES = 1_000

/** Finds where a head ends, in bytes that come in pieces; no byte is looked at twice. */
export class HeadScan {
  readonly #limitBytes: number
  #at = 0
  #lineStart = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
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

/**
 * Reads field lines, each ended by CRLF.
 * @param text latin1, in which `HeadScan` found no fault. @param once names that may stand in one line only.
 */
export function readFieldLines(
  text: string,
  from: number,
  once: ReadonlySet<string>,
): FieldLines | { readonly fault: string } {
  const raw: string[] = []
  const fields: Record<string, string | undefined> = Object.create(null)
  for (let at = from; at < text.length; ) {
    const end = text.indexOf('\r\n', at)
    const colon = text.indexOf(':', at)
    if (colon === -1 || colon > end) return { fault: 'a header has no colon' }
    const name = text.slice(at, colon)
    const lower = lowerCaseOf(name)
    if (lower === undefined) return { fault: 'a header has a name that is none' }
    // Readers disagree whether it is the coding that it seems to be.
    if (lower === 'transfer-encoding' && isBlank(text.charCodeAt(end - 1))) {
      return { fault: 'its Transfer-Encoding ends in a blank' }
    }
    const value = trimmed(text, colon + 1, end)
    raw.push(name, value)
    if (!addField(fields, lower, value, once)) return { fault: `it has more than one ${name} header` }
    at = end + 2
  }
  return { raw, fields }
}

/** What another parser has read. */
export function fieldsOf(
  raw: readonly string[],
  once: ReadonlySet<string>,
): FieldLines | { readonly fault: string } {
  const fields: Record<string, string | undefined> = Object.create(null)
  for (let i = 0; i < raw.length; i += 2) {
    const lower = lowerCaseOf(raw[i]!)
    if (lower === undefined) return { fault: 'a header has a name that is none' }
    if (!addField(fields, lower, raw[i + 1]!, once)) return { fault: `it has more than one ${raw[i]} header` }
  }
  return { raw, fields }
}

function addField(
  fields: Record<string, string | undefined>,
  name: string,
  value: string,
  once: ReadonlySet<string>,
): boolean {
  const before = fields[name]
  if (before === undefined) fields[name] = value
  else if (once.has(name)) return false
  else fields[name] = name === 'cookie' ? `${before}; ${value}` : `${before}, ${value}`
  return true
}

/** Undefined for what is no name. */
export function lowerCaseOf(name: string): string | undefined {
  const known = KNOWN_NAMES.get(name)
  if (known !== undefined) return known
  if (!NAME.test(name)) return undefined
  const lower = name.toLowerCase()
  // A slice would keep alive the whole head that it was cut from.
  if (KNOWN_NAMES.size < MOST_KNOWN_NAMES) KNOWN_NAMES.set(copyOf(name), copyOf(lower))
  return lower
}

const copyOf = (text: string) => Buffer.from(text, 'latin1').toString('latin1')

function trimmed(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

const isBlank = (code: number) => code === 0x20 || code === 0x09

/** A Content-Length that every reader reads alike; undefined for any other. */
export function lengthIn(value: string): number | undefined {
  return /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

/** The members of a comma-separated list, in lower case. */
export const listed = (value: string | undefined): readonly string[] =>
  value === undefined ? [] : value.split(',').map((member) => member.trim().toLowerCase())
