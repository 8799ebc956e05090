/**
 * The reconciler: looks at every endpoint again and again, sooner when something hints that it should.
 *
 * A hint is a key and nothing more. If every hint were lost, the resync would still bring each endpoint to what is
 * wanted, only later.
 */
import { ROUTER_HEALTH_ROUTE } from '../domain/custom-router.ts'
import { type EndpointRecord, endpointKey } from '../domain/endpoint.ts'
import { messageOf } from '../domain/errors.ts'
import type { EndpointId, Replica, ReplicaId } from '../domain/replica.ts'
import { Histogram } from '../platform/prometheus.ts'
import { isReplica, type RunningReplica } from '../runtime/driver.ts'
import { ArtifactFetches } from './artifact-fetches.ts'
import { DrainReports } from './drain-reports.ts'
import { EndpointMemory } from './endpoint-memory.ts'
import type { LookTools } from './look-tools.ts'
import { Prober } from './prober.ts'
import { reconcileEndpoint } from './reconcile-endpoint.ts'
import { ReplicaStops } from './replica-stops.ts'
import type { ReconcileRooms } from './rooms.ts'
import { type DoorReport, DoorReports } from './router/door-reports.ts'
import { RouterBackends } from './router/router-backends.ts'
import { healthRouteOf } from './start-replica.ts'
import { WorkQueue } from './work-queue.ts'

const RECONCILER = { id: 'reconciler', name: 'reconciler' }
const CONCURRENT_LOOKS = 16
const AFTER_FAILURE_MS = 5_000
const LOOK_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30]
/** How long a start waits for the first answers of what an earlier process left running. */
const ADOPTION_MS = 1_500

export class Reconciler {
  readonly #rooms: ReconcileRooms
  readonly #queue: WorkQueue<EndpointId>
  readonly #tools: LookTools
  readonly #memories = new Map<EndpointId, EndpointMemory>()
  readonly #owners = new Map<ReplicaId, EndpointId>()
  readonly #notYetLookedAt = new Set<EndpointId>()
  readonly #settled = Promise.withResolvers<void>()
  readonly #looks = new Histogram(LOOK_SECONDS)
  #failedLooks = 0
  #starting: Promise<unknown> = Promise.resolve()
  #noting: Promise<void> = Promise.resolve()

  constructor(rooms: ReconcileRooms) {
    this.#rooms = rooms
    this.#queue = new WorkQueue(rooms.clock)
    this.#tools = {
      rooms,
      prober: new Prober(rooms.clock, (id) => this.hintReplica(id)),
      fetches: new ArtifactFetches(rooms.models, (id) => this.hint(id)),
      drains: new DrainReports(),
      stops: new ReplicaStops(rooms.driver, rooms.log, (id) => this.#stopEnded(id)),
      doors: new DoorReports(),
      backends: new RouterBackends(rooms.clock, rooms.log, (id) => this.hintReplica(id)),
      again: (endpointId) => this.hint(endpointId),
      own: (replicaId, endpointId) => this.#owners.set(replicaId, endpointId),
      note: (endpoint, kind, message, details) => this.#note(endpoint, kind, message, details),
      startAlone: (body) => this.#startAlone(body),
    }
  }

  /** Look at this endpoint soon. */
  hint(id: EndpointId): void {
    this.#queue.add(id)
  }

  hintReplica(id: ReplicaId): void {
    const owner = this.#owners.get(id)
    if (owner) this.hint(owner)
  }

  /** A connection to the replica failed: ask it now. */
  suspect(id: ReplicaId): void {
    this.#tools.prober.hurry(id)
    this.hintReplica(id)
  }

  /** A gateway found that it does not work on its requests: it counts as failed. */
  stuck(id: ReplicaId, evidence: string): void {
    const owner = this.#owners.get(id)
    const memory = owner && this.#memories.get(owner)
    if (!memory || memory.stuck.has(id)) return
    memory.stuck.set(id, { evidence, at: this.#rooms.clock.now() })
    this.hintReplica(id)
  }

  drained(gatewayId: string, replicaId: ReplicaId): void {
    this.#tools.drains.report(gatewayId, replicaId)
    this.hintReplica(replicaId)
  }

  /** A gateway says where a router reaches the replicas through it. */
  doors(gatewayId: string, routerId: ReplicaId, report: DoorReport): void {
    this.#tools.doors.report(gatewayId, routerId, report)
    this.hintReplica(routerId)
  }

  /** Somebody used the endpoint at that time; it reaches the status with the next look. */
  used(id: EndpointId, at: number): void {
    const memory = this.#memories.get(id)
    if (memory) memory.lastUsedAt = Math.max(memory.lastUsedAt ?? 0, at)
  }

  /** A person wants another try: what failed before does not count. */
  async forgive(id: EndpointId): Promise<void> {
    ;(await this.#memory(id)).forgive()
    this.hint(id)
  }

  /** What the last look found; empty for an endpoint that nobody looked at yet. */
  replicasOf(id: EndpointId): readonly Replica[] {
    return this.#memories.get(id)?.lastReplicas ?? []
  }

  /** For a page that says how the reconciler fares. */
  get figures() {
    return {
      lookSeconds: this.#looks,
      failedLooks: this.#failedLooks,
      fetchesUnderWay: this.#tools.fetches.underWay,
    }
  }

  /** Resolves once every endpoint has been looked at since the start: only then is the routing table complete. */
  get settled(): Promise<void> {
    return this.#settled.promise
  }

  /** Looks until `signal` aborts. Replicas are left running. */
  async run(signal: AbortSignal): Promise<void> {
    const stopListening = this.#rooms.driver.onChange((id) => this.hintReplica(id))
    await this.#adopt()
    const endpoints = await this.#rooms.store.endpoints.list()
    for (const id of new Set([...endpoints.map((endpoint) => endpoint.id), ...this.#owners.values()])) {
      this.#notYetLookedAt.add(id)
      this.hint(id)
    }
    this.#settleIfDone()
    await this.#queue.run((id) => this.#look(id), { concurrency: CONCURRENT_LOOKS, signal })
    stopListening()
    await this.#noting
    this.#tools.prober.close()
    this.#tools.fetches.close()
  }

  async #look(id: EndpointId): Promise<number | undefined> {
    const begunAt = this.#rooms.clock.now()
    try {
      const memory = await this.#memory(id)
      const again = await reconcileEndpoint(id, memory, this.#tools)
      if (again === undefined) this.#forget(id)
      return again
    } catch (error) {
      this.#failedLooks++
      this.#rooms.log.error('a look at an endpoint failed', { endpointId: id, error: messageOf(error) })
      return AFTER_FAILURE_MS
    } finally {
      this.#looks.observe((this.#rooms.clock.now() - begunAt) / 1_000)
      this.#notYetLookedAt.delete(id)
      this.#settleIfDone()
    }
  }

  /** What it took is free again: whoever waits for hardware may look. */
  #stopEnded(id: ReplicaId): void {
    this.hintReplica(id)
    for (const [endpointId, memory] of this.#memories) {
      if (memory.lastReport?.state === 'pending') this.hint(endpointId)
    }
  }

  #forget(id: EndpointId): void {
    this.#memories.delete(id)
    for (const [replica, owner] of this.#owners) if (owner === id) this.#owners.delete(replica)
  }

  async #memory(id: EndpointId): Promise<EndpointMemory> {
    const known = this.#memories.get(id)
    if (known) return known
    const memory = new EndpointMemory(await this.#rooms.store.statuses.get(id))
    this.#memories.set(id, this.#memories.get(id) ?? memory)
    return this.#memories.get(id)!
  }

  /** Asks what an earlier process left running whether it is ready, before anything is decided about it. */
  async #adopt(): Promise<void> {
    const running = await this.#rooms.driver.list()
    for (const replica of running) this.#owners.set(replica.id, replica.endpointId)
    const alive = running.filter((replica) => replica.state === 'running')
    for (const replica of alive) {
      const { id, address, startedAt } = replica
      const route = await this.#healthRouteOf(replica)
      this.#tools.prober.track({ id, address, route, apiKey: this.#rooms.replicaKey(id), startedAt })
    }
    const giveUp = new AbortController()
    await Promise.race([
      Promise.all(alive.map((replica) => this.#tools.prober.firstAnswer(replica.id))),
      this.#rooms.clock.sleep(ADOPTION_MS, giveUp.signal).catch(() => {}),
    ])
    giveUp.abort()
    if (alive.length > 0) this.#rooms.log.info('running replicas adopted', { count: alive.length })
  }

  async #healthRouteOf(one: RunningReplica): Promise<string> {
    if (!isReplica(one)) return ROUTER_HEALTH_ROUTE
    const revision = await this.#rooms.store.revisions.get(one.endpointId, one.revision)
    return revision ? healthRouteOf(this.#rooms, revision) : '/health'
  }

  #note(
    endpoint: EndpointRecord,
    kind: string,
    message: string,
    details: Readonly<Record<string, unknown>>,
  ): void {
    const { store, clock, log } = this.#rooms
    const event = {
      at: clock.now(),
      actor: RECONCILER,
      kind,
      endpoint: endpointKey(endpoint),
      message,
      details,
    }
    this.#noting = this.#noting
      .then(() => store.events.append(event))
      .catch((error) => log.warn('an event was not written down', { kind, error: messageOf(error) }))
  }

  #settleIfDone(): void {
    if (this.#notYetLookedAt.size === 0) this.#settled.resolve()
  }

  #startAlone<Result>(body: () => Promise<Result>): Promise<Result> {
    const turn = this.#starting.then(body)
    this.#starting = turn.catch(() => {})
    return turn
  }
}
