/**
 * The autoscaler: the one writer of scale targets.
 *
 * It wakes an endpoint when requests wait, puts it to sleep when it has been idle long enough, and writes down what
 * people ask for. It learns of demand from the gateways and of states from the reconciler, and reads no database
 * while nothing changes.
 */
import type { EndpointState } from '@berth/contract'
import { type EndpointRecord, endpointKey, type ScaleTarget } from '../domain/endpoint.ts'
import type { StatusRecord } from '../domain/endpoint-status.ts'
import { messageOf } from '../domain/errors.ts'
import { idleDeadline, minutesInWords } from '../domain/idle.ts'
import type { EndpointId } from '../domain/replica.ts'
import type { EndpointDemand } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Store } from '../store/store.ts'

export type AutoscaleRooms = {
  readonly clock: Clock
  readonly log: Log
  readonly store: Store
  /** Look at the endpoint soon. */
  hint(id: EndpointId): void
}

const TICK_MS = 500
const AUTOSCALER = { id: 'autoscaler', name: 'autoscaler' }

/** What the autoscaler knows of one endpoint. */
type Watched = {
  endpoint: EndpointRecord
  state: EndpointState
  /** By gateway: requests on a replica or waiting for one. */
  readonly activeByGateway: Map<string, number>
  lastActivityAt: number
}

export class Autoscaler {
  readonly #rooms: AutoscaleRooms
  readonly #watched = new Map<EndpointId, Watched>()
  /** Wakes being written, so that many gateways asking at once cost one write. */
  readonly #waking = new Map<EndpointId, Promise<void>>()

  constructor(rooms: AutoscaleRooms) {
    this.#rooms = rooms
  }

  /** The reconciler looked. Becoming ready counts as activity, so that a start never counts as idleness. */
  looked(endpoint: EndpointRecord, status: StatusRecord): void {
    const now = this.#rooms.clock.now()
    const known = this.#watched.get(endpoint.id)
    if (!known) {
      const watched = { endpoint, state: status.state, activeByGateway: new Map(), lastActivityAt: now }
      this.#watched.set(endpoint.id, watched)
      return
    }
    if (known.state !== 'running' && status.state === 'running') known.lastActivityAt = now
    known.endpoint = endpoint
    known.state = status.state
  }

  forgotten(id: EndpointId): void {
    this.#watched.delete(id)
  }

  demand(gatewayId: string, { id, waiting, inFlight, lastActivityAt }: EndpointDemand): void {
    const watched = this.#watched.get(id)
    if (!watched) return
    watched.activeByGateway.set(gatewayId, waiting + inFlight)
    watched.lastActivityAt = Math.max(watched.lastActivityAt, lastActivityAt ?? 0)
  }

  /** What the gateway had was its own: nothing of it is active any more. */
  gatewayGone(gatewayId: string): void {
    for (const watched of this.#watched.values()) watched.activeByGateway.delete(gatewayId)
  }

  /** Requests wait for an endpoint without a ready replica. */
  async wake(id: EndpointId): Promise<void> {
    const watched = this.#watched.get(id)
    if (watched) watched.lastActivityAt = this.#rooms.clock.now()
    const waking = this.#waking.get(id) ?? this.#wake(id).finally(() => this.#waking.delete(id))
    this.#waking.set(id, waking)
    await waking
  }

  /** Writes that the endpoint should run its minimum, one replica at least. */
  async start(store: Store, endpoint: EndpointRecord, reason: string): Promise<void> {
    const count = Math.max(1, endpoint.spec.compute.scaling.minReplica)
    await this.#write(store, endpoint, count, reason)
  }

  async sleep(store: Store, endpoint: EndpointRecord, reason: string): Promise<void> {
    await this.#write(store, endpoint, 0, reason)
  }

  /** Puts idle endpoints to sleep until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const watched of this.#watched.values()) await this.#sleepIfIdle(watched)
      await this.#rooms.clock.sleep(TICK_MS, signal).catch(() => {})
    }
  }

  async #sleepIfIdle(watched: Watched): Promise<void> {
    const { endpoint, state, lastActivityAt } = watched
    const { scaling } = endpoint.spec.compute
    const active = [...watched.activeByGateway.values()].reduce((sum, count) => sum + count, 0)
    const deadline = idleDeadline({ scaling, state, active, lastActivityAt })
    if (deadline === undefined || this.#rooms.clock.now() < deadline) return
    try {
      const target = await this.#rooms.store.scaleTargets.get(endpoint.id)
      if (target?.count === 0) return
      const reason = `idle for ${minutesInWords(scaling.scaleToZeroTimeout ?? 0)}`
      await this.#rooms.store.transaction((all) => this.sleep(all, endpoint, reason))
      this.#rooms.hint(endpoint.id)
    } catch (error) {
      this.#rooms.log.error('could not put an endpoint to sleep', {
        endpoint: endpointKey(endpoint),
        error: messageOf(error),
      })
    }
  }

  async #wake(id: EndpointId): Promise<void> {
    const { store, log } = this.#rooms
    try {
      const endpoint = await store.endpoints.get(id)
      if (!endpoint || endpoint.paused) return
      const target = await store.scaleTargets.get(id)
      if (target?.count === 0)
        await store.transaction((all) => this.start(all, endpoint, 'a request arrived'))
      this.#rooms.hint(id)
    } catch (error) {
      log.error('could not wake an endpoint', { endpointId: id, error: messageOf(error) })
    }
  }

  async #write(store: Store, endpoint: EndpointRecord, count: number, reason: string): Promise<void> {
    const at = this.#rooms.clock.now()
    const before = await store.scaleTargets.get(endpoint.id)
    const target: ScaleTarget = { endpointId: endpoint.id, count, reason, at }
    await store.scaleTargets.set(target)
    const from = before?.count ?? Math.max(1, endpoint.spec.compute.scaling.minReplica)
    if (from === count) return
    await store.events.append({
      at,
      actor: AUTOSCALER,
      kind: 'scale.changed',
      endpoint: endpointKey(endpoint),
      message: `From ${from} to ${count}: ${reason}.`,
      details: { from, to: count, reason },
    })
  }
}
