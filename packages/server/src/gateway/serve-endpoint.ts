/**
 * One request for an endpoint, from admission to the end of the answer.
 *
 * A replica is claimed or waited for, the request is sent, and if that fails before the answer has begun, the
 * claim is given back first and another is made: as long as the caller is willing to wait where nothing was
 * sent, a few times only where a replica broke under the request.
 */
import { PlatformError } from '../domain/errors.ts'
import { urgencyOf } from '../domain/queue/urgency.ts'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { ClaimEnd } from '../domain/routing/claim.ts'
import { timeLeft } from '../domain/start-times.ts'
import type { RoutedEndpoint } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import { type Caller, holderOf } from './access.ts'
import { type AdaptedRequest, adapterCallIn } from './adapter-call.ts'
import { BodyScan } from './body-scan.ts'
import type { Deadlines } from './deadlines.ts'
import { ClientLeft, type Exchange } from './exchange.ts'
import { toReplica } from './headers.ts'
import type { HoldLine } from './hold-line.ts'
import { keepCompany } from './keep-company.ts'
import type { GatewayLimits } from './limits.ts'
import { PromptPrefix } from './prompt-prefix.ts'
import * as refusals from './refusals.ts'
import { isBadRequest, relay } from './relay.ts'
import { errorOf, type RelayEnd } from './relay-end.ts'
import type { ReplicaLeases } from './replica-leases.ts'
import { hasBody } from './request-body.ts'
import { secondsIn } from './request-deadline.ts'
import type { RequestMeter } from './request-meter.ts'
import { askRouter } from './router/ask-router.ts'
import type { RouterCalls } from './router/router-calls.ts'
import type { Lease } from './running-lease.ts'
import { headOfTask, isTaskCall, type TaskCall, taskCallIn } from './task-call.ts'
import type { Upstream } from './upstream/upstream.ts'
import { ASKING_BYTES, asking, type UsageAsk } from './usage-ask.ts'

export type EndpointRooms = {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly limits: GatewayLimits
  readonly leases: ReplicaLeases
  readonly line: HoldLine
  readonly upstream: Upstream
  readonly usageAsk: UsageAsk
  readonly routers: RouterCalls
  readonly find: (id: EndpointId) => RoutedEndpoint | undefined
  /** The replica refused a connection or broke one. */
  readonly suspect: (id: EndpointId, replicaId: ReplicaId, reason: string) => void
  /** Why nothing new may wait; undefined in normal operation. */
  readonly closing: () => PlatformError | undefined
  readonly wake: (id: EndpointId) => void
}

export type Visit = {
  readonly exchange: Exchange
  readonly meter: RequestMeter
  readonly endpoint: RoutedEndpoint
  readonly path: string
  /** Reached through a path of the gateway's own host. */
  readonly sharesOrigin: boolean
  readonly caller: Caller
  /** The replica that the endpoint's own router has chosen; another takes it where this one cannot. */
  readonly chosen?: ReplicaId
}

/** Of English text, about: what a prompt is charged before anybody has counted it. */
const BYTES_PER_TOKEN = 4
const STOPPED_WORKING = 'it stopped working on its requests'

/** @throws PlatformError what the caller is to be told; `ClientLeft` when there is no caller any more. */
export async function serveEndpoint(visit: Visit, rooms: EndpointRooms): Promise<void> {
  const { exchange, endpoint } = visit
  const { clock, limits } = rooms
  const holdMs = holdMsOf(exchange, limits)
  const arrivedAt = clock.elapsed()
  const holdUntil = arrivedAt + holdMs
  if (exchange.body.isTooLarge) throw refusals.bodyTooLarge(exchange.body.limitBytes)
  // Who announced a length sends it at once; who sends in chunks may be waiting for the answer in between.
  if (exchange.body.announcedBytes !== undefined) await readStart(exchange, rooms)
  const task = isTaskCall(visit) ? await taskCallIn(visit, rooms) : undefined
  if (task) visit.meter.retoldBy(task.answer)
  const namesAdapter = !task && (endpoint.adapters ?? exchange.adapter) !== undefined
  const adapter = namesAdapter ? await adapterCallIn(visit, rooms) : undefined
  if (visit.chosen === undefined && (await askRouter(visit, rooms, task))) return
  const prefix = new PromptPrefix(exchange)
  let { chosen } = visit
  let wasNotUnderstood = false

  for (let broken = 0; ; ) {
    const asChosen = chosen === undefined ? undefined : rooms.leases.claim(endpoint.id, prefix, chosen)
    chosen = undefined
    const lease = asChosen ?? (await claim(visit, rooms, prefix, holdUntil, holdMs))
    const adapted = adapter?.at(lease.replica)
    if (adapter && !adapted) {
      lease.release('left')
      throw refusals.adapterIsComing(endpoint, adapter.name, limits.retryAfterMs)
    }
    let end: RelayEnd | undefined
    try {
      end = await send(visit, lease, rooms, {
        again: broken > 0,
        heldMs: clock.elapsed() - arrivedAt,
        // Whoever asked the router has asked for it already.
        mayAsk: !wasNotUnderstood && !task && visit.chosen === undefined,
        task,
        adapted: adapter && adapted && { ...adapted, name: adapter.name },
      })
    } finally {
      lease.release(claimEndOf(end, exchange))
    }
    switch (end.kind) {
      case 'answered':
        // The body was good, and what was put into it was not.
        if (wasNotUnderstood && exchange.response.statusCode < 400) {
          rooms.usageAsk.notUnderstood(endpoint.id, clock.elapsed())
        }
        return
      case 'client-left':
        return
      case 'out-of-time':
      case 'too-large':
      case 'unfit':
        throw errorOf(end, exchange)
      case 'declined':
        wasNotUnderstood = true
        continue
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
      case 'given-up':
        broken++
        if (broken >= limits.brokenAttempts) {
          throw refusals.replicaBroke(endpoint, STOPPED_WORKING, limits.retryAfterMs)
        }
        break
      default:
        end satisfies never
    }
    if (!exchange.body.replayable) {
      const reason = end.kind === 'given-up' ? STOPPED_WORKING : end.reason
      throw refusals.replicaBroke(endpoint, reason, limits.retryAfterMs)
    }
  }
}

/** A replica now, or one waited for. */
async function claim(
  visit: Visit,
  rooms: EndpointRooms,
  prefix: PromptPrefix,
  holdUntil: number,
  holdMs: number,
): Promise<Lease> {
  const { leases, line, clock } = rooms
  const endpoint = rooms.find(visit.endpoint.id)
  if (!endpoint) throw refusals.wasDeleted(visit.endpoint)
  if (endpoint.state === 'paused') throw refusals.isPaused(endpoint)
  const lease = line.waiting(endpoint.id) === 0 ? leases.claim(endpoint.id, prefix) : undefined
  if (lease) return lease
  const closing = rooms.closing()
  if (closing) throw closing
  if (endpoint.state === 'failed') throw refusals.hasFailed(endpoint)
  const leftMs = holdUntil - clock.elapsed()
  if (leftMs <= 0) {
    rooms.wake(endpoint.id)
    throw nobodyTookIt(endpoint, rooms, holdMs)
  }
  return waitFor(visit, endpoint, rooms, prefix, leftMs, holdMs)
}

async function waitFor(
  visit: Visit,
  endpoint: RoutedEndpoint,
  rooms: EndpointRooms,
  prefix: PromptPrefix,
  leftMs: number,
  holdMs: number,
): Promise<Lease> {
  const { exchange, meter, caller } = visit
  const { line, limits } = rooms
  const waitIsOver = new AbortController()
  const since = rooms.clock.elapsed()
  const current = () => rooms.find(endpoint.id) ?? endpoint
  if (!exchange.isStream && !exchange.isDeferred && asksForStream(exchange)) {
    void keepCompany(exchange, current, waitIsOver.signal, rooms)
  }
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
    waitIsOver.abort()
    meter.waited(rooms.clock.elapsed() - since)
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

async function send(
  visit: Visit,
  lease: Lease,
  rooms: EndpointRooms,
  {
    again,
    heldMs,
    mayAsk,
    task,
    adapted,
  }: {
    readonly again: boolean
    readonly heldMs: number
    readonly mayAsk: boolean
    readonly task: TaskCall | undefined
    readonly adapted: (AdaptedRequest & { readonly name: string }) | undefined
  },
): Promise<RelayEnd> {
  const { exchange, meter, path, sharesOrigin } = visit
  const { replica } = lease
  const { host, port } = replica
  const { body, request } = exchange
  const asks = mayAsk && rooms.usageAsk.canAsk(visit.endpoint.id, path, body, rooms.clock.elapsed())
  meter.sent(replica.id, asks, body.arrivedBytes)
  if (adapted) meter.askedFor(adapted)
  const own = adapted && asks ? asking({ kept: [adapted.body] }) : (adapted?.body ?? task?.body)
  return relay(exchange, {
    upstream: rooms.upstream,
    to: { host, port },
    path: task?.path ?? path,
    fields: toReplica(
      task ? headOfTask(exchange, task) : request,
      host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
      replica.apiKey,
      exchange.id,
      own?.length ?? (body.complete ? body.keptBytes + (asks ? ASKING_BYTES : 0) : undefined),
      asks || task !== undefined,
      exchange.timeLeftMs,
    ),
    body: own ? () => own : asks ? () => asking(body) : undefined,
    // What the client wrote will do.
    declines: asks ? isBadRequest : undefined,
    onlooker: meter,
    // What cannot be sent twice, or just broke, does not go over a connection that may be about to close.
    fresh: again || request.wantsUpgrade || !body.reserve(rooms.limits.replayBytes),
    answerLines: `x-berth-replica: ${replica.id}\r\nserver-timing: hold;dur=${heldMs}\r\n${
      adapted ? `x-berth-adapter: ${adapted.name}; sha256=${adapted.hash}\r\n` : ''
    }`,
    sandboxed: sharesOrigin,
    watch: lease,
    limits: rooms.limits,
  })
}

/**
 * Reads what is needed before a request is sent or placed.
 * @throws PlatformError `timeout` when it does not arrive, `overloaded` when there is no room to keep it.
 */
export async function readStart(
  exchange: Exchange,
  { deadlines, limits }: Pick<EndpointRooms, 'deadlines' | 'limits'>,
  limitBytes = limits.bodyStartBytes,
  enough?: () => boolean,
): Promise<void> {
  const { body } = exchange
  if (body.complete || !hasBody(exchange.request)) return
  if (!body.readWhatIsHere()) await readMore(exchange, { deadlines, limits }, limitBytes, enough)
  if (body.overBudget) throw refusals.memoryIsFull(limits.retryAfterMs)
}

async function readMore(
  exchange: Exchange,
  { deadlines, limits }: Pick<EndpointRooms, 'deadlines' | 'limits'>,
  limitBytes: number,
  enough: (() => boolean) | undefined,
): Promise<void> {
  const tooSlow = Promise.withResolvers<never>()
  // Not a timer of its own, which is dear to call off: nearly every body that does not come with its head comes soon.
  const deadline = deadlines.create(() => tooSlow.reject(bodyTooSlow(limits)))
  deadline.set(limits.bodyStartTimeoutMs)
  // Most requests have no time of their own, and nothing is made for them.
  const signal = exchange.timeLeftMs === undefined ? undefined : exchange.signal
  const outOfTime = () => tooSlow.reject(signal?.reason)
  if (signal?.aborted) outOfTime()
  signal?.addEventListener('abort', outOfTime)
  try {
    await Promise.race([exchange.body.readStart(limitBytes, enough), tooSlow.promise])
  } catch (error) {
    if (exchange.outOfTime) throw exchange.outOfTime
    if (error instanceof PlatformError) throw error
    throw new ClientLeft()
  } finally {
    deadline.lift()
    signal?.removeEventListener('abort', outOfTime)
  }
}

const bodyTooSlow = ({ bodyStartTimeoutMs }: GatewayLimits) =>
  new PlatformError('timeout', `The request's body did not arrive within ${bodyStartTimeoutMs / 1_000} s.`)

/** What the replica's next requests should know of this one. */
function claimEndOf(end: RelayEnd | undefined, { response }: Exchange): ClaimEnd {
  switch (end?.kind) {
    case 'answered':
      return { status: response.statusCode }
    case undefined:
    case 'client-left':
    case 'out-of-time':
    case 'declined':
    case 'too-large':
    case 'unfit':
      return 'left'
    case 'broke':
      return end.reused ? 'left' : 'failed'
    case 'unreachable':
    case 'broke-off':
    case 'silent':
    case 'given-up':
      return 'failed'
    default:
      return end satisfies never
  }
}

function asksForStream({ body }: Exchange): boolean {
  const scan = new BodyScan()
  for (const chunk of body.kept) scan.feed(chunk)
  return scan.stream
}

/**
 * Who says how long the whole request may take, and not how long of it may be waited, waits for as long.
 * @throws PlatformError `invalid` for a header that is no number of seconds.
 */
function holdMsOf({ request, timeLeftMs, isDeferred }: Exchange, limits: GatewayLimits): number {
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
