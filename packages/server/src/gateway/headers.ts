/** What becomes of headers on their way through. Pure. */
import type { IncomingMessage } from 'node:http'

/** Meant for one connection only; never passed on. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Said by the gateway itself; `expect` was answered by it. */
const OURS_TO_CONTROL = new Set(['expect', 'x-request-id', 'content-length'])

/**
 * Also not for replicas: the caller's credentials, and cookies, which belong to the console as much as to the
 * endpoint when both share a host.
 */
const OURS_TO_REPLICA = new Set([
  ...OURS_TO_CONTROL,
  'host',
  'authorization',
  'x-api-key',
  'cookie',
  'x-scale-up-timeout',
])

const OURS_TO_READ_REPLICA = new Set([...OURS_TO_REPLICA, 'accept-encoding'])

type Framed = Pick<IncomingMessage, 'rawHeaders' | 'headers' | 'method'>

/** Why a request is too ambiguous to be passed on; undefined when it is not. */
export function headerRefusal({ rawHeaders, headers }: Framed): string | undefined {
  let hosts = 0
  let authorizations = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const { length } = rawHeaders[i]!
    if (length === 4 && rawHeaders[i]!.toLowerCase() === 'host') hosts++
    else if (length === 13 && rawHeaders[i]!.toLowerCase() === 'authorization') authorizations++
  }
  if (hosts === 0) return 'The request has no Host header.'
  if (hosts > 1) return 'The request has more than one Host header.'
  if (authorizations > 1) return 'The request has more than one Authorization header.'
  const coding = headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    return `The transfer encoding "${coding}" is not supported; only "chunked" is.`
  }
  if (coding !== undefined && headers['content-length'] !== undefined) {
    return 'The request has both a Content-Length and a Transfer-Encoding.'
  }
  return undefined
}

export function toReplica(
  request: Framed,
  host: string,
  apiKey: string | null,
  requestId: string,
  knownBytes: number | undefined,
  /** The answer is going to be read on its way back, so it must not come compressed. */
  isRead: boolean,
): string[] {
  const headers = ['host', host, 'x-request-id', requestId, ...framing(request, knownBytes)]
  if (apiKey !== null) headers.push('authorization', `Bearer ${apiKey}`)
  return passOn(request, isRead ? OURS_TO_READ_REPLICA : OURS_TO_REPLICA, headers)
}

export function toControl(request: Framed, client: string, requestId: string): string[] {
  const headers = ['x-request-id', requestId, 'x-forwarded-for', client, ...framing(request, undefined)]
  return passOn(request, OURS_TO_CONTROL, headers)
}

/** What the client gets of the replica's headers. @param without names, in lower case, beside ours. */
export function toClient(response: Framed, ours: readonly string[], without: readonly string[]): string[] {
  const except = without.length === 0 ? OURS_TO_CLIENT : new Set([...OURS_TO_CLIENT, ...without])
  return passOn(response, except, [...ours])
}

const OURS_TO_CLIENT = new Set(['x-request-id', 'x-berth-replica'])

/** How the end of the body is told: by its length where that is known, in chunks where it is not. */
function framing({ headers, method }: Framed, knownBytes: number | undefined): string[] {
  if (knownBytes !== undefined && knownBytes > 0) return ['content-length', String(knownBytes)]
  if (headers['transfer-encoding'] !== undefined && knownBytes === undefined)
    return ['transfer-encoding', 'chunked']
  const length = headers['content-length']
  if (length !== undefined) return ['content-length', length]
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? ['content-length', '0'] : []
}

function passOn(message: Framed, except: ReadonlySet<string>, into: string[]): string[] {
  const nominated = message.headers.connection === undefined ? undefined : namesIn(message.headers.connection)
  const { rawHeaders } = message
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (HOP_BY_HOP.has(name) || except.has(name) || nominated?.has(name)) continue
    into.push(rawHeaders[i]!, rawHeaders[i + 1]!)
  }
  return into
}

/** A connection option may name any header; one that frames the body is not given up for it. */
function namesIn(connection: string): ReadonlySet<string> {
  const names = new Set(connection.split(',').map((name) => name.trim().toLowerCase()))
  names.delete('content-length')
  names.delete('content-type')
  return names
}

/** @returns the caller's own request id if it can be repeated safely. */
export function requestIdIn(headers: IncomingMessage['headers']): string | undefined {
  const id = headers['x-request-id']
  return typeof id === 'string' && /^[\w.:-]{1,128}$/.test(id) ? id : undefined
}

export const isEventStream = (contentType: string | undefined) =>
  contentType !== undefined && /^text\/event-stream\b/i.test(contentType)
