/**
 * Runs replicas as containers of a Docker or Podman daemon.
 *
 * The daemon is the memory: a container is named after its replica and its labels say the rest, so every driver
 * object on the same daemon and installation sees the same. Containers never restart by themselves and stay, once
 * ended, until they are stopped. What a container may do is written in `container-options.ts`.
 */
import { stat } from 'node:fs/promises'
import type Docker from 'dockerode'
import { messageOf, PlatformError } from '../../domain/errors.ts'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type {
  Capacity,
  LogOptions,
  OutputLine,
  OutputOptions,
  ReplicaSpec,
  ReplicaStats,
  RunningReplica,
  RuntimeDriver,
} from '../driver.ts'
import { GpuLedger } from '../gpu-ledger.ts'
import { readGpuMemory } from '../gpu-memory.ts'
import { GuardedDriver } from '../guarded-driver.ts'
import { GpuUses } from '../process/gpu-use.ts'
import { discoverMachine, KnownMachine, type Machine } from '../process/machine.ts'
import { isReplicaName } from '../process/replica-directory.ts'
import { listenToContainers } from './container-events.ts'
import { identityOf } from './container-labels.ts'
import { ContainerLogs } from './container-logs.ts'
import { type ContainerPlace, containerOptions } from './container-options.ts'
import { containerUse } from './container-use.ts'
import {
  awayError,
  connectDaemon,
  type Daemon,
  type DockerConnection,
  ifThere,
  isAway,
  refusalOf,
  statusOf,
} from './daemon.ts'
import { type DaemonInfo, dockerCapacity, gpusOf } from './docker-capacity.ts'
import { EndpointNetworks, type HeldNetwork } from './endpoint-networks.ts'
import { ImagePulls, type LocalImage } from './image-pulls.ts'
import { holdsDevices, ReplicaContainers } from './replica-containers.ts'
import { Sandboxes, sandboxIn } from './sandboxes.ts'
import { type Waiting, WaitingContainers } from './waiting-containers.ts'

export type DockerDriverOptions = {
  readonly connection: DockerConnection
  /** Tells the containers of this Berth from those of another on the same daemon. */
  readonly installationId: string
  /** `<replica id>.log` is kept here once its container is gone. */
  readonly logDirectory: string
  readonly clock: Clock
  readonly log: Log
  /** Another runtime counts the memory of this machine too, so the daemon may not be on another one. */
  readonly mustBeLocal?: boolean
  /** Shared with other runtimes on this machine; one of its own by default. */
  readonly gpuLedger?: GpuLedger
  /** `uid:gid` of the engines. By default our own, who can read the models, or the image's if we are root. */
  readonly user?: string
  /** Where the kernel shows the network interfaces of this machine, by which a daemon's network is known to be here. */
  readonly interfaces?: string
  /** Found out by default, for a daemon on this machine. */
  readonly discover?: () => Promise<Machine>
}

/** Also removes what an earlier driver left half done. @throws PlatformError `unavailable` if no daemon answers. */
export async function createDockerDriver(options: DockerDriverOptions): Promise<RuntimeDriver> {
  const daemon = await connectDaemon(options.connection)
  if (options.mustBeLocal && !daemon.isLocal) {
    throw new PlatformError(
      'invalid',
      `${daemon.name.charAt(0).toUpperCase()}${daemon.name.slice(1)} runs on another machine, and only one on this machine can serve beside the process runtime. Serve with --runtime docker alone, or name a daemon of this machine with DOCKER_HOST.`,
      { reason: 'docker_not_local' },
    )
  }
  const driver = new DockerDriver(options, daemon)
  await driver.adopt()
  return new GuardedDriver(driver, options.clock)
}

const ALREADY = 304

class DockerDriver implements RuntimeDriver {
  readonly name = 'docker'
  readonly #options: DockerDriverOptions
  readonly #daemon: Daemon
  readonly #docker: Docker
  readonly #machine: KnownMachine | undefined
  readonly #containers: ReplicaContainers
  readonly #images: ImagePulls
  readonly #networks: EndpointNetworks
  readonly #waiting: WaitingContainers
  readonly #sandboxes: Sandboxes
  /** What the daemon says of itself, which changes with its restart alone. */
  #info: Promise<DaemonInfo> | undefined
  readonly #logs: ContainerLogs
  readonly #listeners = new Set<(id: ReplicaId) => void>()
  readonly #closed = new AbortController()
  /** Only of this machine can be asked what its GPUs do. */
  readonly #gpuUses: GpuUses | undefined
  readonly #gpuLedger: GpuLedger

  constructor(options: DockerDriverOptions, daemon: Daemon) {
    const { clock, log, logDirectory, installationId } = options
    const { docker, kind, isLocal, publishOn } = daemon
    this.#gpuLedger = options.gpuLedger ?? new GpuLedger(() => readGpuMemory())
    this.#gpuLedger.join(() => this.#heldGpus())
    this.#gpuUses = isLocal ? new GpuUses(clock) : undefined
    const discover = options.discover ?? (isLocal ? () => discoverMachine() : undefined)
    this.#options = options
    this.#daemon = daemon
    this.#docker = docker
    this.#machine = discover && new KnownMachine(discover, clock)
    this.#containers = new ReplicaContainers(docker, installationId, publishOn)
    this.#images = new ImagePulls(docker, clock, this.#closed.signal)
    const interfaces = options.interfaces ?? '/sys/class/net'
    this.#waiting = new WaitingContainers(this.#containers)
    this.#sandboxes = new Sandboxes(daemon)
    const beforeRemoval = (endpointId: EndpointId) => this.#waiting.drop(endpointId)
    this.#networks = new EndpointNetworks({ docker, installationId, kind, interfaces, beforeRemoval })
    this.#logs = new ContainerLogs({ docker, kind, logDirectory, clock, log })
  }

  async adopt(): Promise<void> {
    await this.#containers.removeUnstarted()
    await this.#networks.keepOnly(new Set())
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
        this.#info = undefined
        for (const { id } of await this.list()) this.#hint(id)
      },
    })
  }

  close(): void {
    this.#closed.abort()
  }

  async start(spec: ReplicaSpec): Promise<void> {
    await this.#begin(spec).catch((error: unknown) => {
      throw isAway(error) ? awayError(this.#daemon.name, error) : error
    })
  }

  async #begin(spec: ReplicaSpec): Promise<void> {
    if (!isReplicaName(spec.id)) {
      throw new PlatformError('invalid', `"${spec.id}" cannot name a replica: use a-z, 0-9 and hyphens.`)
    }
    if (this.#daemon.isLocal) await requireModel(spec)
    if (await this.#startWaiting(spec)) return
    if (await this.#containers.has(spec.id)) return
    const image = await this.#image(spec)
    const network = await this.#networks.hold(spec.endpointId).catch((error: unknown) => {
      throw refusalOf(error, `The network of endpoint "${spec.endpoint}"`)
    })
    try {
      const place = { network: network.name, publishOn: this.#publishOn(network) }
      const container = await this.#create(spec, image, { ...place, startedAt: this.#options.clock.now() })
      await container.start().catch(async (error: unknown) => {
        await this.#containers.remove(container.id)
        throw error
      })
    } catch (error) {
      throw refusalOf(error, `Endpoint "${spec.endpoint}"`)
    } finally {
      network.release()
    }
  }

  async #startWaiting(spec: ReplicaSpec): Promise<boolean> {
    const release = this.#networks.keep(spec.endpointId)
    try {
      return await this.#waiting.start(spec, this.#options.clock.now())
    } finally {
      release()
    }
  }

  /** Not with devices, which are granted when they are used, and not with an image that has to be fetched first. */
  async prepare(spec: ReplicaSpec): Promise<void> {
    const reference = imageOf(spec)
    if (spec.resources.gpus > 0 || !reference || !isReplicaName(spec.id)) return
    if (this.#waiting.isFor(spec)) return
    const image = await this.#images.find(reference)
    if (!image || (await this.#containers.has(spec.id))) return
    const network = await this.#networks.hold(spec.endpointId)
    try {
      await this.#waiting.put(await this.#createWaiting(spec, image, network))
    } finally {
      network.release()
    }
    await this.#networks.rest(spec.endpointId)
  }

  async stop(id: ReplicaId, { graceMs }: { readonly graceMs: number }): Promise<void> {
    if (await this.#waiting.dropReplica(id)) return
    const container = await this.#containers.find(id)
    if (!container) return
    await this.#end(container.Id, graceMs)
    await this.#logs.keep(id, container.Id).catch((error: unknown) => {
      // A log is no reason to keep a container and its memory.
      this.#options.log.warn('could not keep a log', { replica: id, error: messageOf(error) })
    })
    await this.#containers.remove(container.Id, sandboxIn(container))
    await this.#networks.rest(container.identity.endpointId)
    await this.#pruneLogs()
  }

  list(): Promise<readonly RunningReplica[]> {
    return this.#containers.replicas()
  }

  async *logs(id: ReplicaId, options: LogOptions): AsyncIterable<string> {
    const container = await this.#containers.find(id)
    yield* this.#logs.lines(id, container?.Id, options)
  }

  async *output(id: ReplicaId, options: OutputOptions): AsyncIterable<OutputLine> {
    const container = await this.#containers.find(id)
    yield* this.#logs.output(id, container?.Id, options)
  }

  async stats(id: ReplicaId): Promise<ReplicaStats | undefined> {
    const container = await this.#containers.find(id)
    if (!container?.State.Running) return undefined
    const query = { stream: false, 'one-shot': true } as const
    const held = identityOf(container.Name, container.Config.Labels)?.gpuIndexes ?? []
    const [use, gpus] = await Promise.all([
      ifThere(this.#docker.getContainer(container.Id).stats(query)).then(containerUse),
      this.#gpuUses?.of(held) ?? [],
    ])
    return use && { ...use, ...(gpus.length > 0 && { gpus }) }
  }

  async capacity(): Promise<Capacity> {
    const [info, machine] = await Promise.all([this.#describe(), this.#machine?.current()])
    return dockerCapacity(this.#daemon, info, machine)
  }

  async keepOnly(endpoints: ReadonlySet<EndpointId>): Promise<void> {
    await this.#waiting.dropAllBut(endpoints)
    await this.#networks.keepOnly(endpoints)
  }

  onChange(listener: (id: ReplicaId) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #hint(id: ReplicaId): void {
    for (const listener of this.#listeners) listener(id)
  }

  #describe(): Promise<DaemonInfo> {
    this.#info ??= this.#docker.info().catch((error: unknown) => {
      this.#info = undefined
      throw error
    })
    return this.#info as Promise<DaemonInfo>
  }

  #image(spec: ReplicaSpec): Promise<LocalImage> {
    const image = imageOf(spec)
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
      credentials: spec.registry,
      ended: () => this.#hint(spec.id),
    })
  }

  /** Where the daemon can, in a sandbox that is up already. */
  async #createWaiting(spec: ReplicaSpec, image: LocalImage, held: HeldNetwork): Promise<Waiting> {
    const { installationId } = this.#options
    const place = { network: held.name, publishOn: this.#publishOn(held) }
    const sandbox = await this.#sandboxes.open(spec, { ...place, installationId })
    const joined = sandbox ? { network: sandbox.networkMode, publishOn: undefined } : place
    try {
      const container = await this.#create(spec, image, { ...joined, startedAt: undefined })
      return { spec, container, sandbox: sandbox?.id }
    } catch (error) {
      if (sandbox) await this.#containers.remove(sandbox.id)
      throw error
    }
  }

  #publishOn({ isReachable }: HeldNetwork): string | undefined {
    return isReachable ? undefined : this.#daemon.publishOn
  }

  async #create(
    spec: ReplicaSpec,
    image: LocalImage,
    place: Pick<ContainerPlace, 'network' | 'publishOn' | 'startedAt'>,
  ): Promise<Docker.Container> {
    const { installationId } = this.#options
    const create = (gpuIndexes: readonly number[]) =>
      this.#docker.createContainer(
        containerOptions(spec, {
          daemon: this.#daemon.kind,
          imageId: image.id,
          digest: image.digest,
          ...place,
          installationId,
          gpuIndexes,
          user: this.#user(),
          writableRoot: spec.plan.writableRoot ?? false,
        }),
      )
    if (spec.resources.gpus === 0) return create([])
    const gpus = gpusOf(this.#daemon, await this.#machine?.current())
    return this.#gpuLedger.grant(spec, gpus, (indexes) => create(indexes ?? []))
  }

  async #heldGpus(): Promise<readonly number[]> {
    const containers = await this.#containers.all()
    return containers
      .filter(({ State }) => holdsDevices(State))
      .flatMap(({ Names, Labels }) => identityOf(Names[0] ?? '', Labels)?.gpuIndexes ?? [])
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

  async #pruneLogs(): Promise<void> {
    const names = new Set((await this.#containers.all()).map(({ Names }) => (Names[0] ?? '').slice(1)))
    await this.#logs.prune((id) => names.has(id))
  }
}

const imageOf = ({ plan, imageDigest }: ReplicaSpec): string | undefined => imageDigest ?? plan.image

/** Said by us where we can look, since Podman would make an empty directory in its place. */
async function requireModel({ endpoint, modelPath }: ReplicaSpec): Promise<void> {
  if (modelPath === undefined) return
  await stat(modelPath).catch((cause: unknown) => {
    throw new PlatformError(
      'invalid',
      `Endpoint "${endpoint}" could not be started: its model does not lie at ${modelPath} any more. Deploy it again.`,
      { reason: 'model_path_missing', cause },
    )
  })
}
