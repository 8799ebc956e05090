/** For the tests of this folder: an installation of its own on a real daemon, and nothing left of it afterwards. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import Docker from 'dockerode'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import { systemClock } from '../../platform/clock.ts'
import { silentLog } from '../../platform/log.ts'
import type { ReplicaSpec, RuntimeDriver } from '../driver.ts'
import { GpuLedger } from '../gpu-ledger.ts'
import { createDockerDriver, type DockerDriverOptions } from './docker-driver.ts'

export const never = new AbortController().signal

/** The daemon that tests may use, and an image there with `node` and busybox. */
export const testDaemon = {
  socketPath: process.env['BERTH_TEST_DOCKER_SOCKET'],
  image: process.env['BERTH_TEST_DOCKER_IMAGE'] ?? 'berth-test:node',
}

export class DockerWorld {
  readonly root: string
  readonly logDirectory: string
  /** A directory with one file, `config.json`. */
  readonly modelPath: string
  readonly installationId = `test-${randomBytes(4).toString('hex')}`
  readonly docker: Docker
  readonly #options: Partial<DockerDriverOptions>
  readonly #drivers: RuntimeDriver[] = []

  static async create(options: Partial<DockerDriverOptions> = {}): Promise<DockerWorld> {
    const root = await mkdtemp(path.join(os.tmpdir(), 'berth-docker-'))
    await writeFile(path.join(root, 'config.json'), '{"model_type":"test"}')
    return new DockerWorld(root, options)
  }

  private constructor(root: string, options: Partial<DockerDriverOptions>) {
    this.root = root
    this.logDirectory = path.join(root, 'logs')
    this.modelPath = root
    this.docker = new Docker({ socketPath: testDaemon.socketPath })
    this.#options = options
  }

  /** A fresh driver object, as after a restart. */
  async connect(options: Partial<DockerDriverOptions> = {}): Promise<RuntimeDriver> {
    const driver = await createDockerDriver({
      connection: { socketPath: testDaemon.socketPath ?? '' },
      installationId: this.installationId,
      logDirectory: this.logDirectory,
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
      ...options,
    })
    this.#drivers.push(driver)
    return driver
  }

  /** A replica that runs this JavaScript. It ends when it is asked to, which the first process of a container does not. */
  spec(id: string, source: string, changes: Partial<ReplicaSpec> = {}): ReplicaSpec {
    return {
      id: this.id(id),
      endpointId: 'endpoint-1' as EndpointId,
      endpoint: 'acme/chat',
      revision: 1,
      plan: planOf('node', '-e', `process.on("SIGTERM", () => process.exit()); ${source}`),
      modelPath: this.modelPath,
      env: {},
      resources: { cpus: 1, memoryBytes: 512 * 2 ** 20, gpus: 0 },
      ...changes,
    }
  }

  id(name: string): ReplicaId {
    return name as ReplicaId
  }

  /** What the daemon knows of the replica's container. */
  inspect(id: string): Promise<Docker.ContainerInspectInfo> {
    return this.docker.getContainer(id).inspect()
  }

  async isPodman(): Promise<boolean> {
    const { Components } = await this.docker.version()
    return Components.some(({ Name }) => /podman/i.test(Name))
  }

  async tearDown(): Promise<void> {
    const label = [`berth.installation=${this.installationId}`]
    for (const { Id } of await this.docker.listContainers({ all: true, filters: { label } }))
      await this.docker.getContainer(Id).remove({ force: true, v: true })
    for (const { Id } of await this.docker.listNetworks({ filters: { label } }))
      await this.docker.getNetwork(Id).remove()
    for (const driver of this.#drivers) driver.close()
    await rm(this.root, { recursive: true, force: true, maxRetries: 10 })
  }
}

export function planOf(...command: readonly string[]): ReplicaSpec['plan'] {
  return { command, image: testDaemon.image, env: {}, containerPort: 8000, shmBytes: 0 }
}

/** The first line that a replica writes, waited for. */
export async function firstLine(driver: RuntimeDriver, id: string): Promise<string> {
  for await (const line of driver.logs(id as ReplicaId, { follow: true, signal: never })) return line
  throw new Error(`replica ${id} ended without a line`)
}

export const allLines = (driver: RuntimeDriver, id: string, tail?: number): Promise<string[]> =>
  Array.fromAsync(
    driver.logs(id as ReplicaId, { follow: false, signal: never, ...(tail === undefined ? {} : { tail }) }),
  )
