/**
 * One request for an endpoint, from admission to the end of the answer.
 *
 * A replica is claimed or waited for, the request is sent, and if that fails before the answer has begun, the
 * claim is given back first and another is made: as long as the caller is willing to wait where nothing was
 * sent, a few times only where a replica broke under the request.
 */
import type { PlatformError } from '../domain/errors.ts'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { RoutedEndpoint, RoutedReplica } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import type { Caller } from './access.ts'
import { type AdaptedRequest, type AdapterCall, adapterCallIn } from './adapter-call.ts'
import { claimEndOf, tellWhoFailed, throwUnlessAgain } from './attempt-end.ts'
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
import type { RelayEnd } from './relay-end.ts'
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

/** @throws PlatformError what the caller is to be told; `ClientLeft` when there is no caller any more. */
export async function serveEndpoint(visit: Visit, rooms: EndpointRooms): Promise<void> {
  const serving = new Serving(visit, rooms)
  const reading = serving.readStart()
  if (reading) await reading
  if (serving.isSpecial && (await serving.prepare()) === 'answered') return
  for (;;) {
    const lease = serving.claim() ?? (await serving.waitForReplica())
    let end: RelayEnd | undefined
    try {
      end = await serving.send(lease)
    } finally {
      lease.release(claimEndOf(end, visit.exchange))
    }
    if (serving.isOver(end, lease)) return
  }
}

/** What is known of a request while one replica after the other is tried. */
class Serving {
  readonly #visit: Visit
  readonly #rooms: EndpointRooms
  readonly #holdMs: number
  readonly #arrivedAt: number
  readonly #prefix: PromptPrefix
  #chosen: ReplicaId | undefined
  #task: TaskCall | undefined
  #adapter: AdapterCall | undefined
  /** Times that a replica broke under it. */
  #broken = 0
  #wasNotUnderstood = false

  constructor(visit: Visit, rooms: EndpointRooms) {
    const { exchange, chosen } = visit
    this.#visit = visit
    this.#rooms = rooms
    this.#holdMs = holdMsOf(exchange, rooms.limits)
    this.#arrivedAt = rooms.clock.elapsed()
    this.#prefix = new PromptPrefix(exchange)
    this.#chosen = chosen
  }

  /** @returns undefined where there is nothing to wait for. */
  readStart(): Promise<void> | undefined {
    const { exchange } = this.#visit
    if (exchange.body.isTooLarge) throw refusals.bodyTooLarge(exchange.body.limitBytes)
    // Who announced a length sends it at once; who sends in chunks may be waiting for the answer in between.
    return exchange.body.announcedBytes === undefined ? undefined : readStart(exchange, this.#rooms)
  }

  /** It may be for a task or an adapter, or for a router to place. */
  get isSpecial(): boolean {
    const { exchange, endpoint } = this.#visit
    return isTaskCall(this.#visit) || (endpoint.adapters ?? exchange.adapter) !== undefined || this.#isRouted
  }

  get #isRouted(): boolean {
    return this.#visit.chosen === undefined && this.#rooms.routers.has(this.#visit.endpoint.id)
  }

  /** @returns whether the endpoint's router has had it answered. */
  async prepare(): Promise<'answered' | 'to-send'> {
    const visit = this.#visit
    const rooms = this.#rooms
    if (isTaskCall(visit)) this.#task = await taskCallIn(visit, rooms)
    if (this.#task) visit.meter.retoldBy(this.#task.answer)
    else this.#adapter = await adapterCallIn(visit, rooms)
    return this.#isRouted && (await askRouter(visit, rooms, this.#task)) ? 'answered' : 'to-send'
  }

  /** A replica that takes it now. */
  claim(): Lease | undefined {
    const chosen = this.#chosen
    this.#chosen = undefined
    const { id } = this.#visit.endpoint
    const asChosen = chosen === undefined ? undefined : this.#rooms.leases.claim(id, this.#prefix, chosen)
    return asChosen ?? claim(this.#visit, this.#rooms, this.#prefix)
  }

  waitForReplica(): Promise<Lease> {
    return waitFor(this.#visit, this.#rooms, this.#prefix, this.#arrivedAt, this.#holdMs)
  }

  send(lease: Lease): Promise<RelayEnd> {
    const { exchange, meter, endpoint, path, sharesOrigin } = this.#visit
    const { upstream, clock, limits } = this.#rooms
    const { replica } = lease
    const { body, request } = exchange
    const task = this.#task
    const adapted = this.#adapter && adaptedFor(replica, this.#adapter, endpoint, limits)
    const now = clock.elapsed()
    const asks = this.#asksForUsage(now)
    meter.sent(replica.id, asks, body.arrivedBytes)
    if (adapted) meter.askedFor(adapted)
    const own = adapted && asks ? asking({ kept: [adapted.body] }) : (adapted?.body ?? task?.body)
    return relay(exchange, {
      upstream,
      to: replica.address,
      path: task?.path ?? path,
      fields: toReplica(
        task ? headOfTask(exchange, task) : request,
        replica.address.name,
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
      fresh: this.#broken > 0 || request.wantsUpgrade || !body.reserve(limits.replayBytes),
      answerLines: answerLines(replica, now - this.#arrivedAt, adapted),
      sandboxed: sharesOrigin,
      watch: lease,
      limits,
    })
  }

  #asksForUsage(now: number): boolean {
    const { exchange, endpoint, path, chosen } = this.#visit
    // Whoever asked the router has asked for it already.
    if (this.#wasNotUnderstood || this.#task || chosen !== undefined) return false
    return this.#rooms.usageAsk.canAsk(endpoint.id, path, exchange.body, now)
  }

  /** @throws PlatformError where it went wrong and cannot be tried again. */
  isOver(end: RelayEnd, lease: Lease): boolean {
    const { exchange, endpoint } = this.#visit
    const { clock, usageAsk } = this.#rooms
    switch (end.kind) {
      case 'answered':
        // The body was good, and what was put into it was not.
        if (this.#wasNotUnderstood && exchange.response.statusCode < 400) {
          usageAsk.notUnderstood(endpoint.id, clock.elapsed())
        }
        return true
      case 'client-left':
        return true
      case 'declined':
        this.#wasNotUnderstood = true
        return false
      default:
        if (end.kind === 'broke' || end.kind === 'given-up') this.#broken++
        tellWhoFailed(end, this.#visit, lease, this.#rooms)
        throwUnlessAgain(end, this.#visit, this.#rooms, this.#broken)
        return false
    }
  }
}

type Adapted = AdaptedRequest & { readonly name: string }

/** @throws PlatformError while the replica does not have the adapter. */
function adaptedFor(
  replica: RoutedReplica,
  adapter: AdapterCall,
  endpoint: RoutedEndpoint,
  { retryAfterMs }: GatewayLimits,
): Adapted {
  const adapted = adapter.at(replica)
  if (!adapted) throw refusals.adapterIsComing(endpoint, adapter.name, retryAfterMs)
  return { ...adapted, name: adapter.name }
}

function answerLines({ id }: RoutedReplica, heldMs: number, adapted: Adapted | undefined): string {
  const lines = `x-berth-replica: ${id}\r\nserver-timing: hold;dur=${heldMs}\r\n`
  return adapted ? `${lines}x-berth-adapter: ${adapted.name}; sha256=${adapted.hash}\r\n` : lines
}
