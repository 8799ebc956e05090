/** How busy the hardware of an endpoint's replicas is, from what the runtime says they used between two looks. */
import type { ReplicaId } from '../domain/replica.ts'
import type { RunningReplica, RuntimeDriver } from '../runtime/driver.ts'

type Look = { readonly cpuSeconds: number; readonly at: number }

export class HardwareUse {
  readonly #driver: Pick<RuntimeDriver, 'stats'>
  readonly #looks = new Map<ReplicaId, Look>()

  constructor(driver: Pick<RuntimeDriver, 'stats'>) {
    this.#driver = driver
  }

  /**
   * The mean over `ready`, in percent of the processors they have.
   * @returns undefined unless all of them could be measured. What a GPU does is not measured.
   */
  async percentOf(
    ready: readonly ReplicaId[],
    running: readonly RunningReplica[],
    now: number,
  ): Promise<number | undefined> {
    const percents = await Promise.all(
      ready.map((id) =>
        this.#percent(
          running.find((replica) => replica.id === id),
          now,
        ),
      ),
    )
    let sum = 0
    for (const percent of percents) {
      if (percent === undefined) return undefined
      sum += percent
    }
    return percents.length === 0 ? undefined : sum / percents.length
  }

  keepOnly(running: readonly RunningReplica[]): void {
    const there = new Set(running.map(({ id }) => id))
    for (const id of this.#looks.keys()) if (!there.has(id)) this.#looks.delete(id)
  }

  async #percent(replica: RunningReplica | undefined, now: number): Promise<number | undefined> {
    if (!replica || replica.resources.gpus > 0 || replica.resources.cpus <= 0) return undefined
    const stats = await this.#driver.stats(replica.id).catch(() => undefined)
    if (!stats || !Number.isFinite(stats.cpuSeconds)) return undefined
    const before = this.#looks.get(replica.id)
    this.#looks.set(replica.id, { cpuSeconds: stats.cpuSeconds, at: now })
    const elapsedMs = before ? now - before.at : 0
    if (!before || elapsedMs <= 0 || stats.cpuSeconds < before.cpuSeconds) return undefined
    const used = (stats.cpuSeconds - before.cpuSeconds) / (elapsedMs / 1_000)
    return Math.min(100, (100 * used) / replica.resources.cpus)
  }
}
