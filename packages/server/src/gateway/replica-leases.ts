/**
 * Who is on which replica: choosing one and counting the request on it are a single step.
 *
 * A replica stays here, draining or already gone from the routing table, until its last request has ended; then
 * `drained` is told, so that nobody stops it earlier. Which one is chosen, and why, is for `domain/routing`.
 */
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import { DEFAULT_ROUTING, type RoutingRules } from '../domain/routing/choose-replica.ts'
import { EndpointRouting, type SilentReplica } from '../domain/routing/endpoint-routing.ts'
import { PLAIN_REQUEST, type RoutingRequest } from '../domain/routing/prompt.ts'
import type { LoadElsewhere } from '../domain/routing/seat.ts'
import type { RoutedReplica } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import { Roster } from '../platform/roster.ts'
import { type LeasedReplica, type LeaseHolder, RunningLease } from './running-lease.ts'
import { addressOf } from './upstream/connection.ts'

type LeaseRooms = {
  readonly clock: Pick<Clock, 'elapsed'>
  /** A replica that drains or left the table has no request any more. */
  readonly drained: (replicaId: ReplicaId) => void
  /** Replicas of this endpoint are full at times, and one of them is not any more. */
  readonly roomCameFree: (id: EndpointId) => void
  /** What is on the endpoint's replicas changed; what was given to one to read is `keys`. */
  readonly changed?: (id: EndpointId, replicaId: ReplicaId, keys: readonly number[]) => void
}

/** What other workers have on an endpoint's replicas. */
export type LoadsElsewhere = ReadonlyMap<ReplicaId, LoadElsewhere>
const NO_KEYS: readonly number[] = []

type Listed = {
  readonly routing: EndpointRouting
  rules: RoutingRules
  readonly replicas: Map<ReplicaId, LeasedReplica>
  /** Of the leases on a replica. */
  readonly holders: Map<ReplicaId, LeaseHolder>
}

const NOWHERE: LoadsElsewhere = new Map()
export type SilentLease = SilentReplica & { readonly endpointId: EndpointId; readonly replica: RoutedReplica }

export class ReplicaLeases {
  readonly #rooms: LeaseRooms
  /** Endpoints with replicas, or with requests on replicas that left. */
  readonly #endpoints = new Map<EndpointId, Listed>()
  readonly #elsewhere = new Map<EndpointId, LoadsElsewhere>()

  constructor(rooms: LeaseRooms) {
    this.#rooms = rooms
  }

  /** The endpoint's replicas as the routing table has them now; none for an endpoint that is gone. */
  list(id: EndpointId, replicas: readonly RoutedReplica[], rules: RoutingRules = DEFAULT_ROUTING): void {
    const listed = this.#endpoints.get(id) ?? newlyListed(rules)
    const before = [...listed.replicas.keys()]
    listed.rules = rules
    listed.replicas.clear()
    for (const replica of replicas) {
      listed.replicas.set(replica.id, { ...replica, address: addressOf(replica) })
    }
    for (const [replicaId, { unanswered }] of listed.holders) {
      if (unanswered.size === 0 && !listed.replicas.has(replicaId)) listed.holders.delete(replicaId)
    }
    listed.routing.list(replicas, rules, this.#rooms.clock.elapsed())
    this.#endpoints.set(id, listed)
    this.#apply(id, listed)
    for (const replicaId of new Set([...listed.replicas.keys(), ...before])) {
      if (listed.routing.isDrained(replicaId)) this.#rooms.drained(replicaId)
    }
    this.#forgetIfEmpty(id)
  }

  /** @param chosen the replica, where an endpoint's own router has chosen; undefined is returned if it takes nothing. */
  claim(
    id: EndpointId,
    request: RoutingRequest = PLAIN_REQUEST,
    chosen?: ReplicaId,
  ): RunningLease | undefined {
    const listed = this.#endpoints.get(id)
    const claim = listed?.routing.claim(request, this.#rooms.clock.elapsed(), chosen)
    if (!listed || !claim) return undefined
    const replica = listed.replicas.get(claim.replicaId)!
    this.#rooms.changed?.(id, replica.id, claim.keys)
    return new RunningLease(replica, claim, this.#holderOf(id, listed, replica.id))
  }

  /** There are replicas that could be chosen, if only they had room. */
  areFull(id: EndpointId): boolean {
    return this.#endpoints.get(id)?.routing.areFull ?? false
  }

  /** Gives it nothing new until `endRest`. @returns whether it was not resting already. */
  rest(id: EndpointId, replicaId: ReplicaId): boolean {
    return this.#endpoints.get(id)?.routing.rest(replicaId) ?? false
  }

  endRest(id: EndpointId, replicaId: ReplicaId): void {
    this.#endpoints.get(id)?.routing.endRest(replicaId)
  }

  /** Gives it nothing new until `trust`, and calls off what it has not begun to answer. */
  giveUp(id: EndpointId, replicaId: ReplicaId): void {
    const listed = this.#endpoints.get(id)
    listed?.routing.giveUp(replicaId)
    for (const lease of listed?.holders.get(replicaId)?.unanswered.list() ?? []) lease.callOff()
  }

  trust(id: EndpointId, replicaId: ReplicaId): void {
    this.#endpoints.get(id)?.routing.trust(replicaId)
  }

  /** Replicas to ask whether they work, and those that were given up. */
  *silent(): Iterable<SilentLease> {
    const now = this.#rooms.clock.elapsed()
    for (const [endpointId, { routing, replicas }] of this.#endpoints) {
      for (const silent of routing.silent(now)) {
        const replica = replicas.get(silent.id)
        if (replica) yield { ...silent, endpointId, replica }
      }
    }
  }

  inFlight(id: EndpointId): number {
    return this.#endpoints.get(id)?.routing.inFlight ?? 0
  }

  inFlightByReplica(id: EndpointId): Record<ReplicaId, number> {
    const counts: Record<ReplicaId, number> = {}
    for (const [replicaId, inFlight] of this.#endpoints.get(id)?.routing.loads() ?? []) {
      if (inFlight > 0) counts[replicaId] = inFlight
    }
    return counts
  }

  /** What this worker has on the endpoint's replicas. */
  ownLoads(id: EndpointId): LoadsElsewhere {
    return new Map(this.#endpoints.get(id)?.routing.ownLoads())
  }

  /** Where something is on a replica. */
  get busyEndpoints(): readonly EndpointId[] {
    return [...this.#endpoints].flatMap(([id, { routing }]) => (routing.inFlight > 0 ? [id] : []))
  }

  /** What the other workers have on it now, all together; also for replicas that this one has not heard of yet. */
  setElsewhere(id: EndpointId, loads: LoadsElsewhere): void {
    if (loads.size === 0) this.#elsewhere.delete(id)
    else this.#elsewhere.set(id, loads)
    const listed = this.#endpoints.get(id)
    if (!listed) return
    this.#apply(id, listed)
    if (listed.rules.room !== null) this.#rooms.roomCameFree(id)
  }

  learn(id: EndpointId, replicaId: ReplicaId, keys: readonly number[]): void {
    this.#endpoints.get(id)?.routing.learn(replicaId, keys)
  }

  /** What is kept of prompts for routing. */
  get prefixBytes(): number {
    let bytes = 0
    for (const { routing } of this.#endpoints.values()) bytes += routing.prefixBytes
    return bytes
  }

  #holderOf(id: EndpointId, listed: Listed, replicaId: ReplicaId): LeaseHolder {
    const known = listed.holders.get(replicaId)
    if (known) return known
    const holder: LeaseHolder = {
      clock: this.#rooms.clock,
      unanswered: new Roster(),
      changed: () => this.#rooms.changed?.(id, replicaId, NO_KEYS),
      released: () => this.#released(id, listed, replicaId),
    }
    listed.holders.set(replicaId, holder)
    return holder
  }

  #apply(id: EndpointId, { routing, replicas }: Listed): void {
    const loads = this.#elsewhere.get(id) ?? NOWHERE
    for (const replicaId of replicas.keys()) routing.setElsewhere(replicaId, loads.get(replicaId))
  }

  #released(id: EndpointId, { routing, rules }: Listed, replicaId: ReplicaId): void {
    if (routing.isDrained(replicaId)) this.#rooms.drained(replicaId)
    else if (rules.room !== null) this.#rooms.roomCameFree(id)
    this.#forgetIfEmpty(id)
  }

  #forgetIfEmpty(id: EndpointId): void {
    if (this.#endpoints.get(id)?.routing.isEmpty) this.#endpoints.delete(id)
  }
}

const newlyListed = (rules: RoutingRules): Listed => ({
  routing: new EndpointRouting(),
  rules,
  replicas: new Map(),
  holders: new Map(),
})
