/** What becomes of headers on their way through. Pure. */
import type { BodyKind } from './front/front.ts'
import { type FieldLines, listed } from './http1/field-lines.ts'
import { type FieldName, nameSet } from './http1/field-names.ts'
import { secondsLeft } from './request-deadline.ts'

/** Meant for one connection only; never passed on. */
const HOP_BY_HOP: readonly FieldName[] = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** Said by the gateway itself; `expect` was answered by it. */
const OURS_TO_CONTROL: readonly FieldName[] = [...HOP_BY_HOP, 'expect', 'x-request-id', 'content-length']
const NOT_TO_CONTROL = nameSet(OURS_TO_CONTROL)

/**
 * Also not for replicas: the caller's credentials, and cookies, which belong to the console as much as to the
 * endpoint when both share a host.
 */
const OURS_TO_REPLICA: readonly FieldName[] = [
  ...OURS_TO_CONTROL,
  'host',
  'authorization',
  'x-api-key',
  'cookie',
  'x-scale-up-timeout',
  'x-request-timeout',
]
const NOT_TO_REPLICA = nameSet(OURS_TO_REPLICA)
const NOT_TO_READ_REPLICA = nameSet([...OURS_TO_REPLICA, 'accept-encoding'])

type Framed = {
  readonly method: string
  readonly headers: FieldLines
  readonly body: BodyKind
  readonly wantsUpgrade: boolean
}

/** What a request's head says below its first line. */
export type SentFields = {
  /** `name: value`, ended by CRLF each. */
  readonly lines: string
  /** Its body is sent in chunks. */
  readonly isChunked: boolean
}

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
): SentFields {
  const framing = framingOf(request, knownBytes)
  let lines = `host: ${host}\r\nx-request-id: ${requestId}\r\n${framing}`
  if (request.wantsUpgrade) lines += 'connection: Upgrade\r\nupgrade: websocket\r\n'
  if (timeLeftMs !== undefined) lines += `x-request-timeout: ${secondsLeft(timeLeftMs)}\r\n`
  if (apiKey !== null) lines += `authorization: Bearer ${apiKey}\r\n`
  lines += request.headers.without(
    isRead ? NOT_TO_READ_REPLICA : NOT_TO_REPLICA,
    nominatedBy(request.headers),
  )
  return { lines, isChunked: framing === CHUNKED }
}

export function toControl(request: Framed, client: string, requestId: string): SentFields {
  const framing = framingOf(request, undefined)
  const passed = request.headers.without(NOT_TO_CONTROL, nominatedBy(request.headers))
  return {
    lines: `x-request-id: ${requestId}\r\nx-forwarded-for: ${client}\r\n${framing}${passed}`,
    isChunked: framing === CHUNKED,
  }
}

/** Lines that the client gets of the replica's. @param said names, in lower case, that we have said. */
export function toClient(headers: FieldLines, said: readonly string[] = NONE): string {
  const nominated = nominatedBy(headers)
  // Of `vary` there may be two: ours and the replica's.
  const except = said.includes('vary') ? said.filter((name) => name !== 'vary') : said
  const more = nominated.length === 0 ? except : [...nominated, ...except]
  return headers.without(NOT_TO_CLIENT, more)
}

/**
 * Which pages may read an answer is for the endpoint to say, never for its engine: some allow every page everything.
 * Its length and date are said beside its lines.
 */
const NOT_TO_CLIENT = nameSet([
  ...HOP_BY_HOP,
  'content-length',
  'date',
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
function framingOf({ body, headers, method }: Framed, knownBytes: number | undefined): string {
  if (knownBytes !== undefined && knownBytes > 0) return `content-length: ${knownBytes}\r\n`
  if (body.kind === 'chunked' && knownBytes === undefined) return CHUNKED
  if (body.kind === 'length') return `content-length: ${body.bytes}\r\n`
  const saysNone = headers['content-length'] !== undefined || MEANS_A_BODY.has(method)
  return saysNone ? 'content-length: 0\r\n' : ''
}

const CHUNKED = 'transfer-encoding: chunked\r\n'
const MEANS_A_BODY = new Set(['POST', 'PUT', 'PATCH'])
const NONE: readonly string[] = []

/** A connection option may name any header; one that frames the body is not given up for it. */
function nominatedBy({ connection }: FieldLines): readonly string[] {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return NONE
  return listed(connection).filter((name) => name !== 'content-length' && name !== 'content-type')
}

/** @returns the caller's own request id if it can be repeated safely. */
export function requestIdIn(headers: FieldLines): string | undefined {
  const id = headers['x-request-id']
  if (id === undefined || !/^[\w.:-]{1,128}$/.test(id)) return undefined
  // It outlives the request in records, and as a slice it would keep the whole head with it.
  return Buffer.from(id, 'latin1').toString('latin1')
}

export const isEventStream = (contentType: string | undefined) =>
  contentType !== undefined && /^text\/event-stream\b/i.test(contentType)
