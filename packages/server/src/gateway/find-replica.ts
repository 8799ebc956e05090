/** A replica for a request: one that takes it now, or one that is waited for. */
import { PlatformError } from '../domain/errors.ts'
import { urgencyOf } from '../domain/queue/urgency.ts'
import { timeLeft } from '../domain/start-times.ts'
import type { RoutedEndpoint } from '../link/messages.ts'
import { type Caller, holderOf } from './access.ts'
import { BodyScan } from './body-scan.ts'
import type { Exchange } from './exchange.ts'
import { keepCompany } from './keep-company.ts'
import type { GatewayLimits } from './limits.ts'
import type { PromptPrefix } from './prompt-prefix.ts'
import * as refusals from './refusals.ts'
import { secondsIn } from './request-deadline.ts'
import type { Lease } from './running-lease.ts'
import type { EndpointRooms, Visit } from './serve-endpoint.ts'

/** Of English text, about: what a prompt is charged before anybody has counted it. */
const BYTES_PER_TOKEN = 4

/** A replica now; undefined where it is to be waited for. */
export function claim(visit: Visit, rooms: EndpointRooms, prefix: PromptPrefix): Lease | undefined {
  const endpoint = rooms.find(visit.endpoint.id)
  if (!endpoint) throw refusals.wasDeleted(visit.endpoint)
  if (endpoint.state === 'paused') throw refusals.isPaused(endpoint)
  return rooms.line.waiting(endpoint.id) === 0 ? rooms.leases.claim(endpoint.id, prefix) : undefined
}

export async function waitFor(
  visit: Visit,
  rooms: EndpointRooms,
  prefix: PromptPrefix,
  arrivedAt: number,
  holdMs: number,
): Promise<Lease> {
  const { exchange, meter, caller } = visit
  const { line, limits, clock } = rooms
  const current = () => rooms.find(visit.endpoint.id) ?? visit.endpoint
  const endpoint = current()
  const closing = rooms.closing()
  if (closing) throw closing
  if (endpoint.state === 'failed') throw refusals.hasFailed(endpoint)
  const since = clock.elapsed()
  const leftMs = arrivedAt + holdMs - since
  if (leftMs <= 0) {
    rooms.wake(endpoint.id)
    throw nobodyTookIt(endpoint, rooms, holdMs)
  }
  const wantsCompany = !exchange.isStream && !exchange.isDeferred && asksForStream(exchange)
  const company = wantsCompany ? new AbortController() : undefined
  if (company) void keepCompany(exchange, current, company.signal, rooms)
  try {
    return await line.wait(endpoint.id, {
      request: prefix,
      holder: holderOf(caller),
      urgency: urgencyOf(exchange.request.headers['priority'], mostUrgentOf(caller)),
      tokens: Math.ceil(prefix.units / BYTES_PER_TOKEN) + 1,
      bytes: exchange.body.keptBytes,
      ms: leftMs,
      signal: exchange.signal,
      expired: () => nobodyTookIt(current(), rooms, holdMs),
      refused: (why) => refusals.noPlace(endpoint, why, limits, line.drainMs(endpoint.id)),
    })
  } finally {
    company?.abort()
    meter.waited(clock.elapsed() - since)
  }
}

/** That its Priority header may make it. */
const mostUrgentOf = (caller: Caller) => (caller.kind === 'known' ? caller.grant.limits?.urgency : undefined)

/** What a caller is told who would not wait any longer. */
function nobodyTookIt(
  endpoint: RoutedEndpoint,
  { leases, limits, line, clock }: EndpointRooms,
  waitedMs: number,
): PlatformError {
  return leases.areFull(endpoint.id)
    ? refusals.allAreFull(endpoint, waitedMs, line.drainMs(endpoint.id))
    : refusals.isWaking(endpoint, waitedMs, timeLeft(endpoint.start, clock.now()), limits.retryAfterMs)
}

/**
 * Who says how long the whole request may take, and not how long of it may be waited, waits for as long.
 * @throws PlatformError `invalid` for a header that is no number of seconds.
 */
export function holdMsOf({ request, timeLeftMs, isDeferred }: Exchange, limits: GatewayLimits): number {
  const header = request.headers['x-scale-up-timeout']
  const waitsLong = timeLeftMs !== undefined || isDeferred
  if (header === undefined) return waitsLong ? limits.longestHoldMs : limits.holdMs
  const seconds = secondsIn(header)
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

function asksForStream({ body }: Exchange): boolean {
  const scan = new BodyScan()
  for (const chunk of body.kept) scan.feed(chunk)
  return scan.stream
}
