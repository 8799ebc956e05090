/**
 * Several runtimes of one machine behind one door.
 *
 * A replica is started by the runtime that its instance type names and is found again by asking; nothing says to
 * whom an id belongs but the runtimes themselves. The machine is one: what it has is counted once, whoever runs on it.
 *
 * A runtime that stops answering does not take the others with it. What it was last seen to run still counts as
 * there, since nobody knows otherwise, and what it offered stays offered; whatever is asked of it itself fails.
 */
import { messageOf, PlatformError } from '../domain/errors.ts'
import type { InstanceType, Resources } from '../domain/instance-type.ts'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type {
  Capacity,
  LogOptions,
  OutputLine,
  OutputOptions,
  ReplicaSpec,
  ReplicaStats,
  RunningReplica,
  RuntimeDriver,
} from './driver.ts'

/** The first one's instance types keep their names; those of the others have their runtime's name for a region. */
export type JoinedDrivers = readonly [RuntimeDriver, ...RuntimeDriver[]]

export class JoinedDriver implements RuntimeDriver {
  readonly name: string
  readonly #members: readonly [Member, ...Member[]]

  constructor(drivers: JoinedDrivers) {
    const [first, ...others] = drivers
    this.#members = [new Member(first), ...others.map((driver) => new Member(driver))]
    this.name = drivers.map(({ name }) => name).join(',')
  }

  async start(spec: ReplicaSpec): Promise<void> {
    await this.#memberFor(spec).driver.start(spec)
  }

  async prepare(spec: ReplicaSpec): Promise<void> {
    await this.#memberFor(spec).driver.prepare(spec)
  }

  async stop(id: ReplicaId, options: { readonly graceMs: number }): Promise<void> {
    await Promise.all(this.#whose(id).map(({ driver }) => driver.stop(id, options)))
  }

  async list(): Promise<readonly RunningReplica[]> {
    return (await Promise.all(this.#members.map((member) => member.replicas()))).flat()
  }

  async *logs(id: ReplicaId, options: LogOptions): AsyncIterable<string> {
    // Whoever does not know it has no line of it and ends at once.
    for (const { driver } of this.#whose(id)) yield* driver.logs(id, options)
  }

  async *output(id: ReplicaId, options: OutputOptions): AsyncIterable<OutputLine> {
    for (const { driver } of this.#whose(id)) yield* driver.output(id, options)
  }

  async stats(id: ReplicaId): Promise<ReplicaStats | undefined> {
    const all = await Promise.all(this.#whose(id).map(({ driver }) => driver.stats(id)))
    return all.find((stats) => stats !== undefined)
  }

  async capacity(): Promise<Capacity> {
    const all = await Promise.all(this.#members.map((member) => member.capacity()))
    return {
      instanceTypes: all.flatMap(({ instanceTypes }, at) =>
        instanceTypes.map((type) => typeOf(type, this.#members[at]!.driver.name, at === 0)),
      ),
      total: most(all.map(({ total }) => total)),
      notices: [...new Set(all.flatMap(({ notices }) => notices))],
      runtimes: all.map(({ notices }, at) => ({ name: this.#members[at]!.driver.name, notices })),
    }
  }

  async keepOnly(endpoints: ReadonlySet<EndpointId>): Promise<void> {
    await Promise.all(this.#members.map(({ driver }) => driver.keepOnly(endpoints)))
  }

  onChange(listener: (id: ReplicaId) => void): () => void {
    const leave = this.#members.map(({ driver }) => driver.onChange(listener))
    return () => {
      for (const end of leave) end()
    }
  }

  close(): void {
    for (const { driver } of this.#members) driver.close()
  }

  #memberFor({ endpoint, runtime }: ReplicaSpec): Member {
    if (runtime === undefined) return this.#members[0]
    const found = this.#members.find(({ driver }) => driver.name === runtime)
    if (found) return found
    throw new PlatformError(
      'invalid',
      `Endpoint "${endpoint}" wants the runtime "${runtime}", and this Berth serves ${this.name}. Start it with that runtime too, or choose another instance type.`,
      { field: 'compute.instanceType', reason: 'runtime_missing' },
    )
  }

  /** The one that was last seen to have it; all of them for one that nobody was seen with. */
  #whose(id: ReplicaId): readonly Member[] {
    const owner = this.#members.find((member) => member.has(id))
    return owner ? [owner] : this.#members
  }
}

class Member {
  readonly driver: RuntimeDriver
  #seen: readonly RunningReplica[] | undefined
  #offered: Capacity | undefined

  constructor(driver: RuntimeDriver) {
    this.driver = driver
  }

  has(id: ReplicaId): boolean {
    return this.#seen?.some((replica) => replica.id === id) ?? false
  }

  /** @throws PlatformError as long as it never answered. */
  async replicas(): Promise<readonly RunningReplica[]> {
    try {
      const { name: runtime } = this.driver
      this.#seen = (await this.driver.list()).map((replica) => ({ ...replica, runtime }))
      return this.#seen
    } catch (error) {
      if (!this.#seen) throw error
      return this.#seen
    }
  }

  /** @throws PlatformError as long as it never answered. */
  async capacity(): Promise<Capacity> {
    try {
      this.#offered = await this.driver.capacity()
      return this.#offered
    } catch (error) {
      if (!this.#offered) throw error
      const notice = `The runtime "${this.driver.name}" does not answer, and nothing can be started there: ${messageOf(error)}`
      return { ...this.#offered, notices: [notice] }
    }
  }
}

function typeOf(type: InstanceType, runtime: string, isFirst: boolean): InstanceType {
  if (isFirst) return { ...type, runtime }
  const { vendor, instanceType, instanceSize } = type
  return {
    ...type,
    id: `${vendor}-${runtime}-${instanceType}-${instanceSize}`,
    region: runtime,
    regionLabel: `This machine, by the runtime "${runtime}"`,
    runtime,
  }
}

/** They look at the same machine, and one may be allowed to see less of it. */
const most = (totals: readonly Resources[]): Resources => ({
  cpus: Math.max(...totals.map(({ cpus }) => cpus)),
  memoryBytes: Math.max(...totals.map(({ memoryBytes }) => memoryBytes)),
  gpus: Math.max(...totals.map(({ gpus }) => gpus)),
})
