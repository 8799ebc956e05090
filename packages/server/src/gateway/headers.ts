/** What becomes of headers on their way through. Pure. */
import type { BodyKind } from './front/front.ts'
import { type HeaderFields, listed, lowerCaseOf } from './http1/field-lines.ts'
import { secondsLeft } from './request-deadline.ts'

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
const OURS_TO_CONTROL = new Set([...HOP_BY_HOP, 'expect', 'x-request-id', 'content-length'])

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
  'x-request-timeout',
])

const OURS_TO_READ_REPLICA = new Set([...OURS_TO_REPLICA, 'accept-encoding'])

type Fields = { readonly rawHeaders: readonly string[]; readonly headers: HeaderFields }
type Framed = Fields & { readonly method: string; readonly body: BodyKind; readonly wantsUpgrade: boolean }

export function toReplica(
  request: Framed,
  host: string,
  apiKey: string | null,
  requestId: string,
  knownBytes: number | undefined,
  /** The answer is going to be read on its way back, so it must not come compressed. */
  isRead: boolean,
  /** Until nobody waits for the answer any more. */
  timeLeftMs: number | undefined,
): string[] {
  const headers = ['host', host, 'x-request-id', requestId, ...framing(request, knownBytes)]
  if (request.wantsUpgrade) headers.push('connection', 'Upgrade', 'upgrade', 'websocket')
  if (timeLeftMs !== undefined) headers.push('x-request-timeout', secondsLeft(timeLeftMs))
  if (apiKey !== null) headers.push('authorization', `Bearer ${apiKey}`)
  return passOn(request, isRead ? OURS_TO_READ_REPLICA : OURS_TO_REPLICA, headers)
}

export function toControl(request: Framed, client: string, requestId: string): string[] {
  const headers = ['x-request-id', requestId, 'x-forwarded-for', client, ...framing(request, undefined)]
  return passOn(request, OURS_TO_CONTROL, headers)
}

/** What the client gets of the replica's headers. @param without names, in lower case, beside ours. */
export function toClient(response: Fields, ours: readonly string[], without: readonly string[]): string[] {
  return passOn(response, OURS_TO_CLIENT, [...ours], without)
}

/** Which pages may read an answer is for the endpoint to say, never for its engine: some allow every page everything. */
const OURS_TO_CLIENT = new Set([
  ...HOP_BY_HOP,
  'x-request-id',
  'x-berth-replica',
  'x-berth-adapter',
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-private-network',
  'access-control-expose-headers',
  'access-control-max-age',
])

/** How the end of the body is told: by its length where that is known, in chunks where it is not. */
function framing({ body, headers, method }: Framed, knownBytes: number | undefined): string[] {
  if (knownBytes !== undefined && knownBytes > 0) return ['content-length', String(knownBytes)]
  if (body.kind === 'chunked' && knownBytes === undefined) return ['transfer-encoding', 'chunked']
  if (body.kind === 'length') return ['content-length', String(body.bytes)]
  const saysNone = headers['content-length'] !== undefined || MEANS_A_BODY.has(method)
  return saysNone ? ['content-length', '0'] : []
}

const MEANS_A_BODY = new Set(['POST', 'PUT', 'PATCH'])

function passOn(
  message: Fields,
  except: ReadonlySet<string>,
  into: string[],
  without: readonly string[] = [],
): string[] {
  const { connection } = message.headers
  const nominated = connection === undefined ? undefined : namesIn(connection)
  const { rawHeaders } = message
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = lowerCaseOf(rawHeaders[i]!) ?? ''
    if (except.has(name) || nominated?.has(name) || without.includes(name)) continue
    into.push(rawHeaders[i]!, rawHeaders[i + 1]!)
  }
  return into
}

/** A connection option may name any header; one that frames the body is not given up for it. */
function namesIn(connection: string): ReadonlySet<string> | undefined {
  if (connection === 'keep-alive' || connection === 'close') return undefined
  const names = new Set(listed(connection))
  names.delete('content-length')
  names.delete('content-type')
  return names
}

/** @returns the caller's own request id if it can be repeated safely. */
export function requestIdIn(headers: HeaderFields): string | undefined {
  const id = headers['x-request-id']
  if (id === undefined || !/^[\w.:-]{1,128}$/.test(id)) return undefined
  // It outlives the request in records, and as a slice it would keep the whole head with it.
  return Buffer.from(id, 'latin1').toString('latin1')
}

export const isEventStream = (contentType: string | undefined) =>
  contentType !== undefined && /^text\/event-stream\b/i.test(contentType)
