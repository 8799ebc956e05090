/**
 * Looks again and again at what runs and what waits, and puts it into the time series.
 *
 * What gateways and reconciler tell is remembered and looked at every second; what replicas use of the hardware is
 * asked of the runtime every ten, replica by replica, and a runtime that hangs holds nothing else up. An endpoint
 * that sleeps and that nobody asks for leaves no trace, and while all of them do nobody looks.
 */
import { messageOf } from '../domain/errors.ts'
import type { EndpointId, Replica, ReplicaId, ReplicaPhase } from '../domain/replica.ts'
import type { EndpointDemand } from '../link/messages.ts'
import { Bell } from '../platform/bell.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { isReplica, type ReplicaStats, type RunningReplica, type RuntimeDriver } from '../runtime/driver.ts'
import type { GaugeName } from './series/interval.ts'

const LOOK_EVERY_MS = 1_000
const USE_EVERY_MS = 10_000
const PHASES = ['starting', 'ready', 'draining', 'failed'] as const satisfies readonly ReplicaPhase[]

export type ObserverRooms = {
  readonly clock: Clock
  readonly log: Log
  readonly driver: Pick<RuntimeDriver, 'list' | 'stats'>
  look(id: EndpointId, name: GaugeName, value: number, replica?: ReplicaId): void
}

/** Of one replica, just now. */
export type ReplicaUse = {
  readonly cpuPercent: number | undefined
  readonly memoryBytes: number
  readonly gpuPercent: number | undefined
  readonly gpuMemoryBytes: number | undefined
}

/** Of one endpoint, just now. */
export type Present = {
  readonly pending: number
  readonly inFlight: number
  readonly phases: Readonly<Record<ReplicaPhase, number>>
  readonly use: ReadonlyMap<ReplicaId, ReplicaUse>
}

type Known = {
  readonly byGateway: Map<string, EndpointDemand>
  replicas: readonly Replica[]
  readonly use: Map<ReplicaId, ReplicaUse>
}

type Looking = {
  act(): Promise<void>
  /** Whether there is nothing left to look at, until there is news. */
  isOver(): boolean
  readonly news: Bell
}

type Measured = { readonly stats: ReplicaStats; readonly at: number }

export class Observer {
  readonly #rooms: ObserverRooms
  readonly #known = new Map<EndpointId, Known>()
  readonly #measured = new Map<ReplicaId, Measured>()
  /** There is something to look at, and a replica to measure. */
  readonly #stir = new Bell()
  readonly #replica = new Bell()

  constructor(rooms: ObserverRooms) {
    this.#rooms = rooms
  }

  demand(gatewayId: string, demand: EndpointDemand): void {
    this.#of(demand.id).byGateway.set(gatewayId, demand)
    if (isWanted(demand)) this.#stir.ring()
  }

  gatewayGone(gatewayId: string): void {
    for (const { byGateway } of this.#known.values()) byGateway.delete(gatewayId)
  }

  looked(id: EndpointId, replicas: readonly Replica[]): void {
    this.#of(id).replicas = replicas
    if (replicas.length === 0) return
    this.#stir.ring()
    this.#replica.ring()
  }

  forgotten(id: EndpointId): void {
    this.#known.delete(id)
  }

  present(id: EndpointId): Present {
    const known = this.#known.get(id)
    const demands = [...(known?.byGateway.values() ?? [])]
    return {
      pending: demands.reduce((sum, { waiting }) => sum + waiting, 0),
      inFlight: demands.reduce((sum, { inFlight }) => sum + inFlight, 0),
      phases: phasesOf(known?.replicas ?? []),
      use: known?.use ?? new Map(),
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    const known = () => [...this.#known.values()]
    await Promise.all([
      this.#every(LOOK_EVERY_MS, signal, {
        act: async () => this.look(),
        isOver: () => known().every(isAsleep),
        news: this.#stir,
      }),
      this.#every(USE_EVERY_MS, signal, {
        act: () => this.measure(),
        isOver: () => this.#measured.size === 0 && known().every(({ replicas }) => replicas.length === 0),
        news: this.#replica,
      }),
    ])
  }

  /** Puts what is known into the series. */
  look(): void {
    const { look } = this.#rooms
    for (const [id, known] of this.#known) {
      if (isAsleep(known)) continue
      const { pending, inFlight, phases } = this.present(id)
      look(id, 'pending', pending)
      look(id, 'inFlight', inFlight)
      for (const phase of PHASES) if (phases[phase] > 0) look(id, phase, phases[phase])
      for (const [replica, count] of byReplica(known)) look(id, 'inFlight', count, replica)
    }
  }

  /** Asks the runtime what each replica uses. */
  async measure(): Promise<void> {
    const running = (await this.#rooms.driver.list()).filter(
      (one) => one.state === 'running' && isReplica(one),
    )
    const alive = new Set(running.map(({ id }) => id))
    for (const id of this.#measured.keys()) if (!alive.has(id)) this.#measured.delete(id)
    for (const { use } of this.#known.values()) {
      for (const id of use.keys()) if (!alive.has(id)) use.delete(id)
    }
    await Promise.all(
      running.map((replica) =>
        this.#measure(replica).catch((error) =>
          this.#rooms.log.debug('a replica could not be measured', {
            replica: replica.id,
            error: messageOf(error),
          }),
        ),
      ),
    )
  }

  async #measure({ id, endpointId, resources }: RunningReplica): Promise<void> {
    const stats = await this.#rooms.driver.stats(id)
    if (!stats) return
    const measured = { stats, at: this.#rooms.clock.now() }
    const use = useOf(this.#measured.get(id), measured, resources.cpus)
    this.#measured.set(id, measured)
    this.#of(endpointId).use.set(id, use)
    for (const [name, value] of [
      ['cpu', use.cpuPercent],
      ['memory', use.memoryBytes],
      ['gpu', use.gpuPercent],
      ['gpuMemory', use.gpuMemoryBytes],
    ] as const) {
      if (value === undefined) continue
      this.#rooms.look(endpointId, name, value)
      this.#rooms.look(endpointId, name, value, id)
    }
  }

  async #every(ms: number, signal: AbortSignal, { act, isOver, news }: Looking): Promise<void> {
    while (!signal.aborted) {
      await act().catch((error) => this.#rooms.log.warn('a look failed', { error: messageOf(error) }))
      await (isOver() ? news.heard(signal) : this.#rooms.clock.sleep(ms, signal).catch(() => {}))
    }
  }

  #of(id: EndpointId): Known {
    let known = this.#known.get(id)
    if (!known) {
      known = { byGateway: new Map(), replicas: [], use: new Map() }
      this.#known.set(id, known)
    }
    return known
  }
}

const isWanted = ({ waiting, inFlight }: EndpointDemand) => waiting > 0 || inFlight > 0
const isAsleep = ({ replicas, byGateway }: Known) =>
  replicas.length === 0 && ![...byGateway.values()].some(isWanted)

/** Of its processors all together: 100 % is all that it may use. */
function useOf(before: Measured | undefined, { stats, at }: Measured, cpus: number): ReplicaUse {
  const seconds = before ? (at - before.at) / 1_000 : 0
  const spent = before ? stats.cpuSeconds - before.stats.cpuSeconds : 0
  const gpus = stats.gpus ?? []
  return {
    cpuPercent: seconds > 0 && spent >= 0 && cpus > 0 ? (100 * spent) / (seconds * cpus) : undefined,
    memoryBytes: stats.memoryBytes,
    gpuPercent:
      gpus.length > 0 ? gpus.reduce((sum, gpu) => sum + gpu.usePercent, 0) / gpus.length : undefined,
    gpuMemoryBytes: gpus.length > 0 ? gpus.reduce((sum, gpu) => sum + gpu.memoryBytes, 0) : undefined,
  }
}

function phasesOf(replicas: readonly Replica[]): Record<ReplicaPhase, number> {
  const phases = { starting: 0, ready: 0, draining: 0, failed: 0 }
  for (const { phase } of replicas) phases[phase]++
  return phases
}

function byReplica({ byGateway }: Known): Map<ReplicaId, number> {
  const counts = new Map<ReplicaId, number>()
  for (const { inFlightByReplica } of byGateway.values()) {
    for (const [replica, count] of Object.entries(inFlightByReplica) as [ReplicaId, number][]) {
      counts.set(replica, (counts.get(replica) ?? 0) + count)
    }
  }
  return counts
}
