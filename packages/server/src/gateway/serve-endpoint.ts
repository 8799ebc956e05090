/**
 * One request for an endpoint, from admission to the end of the answer.
 *
 * A replica is claimed or waited for, the request is sent, and if that fails before the answer has begun, the
 * claim is given back first and another is made: as long as the caller is willing to wait where nothing was
 * sent, a few times only where a replica broke under the request.
 */
import type { PlatformError } from '../domain/errors.ts'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { ClaimEnd } from '../domain/routing/claim.ts'
import type { RoutedEndpoint } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import type { Caller } from './access.ts'
import { type AdaptedRequest, adapterCallIn } from './adapter-call.ts'
import type { Deadlines } from './deadlines.ts'
import type { Exchange } from './exchange.ts'
import { claim, holdMsOf, waitFor } from './find-replica.ts'
import { toReplica } from './headers.ts'
import type { HoldLine } from './hold-line.ts'
import type { GatewayLimits } from './limits.ts'
import { PromptPrefix } from './prompt-prefix.ts'
import { readStart } from './read-start.ts'
import * as refusals from './refusals.ts'
import { isBadRequest, relay } from './relay.ts'
import { errorOf, type RelayEnd } from './relay-end.ts'
import type { ReplicaLeases } from './replica-leases.ts'
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

const STOPPED_WORKING = 'it stopped working on its requests'

/** @throws PlatformError what the caller is to be told; `ClientLeft` when there is no caller any more. */
export async function serveEndpoint(visit: Visit, rooms: EndpointRooms): Promise<void> {
  const { exchange, endpoint } = visit
  const { clock, limits } = rooms
  const holdMs = holdMsOf(exchange, limits)
  const arrivedAt = clock.elapsed()
  if (exchange.body.isTooLarge) throw refusals.bodyTooLarge(exchange.body.limitBytes)
  // Who announced a length sends it at once; who sends in chunks may be waiting for the answer in between.
  const reading = exchange.body.announcedBytes === undefined ? undefined : readStart(exchange, rooms)
  if (reading) await reading
  const task = isTaskCall(visit) ? await taskCallIn(visit, rooms) : undefined
  if (task) visit.meter.retoldBy(task.answer)
  const namesAdapter = !task && (endpoint.adapters ?? exchange.adapter) !== undefined
  const adapter = namesAdapter ? await adapterCallIn(visit, rooms) : undefined
  const mayAskRouter = visit.chosen === undefined && rooms.routers.has(endpoint.id)
  if (mayAskRouter && (await askRouter(visit, rooms, task))) return
  const prefix = new PromptPrefix(exchange)
  let { chosen } = visit
  let wasNotUnderstood = false

  for (let broken = 0; ; ) {
    const asChosen = chosen === undefined ? undefined : rooms.leases.claim(endpoint.id, prefix, chosen)
    chosen = undefined
    const lease =
      asChosen ?? claim(visit, rooms, prefix) ?? (await waitFor(visit, rooms, prefix, arrivedAt, holdMs))
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
      case 'declined':
        wasNotUnderstood = true
        break
      default:
        if (end.kind === 'broke' || end.kind === 'given-up') broken++
        tellWhoFailed(end, visit, lease, rooms)
        throwUnlessAgain(end, visit, rooms, broken)
    }
  }
}

type Failure = Exclude<RelayEnd, { kind: 'answered' | 'client-left' | 'declined' }>

function tellWhoFailed(
  end: Failure,
  { endpoint }: Visit,
  { replica }: Lease,
  { suspect }: EndpointRooms,
): void {
  switch (end.kind) {
    case 'broke':
      if (!end.reused) suspect(endpoint.id, replica.id, end.reason)
      return
    case 'broke-off':
    case 'unreachable':
      suspect(endpoint.id, replica.id, end.reason)
      return
    case 'silent':
      suspect(endpoint.id, replica.id, 'it sent nothing for too long')
      return
    case 'out-of-time':
    case 'too-large':
    case 'unfit':
    case 'given-up':
      return
    default:
      end satisfies never
  }
}

/** @throws PlatformError unless another replica may be asked. */
function throwUnlessAgain(
  end: Failure,
  { exchange, endpoint }: Visit,
  { limits }: EndpointRooms,
  broken: number,
): void {
  switch (end.kind) {
    case 'out-of-time':
    case 'too-large':
    case 'unfit':
      throw errorOf(end, exchange)
    case 'broke-off':
      throw refusals.replicaBroke(endpoint, end.reason, limits.retryAfterMs)
    case 'silent':
      throw refusals.replicaWasSilent(endpoint, limits.replicaSilenceMs)
    case 'unreachable':
    case 'broke':
    case 'given-up': {
      if (broken < limits.brokenAttempts && exchange.body.replayable) return
      const reason = end.kind === 'given-up' ? STOPPED_WORKING : end.reason
      throw refusals.replicaBroke(endpoint, reason, limits.retryAfterMs)
    }
    default:
      end satisfies never
  }
}

function send(
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
  const { address } = replica
  const { body, request } = exchange
  const asks = mayAsk && rooms.usageAsk.canAsk(visit.endpoint.id, path, body, rooms.clock.elapsed())
  meter.sent(replica.id, asks, body.arrivedBytes)
  if (adapted) meter.askedFor(adapted)
  const own = adapted && asks ? asking({ kept: [adapted.body] }) : (adapted?.body ?? task?.body)
  return relay(exchange, {
    upstream: rooms.upstream,
    to: address,
    path: task?.path ?? path,
    fields: toReplica(
      task ? headOfTask(exchange, task) : request,
      address.name,
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
