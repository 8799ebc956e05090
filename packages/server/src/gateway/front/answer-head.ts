/** How the head of an answer is written, and how its body is framed for this client. Pure. */
import { STATUS_CODES } from 'node:http'
import { lengthIn, lowerCaseOf } from '../http1/field-lines.ts'

export type AnswerFraming =
  /** There is no body, whatever the headers say. */
  | 'none'
  | 'length'
  | 'chunked'
  /** The body ends with the connection. */
  | 'until-close'

export type AnswerTo = {
  readonly method: string
  readonly isHttp10: boolean
  /** The connection may serve another request after this answer. */
  readonly mayPersist: boolean
  readonly keepAliveMs: number
  /** For the Date header, where the answer has none. */
  readonly date: string
}

export type WrittenHead = {
  readonly text: string
  readonly framing: AnswerFraming
  /** Of the body; 0 unless it is framed by its length. */
  readonly bytes: number
  readonly persists: boolean
}

/** @param headers as name, value; none that are meant for one connection. */
export function writeHead(
  status: number,
  reason: string,
  headers: readonly string[],
  to: AnswerTo,
): WrittenHead {
  let text = `HTTP/1.1 ${status} ${reason === '' ? (STATUS_CODES[status] ?? '') : reason}\r\n`
  let hasDate = false
  let length: number | undefined
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    const value = headers[i + 1]!
    // Longer or shorter than `date` and `content-length`, it is neither.
    if (name.length === 4) hasDate ||= lowerCaseOf(name) === 'date'
    else if (name.length === 14 && lowerCaseOf(name) === 'content-length') {
      length = lengthIn(value)
      // It has no body, so a reader who believed a length would take the next answer for it.
      if (status === 204) continue
    }
    text += `${name}: ${value}\r\n`
  }
  const framing = framingOf(status, length, to)
  const persists = to.mayPersist && framing !== 'until-close'
  if (!hasDate) text += `date: ${to.date}\r\n`
  if (framing === 'chunked') text += 'transfer-encoding: chunked\r\n'
  text += persists
    ? `connection: keep-alive\r\nkeep-alive: timeout=${Math.floor(to.keepAliveMs / 1_000)}\r\n\r\n`
    : 'connection: close\r\n\r\n'
  return { text, framing, bytes: framing === 'length' ? (length ?? 0) : 0, persists }
}

function framingOf(
  status: number,
  length: number | undefined,
  { method, isHttp10 }: AnswerTo,
): AnswerFraming {
  if (method === 'HEAD' || status === 204 || status === 304) return 'none'
  if (length !== undefined) return 'length'
  return isHttp10 ? 'until-close' : 'chunked'
}

export function writeInterim(status: number, reason: string, headers: readonly string[]): string {
  let text = `HTTP/1.1 ${status} ${reason === '' ? (STATUS_CODES[status] ?? '') : reason}\r\n`
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`
  return `${text}\r\n`
}

/** A trailer may say nothing that a head decides: framing, routing, who asks. */
const NO_TRAILER = new Set([
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'set-cookie',
  'trailer',
  'transfer-encoding',
])

/** @returns those that a client may be sent. */
export function passableTrailers(trailers: readonly string[]): readonly string[] {
  return trailers.flatMap((name, i) =>
    i % 2 === 1 || NO_TRAILER.has(lowerCaseOf(name) ?? '') ? [] : [name, trailers[i + 1]!],
  )
}

/** The end of a body in chunks. */
export function writeTrailers(trailers: readonly string[]): string {
  const passable = passableTrailers(trailers)
  let text = '0\r\n'
  for (let i = 0; i < passable.length; i += 2) text += `${passable[i]}: ${passable[i + 1]}\r\n`
  return `${text}\r\n`
}
