/** Reads the head of a request from its text. Pure. */
import { readFieldLines } from '../http1/field-lines.ts'
import { ONCE, type Refused, type RequestHead, requestOf } from './request-rules.ts'

export type { RequestHead } from './request-rules.ts'

const VERSION = 'HTTP/1.'

/** How a client begins that has not asked which protocol is spoken. */
const HTTP2 = 'PRI * HTTP/2.0'
const NO_HTTP2 = 'HTTP/2 is spoken over TLS only, where both sides agree on it'
const NO_HTTP1 = 'it does not begin as an HTTP/1.1 request does'

/** @param text latin1, complete but for the empty line that ends it, in which `HeadScan` found no fault. */
export function requestHeadIn(text: string): RequestHead | Refused {
  const lineEnd = text.indexOf('\r\n')
  const methodEnd = text.indexOf(' ')
  const urlEnd = text.indexOf(' ', methodEnd + 1)
  const minor = urlEnd + 1 + VERSION.length
  const hasVersion = urlEnd !== -1 && minor + 1 === lineEnd && text.startsWith(VERSION, urlEnd + 1)
  if (!hasVersion) return { status: 400, fault: text.startsWith(HTTP2) ? NO_HTTP2 : NO_HTTP1 }
  const lines = readFieldLines(text, lineEnd + 2, ONCE)
  if ('fault' in lines) return { status: 400, fault: lines.fault }
  const start = {
    method: text.slice(0, methodEnd),
    url: text.slice(methodEnd + 1, urlEnd),
    version: text[minor] === '1' ? '1.1' : `1.${text[minor]}`,
  }
  return requestOf(start, lines)
}
