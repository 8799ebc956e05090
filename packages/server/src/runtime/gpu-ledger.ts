/**
 * Who has which GPU of this machine, whatever runtime its replica has.
 *
 * A GPU is granted again when nobody holds it and its memory is free. The second is looked up and not assumed: a
 * program that ended, or was killed, gives its memory back a while later, and the next one would die of what is
 * missing. A GPU on which somebody else works is not granted either. Nothing is remembered, so a restart loses nothing.
 */
import { messageOf, PlatformError } from '../domain/errors.ts'
import { gibibytes } from '../domain/memory-ledger.ts'
import type { ReplicaSpec } from './driver.ts'
import { type GpuMemory, isOccupied } from './gpu-memory.ts'
import type { Gpu } from './process/machine.ts'

export type GpuHolder = () => readonly number[] | Promise<readonly number[]>

export class GpuLedger {
  readonly #read: () => Promise<readonly GpuMemory[]>
  readonly #holders: GpuHolder[] = []
  #turn: Promise<unknown> = Promise.resolve()

  /** @param read what is in the memory of each GPU now; throws when it cannot be found out. */
  constructor(read: () => Promise<readonly GpuMemory[]>) {
    this.#read = read
  }

  /** @param holder says which GPUs the replicas of a runtime hold now. */
  join(holder: GpuHolder): void {
    this.#holders.push(holder)
  }

  /**
   * One grant after another: what `hold` resolved with is held by then.
   *
   * @param gpus of this machine.
   * @param hold is given the lowest GPUs that are free; `null` on a machine without any, where there is nothing to hide.
   * @throws PlatformError `invalid` if the machine has too few, `unavailable` if too few are free now.
   */
  async grant<Result>(
    spec: Pick<ReplicaSpec, 'endpoint' | 'resources'>,
    gpus: readonly Gpu[],
    hold: (indexes: readonly number[] | null) => Result | Promise<Result>,
  ): Promise<Result> {
    const wanted = spec.resources.gpus
    if (wanted > gpus.length) throw tooFew(spec, gpus.length)
    if (wanted === 0) return hold(gpus.length === 0 ? null : [])
    const result = this.#turn.then(async () => hold(await this.#free(spec, gpus)))
    this.#turn = result.catch(() => {})
    return result
  }

  async #free(
    spec: Pick<ReplicaSpec, 'endpoint' | 'resources'>,
    gpus: readonly Gpu[],
  ): Promise<readonly number[]> {
    const wanted = spec.resources.gpus
    const held = await this.#held()
    const unheld = gpus.map(({ index }) => index).filter((index) => !held.has(index))
    if (unheld.length < wanted) throw allHeld(spec, unheld.length, gpus.length)
    const occupied = (await this.#read()).filter((gpu) => unheld.includes(gpu.index) && isOccupied(gpu))
    const free = unheld.filter((index) => !occupied.some((gpu) => gpu.index === index))
    if (free.length < wanted) throw notReleased(spec, occupied)
    return free.slice(0, wanted)
  }

  async #held(): Promise<ReadonlySet<number>> {
    try {
      return new Set((await Promise.all(this.#holders.map((holder) => holder()))).flat())
    } catch (cause) {
      throw new PlatformError(
        'unavailable',
        `Which GPUs are held cannot be found out: ${messageOf(cause)}. None is given to anybody until then.`,
        { reason: 'gpu_taken', cause },
      )
    }
  }
}

type Asking = Pick<ReplicaSpec, 'endpoint' | 'resources'>

const tooFew = ({ endpoint, resources }: Asking, there: number) =>
  new PlatformError(
    'invalid',
    `Endpoint "${endpoint}" needs ${resources.gpus} GPUs per replica and this machine has ${there}. Choose an instance type that this machine offers.`,
  )

const allHeld = ({ endpoint, resources }: Asking, free: number, there: number) =>
  new PlatformError(
    'unavailable',
    `Endpoint "${endpoint}" needs ${resources.gpus} GPUs for one more replica, and ${free} of ${there} are free. Pause an endpoint that holds some.`,
    { reason: 'gpu_taken' },
  )

const notReleased = ({ endpoint, resources }: Asking, occupied: readonly GpuMemory[]) => {
  const used = occupied.map(({ index, usedBytes }) => `GPU ${index} still has ${gibibytes(usedBytes)}`)
  return new PlatformError(
    'unavailable',
    `Waiting for GPU memory: endpoint "${endpoint}" needs ${resources.gpus} for one more replica, and ${used.join(', ')} in use though no replica holds it. What ended gives it back soon; another program on this machine has to be stopped (nvidia-smi names it).`,
    { reason: 'gpu_taken' },
  )
}
