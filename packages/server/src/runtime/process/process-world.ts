/** For the tests of this folder: a place of its own for a process driver, and nothing left of it afterwards. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import { systemClock } from '../../platform/clock.ts'
import { silentLog } from '../../platform/log.ts'
import type { ReplicaSpec, RuntimeDriver } from '../driver.ts'
import { GpuLedger } from '../gpu-ledger.ts'
import { createProcessDriver, type ProcessDriverOptions } from './process-driver.ts'

export const never = new AbortController().signal

export class ProcessWorld {
  readonly root: string
  readonly directory: string
  readonly logDirectory: string
  readonly #options: Partial<ProcessDriverOptions>
  readonly #drivers: RuntimeDriver[] = []

  static async create(options: Partial<ProcessDriverOptions> = {}): Promise<ProcessWorld> {
    return new ProcessWorld(await mkdtemp(path.join(os.tmpdir(), 'berth-process-')), options)
  }

  private constructor(root: string, options: Partial<ProcessDriverOptions>) {
    this.root = root
    this.directory = path.join(root, 'replicas')
    this.logDirectory = path.join(root, 'logs')
    this.#options = options
  }

  /** A fresh driver object, as after a restart. */
  async connect(): Promise<RuntimeDriver> {
    const { directory, logDirectory } = this
    const driver = await createProcessDriver({
      directory,
      logDirectory,
      clock: systemClock,
      log: silentLog,
      discover: async () => ({
        cpus: 2,
        memoryBytes: 8 * 2 ** 30,
        cpuModel: 'Test CPU',
        gpus: [],
        notices: [],
      }),
      gpuLedger: new GpuLedger(async () => []),
      ...this.#options,
    })
    this.#drivers.push(driver)
    return driver
  }

  async tearDown(): Promise<void> {
    const last = await this.connect()
    for (const { id } of await last.list()) await last.stop(id, { graceMs: 0 })
    for (const driver of this.#drivers) driver.close()
    await rm(this.root, { recursive: true, force: true, maxRetries: 10 })
  }
}

export function planOf(...command: readonly string[]): ReplicaSpec['plan'] {
  return { command, image: undefined, env: {}, containerPort: 8000, shmBytes: 0 }
}

/** A replica that runs this JavaScript. */
export function programSpec(id: string, source: string, changes: Partial<ReplicaSpec> = {}): ReplicaSpec {
  return {
    id: id as ReplicaId,
    endpointId: 'endpoint-1' as EndpointId,
    endpoint: 'acme/chat',
    revision: 1,
    plan: planOf(process.execPath, '-e', source),
    modelPath: '/models/m',
    env: {},
    resources: { cpus: 1, memoryBytes: 512 * 2 ** 20, gpus: 0 },
    ...changes,
  }
}

/** The first line that a replica writes, waited for. */
export async function firstLine(driver: RuntimeDriver, id: ReplicaId): Promise<string> {
  for await (const line of driver.logs(id, { follow: true, signal: never })) return line
  throw new Error(`replica ${id} ended without a line`)
}

/** Whether a process with this pid runs; one that ended and was not collected does not. */
export async function lives(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return !/\) [ZX] /.test(stat)
}
