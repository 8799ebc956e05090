/** What this machine is made of: processors, memory and GPUs, looked up and not judged. */
import { execFile } from 'node:child_process'
import os from 'node:os'
import { promisify } from 'node:util'
import { messageOf } from '../../domain/errors.ts'
import type { Clock } from '../../platform/clock.ts'

export type Gpu = { readonly index: number; readonly name: string; readonly memoryBytes: number }

export type Machine = {
  /** Usable by this process: what affinity and cgroup quotas leave of the processors. */
  readonly cpus: number
  /** Of the machine, or of the cgroup that holds this process if that is less. */
  readonly memoryBytes: number
  /** For a person, for example "AMD EPYC 9V74". */
  readonly cpuModel: string
  readonly gpus: readonly Gpu[]
  /** What could not be found out, said plainly. */
  readonly notices: readonly string[]
}

const GPU_QUERY_TIMEOUT_MS = 10_000
const VALID_MS = 60_000
const MEBIBYTE = 2 ** 20

/**
 * The machine as it was found last, looked at again when that is a minute old. Nobody but the very first waits for
 * a look, since asking for GPUs may take longer than starting a replica.
 */
export class KnownMachine {
  readonly #discover: () => Promise<Machine>
  readonly #clock: Clock
  #found: Promise<Machine>
  #lookedAt: number

  constructor(discover: () => Promise<Machine>, clock: Clock) {
    this.#discover = discover
    this.#clock = clock
    this.#lookedAt = clock.now()
    this.#found = this.#look()
  }

  current(): Promise<Machine> {
    const before = this.#found
    if (this.#clock.now() - this.#lookedAt > VALID_MS) {
      this.#lookedAt = this.#clock.now()
      void this.#look().then(
        (machine) => {
          this.#found = Promise.resolve(machine)
        },
        // The earlier answer stays until there is a better one.
        () => {},
      )
    }
    return before
  }

  #look(): Promise<Machine> {
    const found = this.#discover()
    // Whoever asks for it is told; that nobody has asked yet is no reason to end the process.
    found.catch(() => {})
    return found
  }
}

export async function discoverMachine(
  gpuQueryProgram = 'nvidia-smi',
  timeoutMs = GPU_QUERY_TIMEOUT_MS,
): Promise<Machine> {
  const { gpus, notices } = await discoverGpus(gpuQueryProgram, timeoutMs)
  // 0 or more than there is where no cgroup sets a limit.
  const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY
  const cpuModel = os.cpus()[0]?.model.trim()
  return {
    cpus: os.availableParallelism(),
    memoryBytes: Math.min(os.totalmem(), limit),
    cpuModel: cpuModel && cpuModel !== 'unknown' ? cpuModel : process.arch,
    gpus,
    notices,
  }
}

async function discoverGpus(program: string, timeoutMs: number): Promise<Pick<Machine, 'gpus' | 'notices'>> {
  const query = ['--query-gpu=index,name,memory.total', '--format=csv,noheader,nounits']
  try {
    const { stdout } = await promisify(execFile)(program, query, {
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    return { gpus: parseGpus(stdout), notices: [] }
  } catch (error) {
    // No such program: a machine without NVIDIA GPUs, which needs no notice.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { gpus: [], notices: [] }
    const timedOut = error instanceof Error && 'killed' in error && error.killed === true
    const what = timedOut ? `did not answer within ${timeoutMs / 1000} s` : messageOf(error).trim()
    return { gpus: [], notices: [`GPUs cannot be used, since ${program} failed: ${what}`] }
  }
}

/** Lines like `0, NVIDIA H200, 143771`; memory in MiB, or `[N/A]` where it is shared with the processor. */
export function parseGpus(csv: string): readonly Gpu[] {
  return csv
    .split('\n')
    .map((line) => line.split(',').map((field) => field.trim()))
    .flatMap(([index = '', name = '', memory]) =>
      /^\d+$/.test(index) && name !== ''
        ? [{ index: Number(index), name, memoryBytes: (Number(memory) || 0) * MEBIBYTE }]
        : [],
    )
}
