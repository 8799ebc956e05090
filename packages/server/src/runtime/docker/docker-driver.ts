/**
 * Runs replicas as containers of a Docker or Podman daemon.
 *
 * The daemon is the memory: a container is named after its replica and its labels say the rest, so every driver
 * object on the same daemon and installation sees the same. Containers never restart by themselves and stay, once
 * ended, until they are stopped. What a container may do is written in `container-options.ts`.
 */
import type Docker from 'dockerode'
import type { ContainerInfo } from 'dockerode'
import { messageOf, PlatformError } from '../../domain/errors.ts'
import type { ReplicaId } from '../../domain/replica.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type {
  Capacity,
  LogOptions,
  ReplicaSpec,
  ReplicaStats,
  RunningReplica,
  RuntimeDriver,
} from '../driver.ts'
import { GuardedDriver } from '../guarded-driver.ts'
import { chooseGpus } from '../process/gpu-choice.ts'
import { discoverMachine, KnownMachine, type Machine } from '../process/machine.ts'
import { isReplicaName } from '../process/replica-directory.ts'
import { type ContainerEnd, containerEnd } from './container-end.ts'
import { listenToContainers } from './container-events.ts'
import { identityOf, LABEL, type ReplicaIdentity } from './container-labels.ts'
import { ContainerLogs } from './container-logs.ts'
import { containerOptions } from './container-options.ts'
import { containerUse } from './container-use.ts'
import {
  connectDaemon,
  type Daemon,
  type DockerConnection,
  ifThere,
  inspectIfThere,
  refusalOf,
  statusOf,
} from './daemon.ts'
import { type DaemonInfo, dockerCapacity } from './docker-capacity.ts'
import { EndpointNetworks } from './endpoint-networks.ts'
import { ImagePulls, type LocalImage, type RegistryCredentials } from './image-pulls.ts'

export type DockerDriverOptions = {
  readonly connection: DockerConnection
  /** Tells the containers of this Berth from those of another on the same daemon. */
  readonly installationId: string
  /** `<replica id>.log` is kept here once its container is gone. */
  readonly logDirectory: string
  readonly clock: Clock
  readonly log: Log
  /** For the registry of a replica's image; none by default. */
  readonly credentials?: (spec: ReplicaSpec) => Promise<RegistryCredentials | undefined>
  /** Images that have to write outside `/tmp`; none by default. */
  readonly needsWritableRoot?: (spec: ReplicaSpec) => boolean
  /** `uid:gid` of the engines. By default our own, who can read the models, or the image's if we are root. */
  readonly user?: string
  /** Found out by default, for a daemon on this machine. */
  readonly discover?: () => Promise<Machine>
}

export type DockerRuntime = RuntimeDriver & {
  /** Ends the listening and what is being pulled. Replicas go on. */
  close(): void
}

/** Also removes what an earlier driver left half done. @throws PlatformError `unavailable` if no daemon answers. */
export async function createDockerDriver(options: DockerDriverOptions): Promise<DockerRuntime> {
  const daemon = await connectDaemon(options.connection)
  const driver = new DockerDriver(options, daemon)
  await driver.adopt()
  return Object.assign(new GuardedDriver(driver, options.clock), { close: () => driver.close() })
}

/** States of a container that was made and never ran, or that is on its way out: no replica. */
const NO_REPLICA = ['created', 'initialized', 'configured', 'removing']
const LIVE = ['running', 'paused', 'restarting', 'stopping']
const ALREADY = 304
const CONFLICT = 409

class DockerDriver implements RuntimeDriver {
  readonly name = 'docker'
  readonly #options: DockerDriverOptions
  readonly #daemon: Daemon
  readonly #docker: Docker
  readonly #machine: KnownMachine | undefined
  readonly #images: ImagePulls
  readonly #networks: EndpointNetworks
  readonly #logs: ContainerLogs
  readonly #listeners = new Set<(id: ReplicaId) => void>()
  readonly #closed = new AbortController()
  /** By container id; what has ended does not change any more. */
  #ends = new Map<string, ContainerEnd>()
  #gpuTurn: Promise<unknown> = Promise.resolve()

  constructor(options: DockerDriverOptions, daemon: Daemon) {
    const { clock, log, logDirectory, installationId } = options
    const { docker, kind, isLocal } = daemon
    const discover = options.discover ?? (isLocal ? () => discoverMachine() : undefined)
    this.#options = options
    this.#daemon = daemon
    this.#docker = docker
    this.#machine = discover && new KnownMachine(discover, clock)
    this.#images = new ImagePulls(docker, clock, this.#closed.signal)
    this.#networks = new EndpointNetworks(docker, installationId, kind)
    this.#logs = new ContainerLogs({ docker, logDirectory, clock, log })
  }

  async adopt(): Promise<void> {
    for (const container of await this.#containers()) {
      if (container.State === 'created') await this.#remove(container.Id)
    }
    await this.#networks.removeUnused()
    await this.#pruneLogs()
    const { clock, log, installationId } = this.#options
    void listenToContainers({
      docker: this.#docker,
      installationId,
      clock,
      log,
      signal: this.#closed.signal,
      hint: (id) => this.#hint(id),
      hintAll: async () => {
        for (const { id } of await this.list()) this.#hint(id)
      },
    })
  }

  close(): void {
    this.#closed.abort()
  }

  async start(spec: ReplicaSpec): Promise<void> {
    if (!isReplicaName(spec.id)) {
      throw new PlatformError('invalid', `"${spec.id}" cannot name a replica: use a-z, 0-9 and hyphens.`)
    }
    if (await this.#isThere(spec)) return
    const image = await this.#image(spec)
    const network = await this.#networks.hold(spec.endpointId).catch((error: unknown) => {
      throw refusalOf(error, `The network of endpoint "${spec.endpoint}"`)
    })
    try {
      const container = await this.#create(spec, image, network.name)
      await container.start().catch(async (error: unknown) => {
        await this.#remove(container.id)
        throw error
      })
    } catch (error) {
      throw refusalOf(error, `Endpoint "${spec.endpoint}"`)
    } finally {
      await network.release()
    }
  }

  async stop(id: ReplicaId, { graceMs }: { readonly graceMs: number }): Promise<void> {
    const container = await this.#find(id)
    if (!container) return
    await this.#end(container.Id, graceMs)
    await this.#logs.keep(id, container.Id).catch((error: unknown) => {
      // A log is no reason to keep a container and its memory.
      this.#options.log.warn('could not keep a log', { replica: id, error: messageOf(error) })
    })
    await this.#remove(container.Id)
    await this.#networks.removeIfUnused(container.identity.endpointId)
    await this.#pruneLogs()
  }

  async list(): Promise<readonly RunningReplica[]> {
    const containers = await this.#containers()
    const here = new Set(containers.map(({ Id }) => Id))
    this.#ends = new Map([...this.#ends].filter(([id]) => here.has(id)))
    const replicas = await Promise.all(containers.map((container) => this.#asReplica(container)))
    return replicas.filter((replica) => replica !== undefined)
  }

  async *logs(id: ReplicaId, options: LogOptions): AsyncIterable<string> {
    const container = await this.#find(id)
    yield* this.#logs.lines(id, container?.Id, options)
  }

  async stats(id: ReplicaId): Promise<ReplicaStats | undefined> {
    const container = await this.#find(id)
    if (!container?.State.Running) return undefined
    const query = { stream: false, 'one-shot': true } as const
    return containerUse(await ifThere(this.#docker.getContainer(container.Id).stats(query)))
  }

  async capacity(): Promise<Capacity> {
    const [info, machine] = await Promise.all([this.#docker.info(), this.#machine?.current()])
    return dockerCapacity(this.#daemon, info as DaemonInfo, machine)
  }

  onChange(listener: (id: ReplicaId) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #hint(id: ReplicaId): void {
    for (const listener of this.#listeners) listener(id)
  }

  /** Whether it runs or ran already. What a start that was cut off left of it is removed. */
  async #isThere(spec: ReplicaSpec): Promise<boolean> {
    const found = await inspectIfThere(this.#docker, spec.id)
    if (!found) return false
    if (found.Config.Labels[LABEL.installation] !== this.#options.installationId) {
      throw new PlatformError(
        'conflict',
        `A container "${spec.id}" that is not of this Berth is in the way. Remove it, then try again.`,
      )
    }
    if (found.State.Status !== 'created') return true
    await this.#remove(found.Id)
    return false
  }

  #image(spec: ReplicaSpec): Promise<LocalImage> {
    const { image } = spec.plan
    if (!image) {
      throw new PlatformError(
        'invalid',
        `Endpoint "${spec.endpoint}" has an engine without a container image. Choose another engine, or the ` +
          'runtime that runs engines as processes.',
        { reason: 'no_image' },
      )
    }
    return this.#images.get({
      reference: image,
      credentials: async () => this.#options.credentials?.(spec),
      ended: () => this.#hint(spec.id),
    })
  }

  #create(spec: ReplicaSpec, image: LocalImage, network: string): Promise<Docker.Container> {
    const { clock, installationId, needsWritableRoot } = this.#options
    const create = (gpuIndexes: readonly number[]) =>
      this.#docker.createContainer(
        containerOptions(spec, {
          imageId: image.id,
          digest: image.digest,
          network,
          installationId,
          gpuIndexes,
          startedAt: clock.now(),
          publishOn: this.#daemon.publishOn,
          user: this.#user(),
          writableRoot: needsWritableRoot?.(spec) ?? false,
        }),
      )
    return spec.resources.gpus > 0 ? this.#withGpus(spec, create) : create([])
  }

  /** One after the other, since GPUs are held by the container that `create` makes. */
  #withGpus<Result>(
    spec: ReplicaSpec,
    create: (gpuIndexes: readonly number[]) => Promise<Result>,
  ): Promise<Result> {
    const result = this.#gpuTurn.then(async () => {
      const [machine, containers] = await Promise.all([this.#machine?.current(), this.#containers()])
      const held = containers
        .filter(({ State }) => State === 'created' || LIVE.includes(State))
        .flatMap(({ Names, Labels }) => identityOf(Names[0] ?? '', Labels)?.gpuIndexes ?? [])
      return create(chooseGpus(spec, machine?.gpus ?? [], held) ?? [])
    })
    this.#gpuTurn = result.catch(() => {})
    return result
  }

  #user(): string | undefined {
    const uid = process.getuid?.() ?? 0
    const own = this.#daemon.isLocal && uid > 0 ? `${uid}:${process.getgid?.() ?? uid}` : undefined
    return this.#options.user ?? own
  }

  async #end(containerId: string, graceMs: number): Promise<void> {
    try {
      // Whole seconds are all that a daemon knows.
      await this.#docker.getContainer(containerId).stop({ t: Math.ceil(graceMs / 1000) })
    } catch (error) {
      if (![ALREADY, 404].includes(statusOf(error) ?? 0)) throw error
    }
  }

  /** With the volumes that its image declares. */
  async #remove(containerId: string): Promise<void> {
    try {
      await this.#docker.getContainer(containerId).remove({ force: true, v: true })
    } catch (error) {
      // "removal is already in progress" is as good as gone.
      if (![404, CONFLICT].includes(statusOf(error) ?? 0)) throw error
    }
  }

  #containers(): Promise<ContainerInfo[]> {
    const label = [`${LABEL.installation}=${this.#options.installationId}`]
    return this.#docker.listContainers({ all: true, filters: { label } })
  }

  /** The container of a replica of ours. */
  async #find(id: ReplicaId) {
    if (!isReplicaName(id)) return undefined
    const found = await inspectIfThere(this.#docker, id)
    if (found?.Config.Labels[LABEL.installation] !== this.#options.installationId) return undefined
    const identity = identityOf(found.Name, found.Config.Labels)
    return identity && { ...found, identity }
  }

  async #asReplica(container: ContainerInfo): Promise<RunningReplica | undefined> {
    const identity = identityOf(container.Names[0] ?? '', container.Labels)
    if (!identity || NO_REPLICA.includes(container.State)) return undefined
    const { containerPort, gpuIndexes: _, ...replica } = identity
    if (LIVE.includes(container.State)) {
      const published = container.Ports.find((port) => port.PrivatePort === containerPort)?.PublicPort
      // Without a port nobody can reach it: it never gets ready and is replaced.
      return { ...replica, state: 'running', address: { host: this.#daemon.publishOn, port: published ?? 0 } }
    }
    const end = this.#ends.get(container.Id) ?? (await this.#lookUpEnd(container.Id, identity))
    return end && { ...replica, state: 'exited', ...end }
  }

  async #lookUpEnd(containerId: string, identity: ReplicaIdentity): Promise<ContainerEnd | undefined> {
    const found = await inspectIfThere(this.#docker, containerId)
    if (!found) return undefined
    const end = containerEnd(found.State, identity)
    this.#ends.set(containerId, end)
    return end
  }

  async #pruneLogs(): Promise<void> {
    const names = new Set((await this.#containers()).map(({ Names }) => (Names[0] ?? '').slice(1)))
    await this.#logs.prune((id) => names.has(id))
  }
}
