/** How the head of an answer is written, and how its body is framed for this client. Pure. */
import { http } from '../../platform/node-http.ts'
import type { AnswerStart } from './front.ts'

export type AnswerFraming =
  /** There is no body, whatever the headers say. */
  | 'none'
  | 'length'
  | 'chunked'
  /** The body ends with the connection. */
  | 'until-close'

/** @param persists what is said of the connection, where it may serve another request after this answer. */
export function writeHead(
  { status, reason, lines, bytes, date }: AnswerStart,
  framing: AnswerFraming,
  now: string,
  persists: string | undefined,
): string {
  // A 204 has no body, so a reader who believed a length would take the next answer for it.
  const length = bytes === undefined || status === 204 ? '' : `content-length: ${bytes}\r\n`
  const coding = framing === 'chunked' ? 'transfer-encoding: chunked\r\n' : ''
  return `${statusLine(status, reason)}${lines}date: ${date ?? now}\r\n${length}${coding}${persists ?? CLOSES}\r\n`
}

const CLOSES = 'connection: close\r\n'

export const persistsFor = (ms: number) =>
  `connection: keep-alive\r\nkeep-alive: timeout=${Math.floor(ms / 1_000)}\r\n`

export function framingOf(
  { status, bytes }: Pick<AnswerStart, 'status' | 'bytes'>,
  { method, isHttp10 }: { readonly method: string; readonly isHttp10: boolean },
): AnswerFraming {
  if (method === 'HEAD' || status === 204 || status === 304) return 'none'
  if (bytes !== undefined) return 'length'
  return isHttp10 ? 'until-close' : 'chunked'
}

/** @param lines as an answer's. */
export const writeInterim = (status: number, reason: string, lines: string) =>
  `${statusLine(status, reason)}${lines}\r\n`

function statusLine(status: number, reason: string): string {
  const isUsual = reason === '' || reason === http.STATUS_CODES[status]
  return (isUsual && USUAL_LINES[status]) || `HTTP/1.1 ${status} ${reason}\r\n`
}

/** By status: most answers begin with one of them. */
const USUAL_LINES: string[] = []
for (const status of Object.keys(http.STATUS_CODES)) {
  USUAL_LINES[Number(status)] = `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n`
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
    i % 2 === 1 || NO_TRAILER.has(name.toLowerCase()) ? [] : [name, trailers[i + 1]!],
  )
}

/** The end of a body in chunks. */
export function writeTrailers(trailers: readonly string[]): string {
  const passable = passableTrailers(trailers)
  let text = '0\r\n'
  for (let i = 0; i < passable.length; i += 2) text += `${passable[i]}: ${passable[i + 1]}\r\n`
  return `${text}\r\n`
}
