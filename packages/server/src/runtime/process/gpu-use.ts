/** What GPUs do now: asked for all of them at once and at most every few seconds, however many replicas want to know. */
import type { Clock } from '../../platform/clock.ts'
import type { GpuUse } from '../driver.ts'
import { numbersIn, queryGpus } from '../nvidia-smi.ts'

const VALID_MS = 5_000
const TIMEOUT_MS = 5_000
const MEBIBYTE = 2 ** 20

export class GpuUses {
  readonly #clock: Clock
  readonly #program: string
  #asked: Promise<readonly GpuUse[]> = Promise.resolve([])
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, program = 'nvidia-smi') {
    this.#clock = clock
    this.#program = program
  }

  /** Of these GPUs, those that say what they do. */
  async of(indexes: readonly number[]): Promise<readonly GpuUse[]> {
    if (indexes.length === 0) return []
    if (this.#clock.now() - this.#askedAt >= VALID_MS) {
      this.#askedAt = this.#clock.now()
      this.#asked = this.#ask()
    }
    return (await this.#asked).filter(({ index }) => indexes.includes(index))
  }

  async #ask(): Promise<readonly GpuUse[]> {
    try {
      return parseGpuUses(
        await queryGpus(this.#program, ['index', 'utilization.gpu', 'memory.used'], TIMEOUT_MS),
      )
    } catch {
      // Why GPUs cannot be asked is said where the machine is described; a gap in a graph says the rest.
      return []
    }
  }
}

/** Lines like `0, 97, 140312`: percent, and MiB; `[N/A]` where a GPU does not say. */
export function parseGpuUses(csv: string): readonly GpuUse[] {
  return numbersIn(csv).map(([index, usePercent, memory]) => ({
    index,
    usePercent,
    memoryBytes: memory * MEBIBYTE,
  }))
}
