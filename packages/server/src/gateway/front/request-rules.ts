/**
 * What a request must be, to be let in: one that every server behind the gateway reads in the same way.
 *
 * Both fronts hold requests to these rules after they have found the lines; what is wrong with the lines themselves is
 * for `http1/field-lines.ts` and for Node's parser. Pure.
 */
import { http } from '../../platform/node-http.ts'
import { type FieldLines, fieldsOf, type HeaderFields, lengthIn, listed } from '../http1/field-lines.ts'
import { nameSet } from '../http1/field-names.ts'
import type { BodyKind } from './front.ts'

export type StartLine = { readonly method: string; readonly url: string; readonly version: string }

export type RequestHead = {
  readonly method: string
  readonly url: string
  readonly headers: FieldLines
  readonly body: BodyKind
  readonly expectsContinue: boolean
  readonly wantsUpgrade: boolean
  readonly isHttp10: boolean
  /** The connection may serve another request after this one. */
  readonly persists: boolean
  /** Its client reads trailers. */
  readonly takesTrailers: boolean
}

export type Refused = { readonly status: 400 | 431; readonly fault: string }

/** More are refused; Node's parser would leave the rest out without a word. */
export const MOST_FIELDS = 128

/** Fields whose second line would be a second opinion. */
export const ONCE = nameSet([
  'host',
  'authorization',
  'x-api-key',
  'content-length',
  'content-type',
  'transfer-encoding',
  'expect',
])

const KNOWN_METHODS = new Set(http.METHODS.filter((method) => method !== 'CONNECT'))
const NO_BODY: BodyKind = { kind: 'none' }
const CHUNKED: BodyKind = { kind: 'chunked' }

/** A host and a port, no more. */
const HOST = /^[\w.~!$&'()*+;=:%[\]-]*$/
/** Printable, and without a fragment, which is never sent. */
const URL_CHARACTERS = /^[!"$-~]+$/

/** @param fields as another parser has read them: name, value. */
export function requestOfRaw(start: StartLine, fields: readonly string[]): RequestHead | Refused {
  const lines = fieldsOf(fields, ONCE)
  return 'fault' in lines ? { status: 400, fault: lines.fault } : requestOf(start, lines)
}

export function requestOf({ method, url, version }: StartLine, headers: FieldLines): RequestHead | Refused {
  const isHttp10 = version === '1.0'
  if (headers.count > MOST_FIELDS) return { status: 431, fault: `it has more than ${MOST_FIELDS} headers` }
  const fault = startFault(method, url, version) ?? hostFault(headers['host'], isHttp10)
  if (fault !== undefined) return { status: 400, fault }
  const body = bodyOf(headers, isHttp10)
  if ('fault' in body) return { status: 400, fault: body.fault }
  const expectation = isHttp10 ? undefined : headers['expect']
  if (expectation !== undefined && expectation.toLowerCase() !== '100-continue') {
    return { status: 400, fault: 'the only expectation that can be met is "100-continue"' }
  }
  const options = listed(headers['connection'])
  return {
    method,
    url,
    headers,
    body,
    expectsContinue: expectation !== undefined && body.kind !== 'none',
    wantsUpgrade:
      !isHttp10 &&
      method === 'GET' &&
      body.kind === 'none' &&
      headers['upgrade']?.toLowerCase() === 'websocket' &&
      options.includes('upgrade'),
    isHttp10,
    persists: !options.includes('close') && (!isHttp10 || options.includes('keep-alive')),
    takesTrailers: !isHttp10 && listed(headers['te']).includes('trailers'),
  }
}

function startFault(method: string, url: string, version: string): string | undefined {
  if (version !== '1.1' && version !== '1.0') return 'it is not HTTP/1.1'
  if (!KNOWN_METHODS.has(method)) return `its method "${method.slice(0, 40)}" is not served`
  if (!url.startsWith('/')) return `its target "${url.slice(0, 100)}" must be a path`
  if (!URL_CHARACTERS.test(url)) return 'its target has a character that belongs in no URL'
  return undefined
}

function hostFault(host: string | undefined, isHttp10: boolean): string | undefined {
  if (host === undefined) return isHttp10 ? undefined : 'it has no Host header'
  return HOST.test(host) ? undefined : 'its Host header is no host'
}

function bodyOf(headers: HeaderFields, isHttp10: boolean): BodyKind | { readonly fault: string } {
  const length = headers['content-length']
  const coding = headers['transfer-encoding']
  if (coding !== undefined) {
    if (length !== undefined) return { fault: 'it has both a Content-Length and a Transfer-Encoding' }
    if (isHttp10) return { fault: 'HTTP/1.0 knows no Transfer-Encoding' }
    if (coding.toLowerCase() !== 'chunked') {
      return { fault: `its transfer encoding "${coding.slice(0, 40)}" is not supported; only "chunked" is` }
    }
    return CHUNKED
  }
  if (length === undefined) return NO_BODY
  const bytes = lengthIn(length)
  if (bytes === undefined) return { fault: 'its Content-Length is no length' }
  return bytes === 0 ? NO_BODY : { kind: 'length', bytes }
}
