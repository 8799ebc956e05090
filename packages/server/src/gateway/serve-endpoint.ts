/**
 * One request for an endpoint, from admission to the end of the answer.
 *
 * A replica is claimed or waited for, the request is sent, and if that fails before the answer has begun, the
 * claim is given back first and another is made: as long as the caller is willing to wait where nothing was
 * sent, a few times only where a replica broke under the request.
 */
import type http from 'node:http'
import { PlatformError } from '../domain/errors.ts'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { RoutedEndpoint } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import { BodyScan } from './body-scan.ts'
import { ClientLeft, type Exchange } from './exchange.ts'
import { toReplica } from './headers.ts'
import type { HoldLine } from './hold-line.ts'
import { keepCompany } from './keep-company.ts'
import type { GatewayLimits } from './limits.ts'
import * as refusals from './refusals.ts'
import { type RelayEnd, relay } from './relay.ts'
import type { Lease, ReplicaLeases } from './replica-leases.ts'
import { hasBody } from './request-body.ts'

export type EndpointRooms = {
  readonly clock: Clock
  readonly limits: GatewayLimits
  readonly leases: ReplicaLeases
  readonly line: HoldLine
  readonly agent: http.Agent
  readonly find: (id: EndpointId) => RoutedEndpoint | undefined
  /** The replica refused a connection or broke one. */
  readonly suspect: (id: EndpointId, replicaId: ReplicaId, reason: string) => void
  /** Why nothing new may wait; undefined in normal operation. */
  readonly closing: () => PlatformError | undefined
  readonly wake: (id: EndpointId) => void
}

type Visit = {
  readonly exchange: Exchange
  readonly endpoint: RoutedEndpoint
  readonly path: string
  /** Reached through a path of the gateway's own host. */
  readonly sharesOrigin: boolean
}

/** @throws PlatformError what the caller is to be told; `ClientLeft` when there is no caller any more. */
export async function serveEndpoint(visit: Visit, rooms: EndpointRooms): Promise<void> {
  const { exchange, endpoint } = visit
  const { clock, limits } = rooms
  const holdMs = holdMsOf(exchange.request.headers['x-scale-up-timeout'], limits)
  const arrivedAt = clock.now()
  const holdUntil = arrivedAt + holdMs
  // Who announced a length sends it at once; who sends in chunks may be waiting for the answer in between.
  if (exchange.request.headers['content-length'] !== undefined) await readStart(exchange, rooms)

  for (let broken = 0; ; ) {
    const lease = await claim(visit, rooms, holdUntil, holdMs)
    let end: RelayEnd
    try {
      end = await send(visit, lease, rooms, { again: broken > 0, heldMs: clock.now() - arrivedAt })
    } finally {
      lease.release()
    }
    switch (end.kind) {
      case 'answered':
      case 'client-left':
        return
      case 'broke-off':
        rooms.suspect(endpoint.id, lease.replica.id, end.reason)
        throw refusals.replicaBroke(endpoint, end.reason, limits.retryAfterMs)
      case 'silent':
        rooms.suspect(endpoint.id, lease.replica.id, 'it sent nothing for too long')
        throw refusals.replicaWasSilent(endpoint, limits.replicaSilenceMs)
      case 'unreachable':
        rooms.suspect(endpoint.id, lease.replica.id, end.reason)
        break
      case 'broke':
        broken++
        if (!end.reused) rooms.suspect(endpoint.id, lease.replica.id, end.reason)
        if (broken >= limits.brokenAttempts) {
          throw refusals.replicaBroke(endpoint, end.reason, limits.retryAfterMs)
        }
        break
      default:
        end satisfies never
    }
    if (!exchange.body.replayable) {
      throw refusals.replicaBroke(endpoint, end.reason, limits.retryAfterMs)
    }
  }
}

/** A replica now, or one waited for. */
async function claim(visit: Visit, rooms: EndpointRooms, holdUntil: number, holdMs: number): Promise<Lease> {
  const { leases, line, limits, clock } = rooms
  const endpoint = rooms.find(visit.endpoint.id)
  if (!endpoint) throw refusals.wasDeleted(visit.endpoint)
  if (endpoint.state === 'paused') throw refusals.isPaused(endpoint)
  const lease = line.waiting(endpoint.id) === 0 ? leases.claim(endpoint.id) : undefined
  if (lease) return lease
  const closing = rooms.closing()
  if (closing) throw closing
  if (endpoint.state === 'failed') throw refusals.hasFailed(endpoint)
  const leftMs = holdUntil - clock.now()
  if (leftMs <= 0) {
    rooms.wake(endpoint.id)
    throw refusals.isWaking(endpoint, holdMs, limits.retryAfterMs)
  }
  if (line.waiting(endpoint.id) >= limits.heldRequests) {
    throw refusals.lineIsFull(endpoint, limits.heldRequests, limits.retryAfterMs)
  }
  return waitFor(visit, endpoint, rooms, leftMs, holdMs)
}

async function waitFor(
  { exchange }: Visit,
  endpoint: RoutedEndpoint,
  rooms: EndpointRooms,
  leftMs: number,
  holdMs: number,
): Promise<Lease> {
  const waitIsOver = new AbortController()
  const current = () => rooms.find(endpoint.id) ?? endpoint
  if (!exchange.isStream && asksForStream(exchange)) {
    void keepCompany(exchange, current, waitIsOver.signal, rooms)
  }
  try {
    return await rooms.line.wait(endpoint.id, leftMs, exchange.signal, () =>
      refusals.isWaking(current(), holdMs, rooms.limits.retryAfterMs),
    )
  } finally {
    waitIsOver.abort()
  }
}

async function send(
  visit: Visit,
  { replica }: Lease,
  rooms: EndpointRooms,
  { again, heldMs }: { readonly again: boolean; readonly heldMs: number },
): Promise<RelayEnd> {
  const { exchange, path, sharesOrigin } = visit
  const { host, port } = replica
  const { body, request } = exchange
  try {
    return await relay(exchange, {
      to: { host, port },
      path,
      headers: toReplica(
        request,
        host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
        replica.apiKey,
        exchange.id,
        body.complete ? body.keptBytes : undefined,
      ),
      // What cannot be sent twice, or just broke, does not go over a connection that may be about to close.
      agent: body.complete && !again ? rooms.agent : false,
      answerHeaders: ['x-berth-replica', replica.id, 'server-timing', `hold;dur=${heldMs}`],
      sandboxed: sharesOrigin,
      clock: rooms.clock,
      limits: rooms.limits,
    })
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause
    throw new PlatformError('invalid', `The request cannot be passed on: ${cause.message}.`, { cause })
  }
}

/**
 * Reads what is needed before a request is sent or placed.
 * @throws PlatformError `timeout` when it does not arrive, `overloaded` when there is no room to keep it.
 */
export async function readStart(
  exchange: Exchange,
  { clock, limits }: Pick<EndpointRooms, 'clock' | 'limits'>,
  limitBytes = limits.replayBytes,
  enough?: () => boolean,
): Promise<void> {
  const { body } = exchange
  if (body.complete || !hasBody(exchange.request)) return
  const arrived = new AbortController()
  const tooSlow = clock.sleep(limits.bodyStartTimeoutMs, arrived.signal).then(() => {
    throw new PlatformError(
      'timeout',
      `The request's body did not arrive within ${limits.bodyStartTimeoutMs / 1_000} s.`,
    )
  })
  try {
    await Promise.race([body.readStart(limitBytes, enough), tooSlow])
  } catch (error) {
    if (error instanceof PlatformError) throw error
    throw new ClientLeft()
  } finally {
    tooSlow.catch(() => {})
    arrived.abort()
  }
  if (body.overBudget) throw refusals.memoryIsFull(limits.retryAfterMs)
}

function asksForStream({ body }: Exchange): boolean {
  const scan = new BodyScan()
  for (const chunk of body.kept) scan.feed(chunk)
  return scan.stream
}

/** @throws PlatformError `invalid` for a header that is no number of seconds. */
function holdMsOf(header: string | string[] | undefined, limits: GatewayLimits): number {
  if (header === undefined) return limits.holdMs
  const seconds =
    typeof header === 'string' && /^\d{1,9}(\.\d{1,9})?$/.test(header) ? Number(header) : Number.NaN
  if (Number.isNaN(seconds)) {
    throw new PlatformError(
      'invalid',
      `X-Scale-Up-Timeout is "${header}": it must be a number of seconds, 0 or more.`,
      {
        field: 'X-Scale-Up-Timeout',
      },
    )
  }
  return Math.min(seconds * 1_000, limits.longestHoldMs)
}
