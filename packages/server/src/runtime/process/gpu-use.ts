/** What GPUs do now: asked for all of them at once and at most every few seconds, however many replicas want to know. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Clock } from '../../platform/clock.ts'
import type { GpuUse } from '../driver.ts'

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
    const query = ['--query-gpu=index,utilization.gpu,memory.used', '--format=csv,noheader,nounits']
    try {
      const options = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' } as const
      return parseGpuUses((await promisify(execFile)(this.#program, query, options)).stdout)
    } catch {
      // Why GPUs cannot be asked is said where the machine is described; a gap in a graph says the rest.
      return []
    }
  }
}

/** Lines like `0, 97, 140312`: percent, and MiB; `[N/A]` where a GPU does not say. */
export function parseGpuUses(csv: string): readonly GpuUse[] {
  return csv
    .split('\n')
    .map((line) => line.split(',').map((field) => field.trim()))
    .flatMap(([index = '', use = '', memory = '']) =>
      [index, use, memory].every((field) => /^\d+$/.test(field))
        ? [{ index: Number(index), usePercent: Number(use), memoryBytes: Number(memory) * MEBIBYTE }]
        : [],
    )
}
