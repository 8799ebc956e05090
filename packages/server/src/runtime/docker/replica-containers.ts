/**
 * The containers of one installation, and the replicas that they are. Nothing is remembered but what does not change
 * any more: when a container began that was made before, and how containers ended.
 */
import type Docker from 'dockerode'
import type { ContainerInfo, ContainerInspectInfo } from 'dockerode'
import { PlatformError } from '../../domain/errors.ts'
import type { ReplicaAddress, ReplicaId } from '../../domain/replica.ts'
import type { RunningReplica } from '../driver.ts'
import { isReplicaName } from '../process/replica-directory.ts'
import { type ContainerEnd, containerEnd } from './container-end.ts'
import { type ContainerIdentity, identityOf, LABEL, type ReplicaIdentity } from './container-labels.ts'
import { inspectIfThere, isGone } from './daemon.ts'
import { sandboxIn } from './sandboxes.ts'

export type ReplicaContainer = ContainerInspectInfo & { readonly identity: ContainerIdentity }

/** States of a container that was made and never ran, or that is on its way out: no replica. */
const NO_REPLICA = ['created', 'initialized', 'configured', 'removing']
const LIVE = ['running', 'paused', 'restarting', 'stopping']

export class ReplicaContainers {
  readonly #docker: Docker
  readonly #installationId: string
  readonly #publishedOn: string
  /** By container id. */
  #ends = new Map<string, ContainerEnd>()
  /** When the start of containers began whose labels do not say it, by container id. */
  #begins = new Map<string, number>()

  /** @param publishedOn the address at which ports are published. */
  constructor(docker: Docker, installationId: string, publishedOn: string) {
    this.#docker = docker
    this.#installationId = installationId
    this.#publishedOn = publishedOn
  }

  all(): Promise<ContainerInfo[]> {
    const label = [`${LABEL.installation}=${this.#installationId}`]
    return this.#docker.listContainers({ all: true, filters: { label } })
  }

  async replicas(): Promise<readonly RunningReplica[]> {
    const containers = await this.all()
    const here = new Set(containers.map(({ Id }) => Id))
    this.#ends = new Map([...this.#ends].filter(([id]) => here.has(id)))
    this.#begins = new Map([...this.#begins].filter(([id]) => here.has(id)))
    const byId = new Map(containers.map((container) => [container.Id, container]))
    const replicas = await Promise.all(
      containers.map((container) =>
        this.#asReplica(container, byId.get(sandboxIn(container) ?? '') ?? container),
      ),
    )
    return replicas.filter((replica) => replica !== undefined)
  }

  /** The start of a container that was made before begins. */
  begun(containerId: string, at: number): void {
    this.#begins.set(containerId, at)
  }

  /** The container of a replica of ours. */
  async find(id: ReplicaId): Promise<ReplicaContainer | undefined> {
    if (!isReplicaName(id)) return undefined
    const found = await inspectIfThere(this.#docker, id)
    if (found?.Config.Labels[LABEL.installation] !== this.#installationId) return undefined
    const identity = identityOf(found.Name, found.Config.Labels)
    return identity && { ...found, identity }
  }

  /**
   * Whether the replica runs or ran already. What a start that was cut off left of it is removed.
   * @throws PlatformError `conflict` if a container that is not ours has its name.
   */
  async has(id: ReplicaId): Promise<boolean> {
    const found = await inspectIfThere(this.#docker, id)
    if (!found) return false
    if (found.Config.Labels[LABEL.installation] !== this.#installationId) {
      throw new PlatformError(
        'conflict',
        `A container "${id}" that is not of this Berth is in the way. Remove it, then try again.`,
      )
    }
    if (found.State.Status !== 'created') return true
    await this.remove(found.Id, sandboxIn(found))
    return false
  }

  /** With the volumes that its image declares. Its sandbox first, so that one that could not be removed is found again. */
  async remove(containerId: string, sandbox?: string): Promise<void> {
    for (const id of [...(sandbox ? [sandbox] : []), containerId]) {
      try {
        await this.#docker.getContainer(id).remove({ force: true, v: true })
      } catch (error) {
        if (!isGone(error)) throw error
      }
    }
  }

  /** Removes what was made and never ran, and sandboxes that nothing ran in. */
  async removeUnstarted(): Promise<void> {
    const containers = await this.all()
    const used = new Set(containers.filter(({ State }) => State !== 'created').map(sandboxIn))
    const isUnused = ({ Id, Labels }: ContainerInfo) => LABEL.sandboxOf in Labels && !used.has(Id)
    for (const container of containers) {
      if (container.State === 'created' || isUnused(container)) await this.remove(container.Id)
    }
  }

  /** @param reached the container whose network it has: its own, or its sandbox's. */
  async #asReplica(container: ContainerInfo, reached: ContainerInfo): Promise<RunningReplica | undefined> {
    const known = identityOf(container.Names[0] ?? '', container.Labels)
    if (!known || NO_REPLICA.includes(container.State)) return undefined
    const identity = await this.#withBegin(container.Id, known)
    const { containerPort, gpuIndexes: _, ...replica } = identity
    if (LIVE.includes(container.State)) {
      const address = this.#addressOf(reached, containerPort)
      const hostAddress = gatewayOf(reached)
      return { ...replica, state: 'running', address, ...(hostAddress && { hostAddress }) }
    }
    const end = this.#ends.get(container.Id) ?? (await this.#lookUpEnd(container.Id, identity))
    return end && { ...replica, state: 'exited', ...end }
  }

  async #withBegin(containerId: string, known: ContainerIdentity): Promise<ReplicaIdentity> {
    const startedAt = known.startedAt ?? this.#begins.get(containerId)
    if (startedAt !== undefined) return { ...known, startedAt }
    // An earlier process started it, and the daemon knows when it ran.
    const found = await inspectIfThere(this.#docker, containerId)
    const ranAt = Date.parse(found?.State.StartedAt ?? '') || 0
    this.#begins.set(containerId, ranAt)
    return { ...known, startedAt: ranAt }
  }

  #addressOf(container: ContainerInfo, containerPort: number): ReplicaAddress {
    const published = container.Ports.find(({ PrivatePort }) => PrivatePort === containerPort)?.PublicPort
    if (published !== undefined) return { host: this.#publishedOn, port: published }
    const [network] = networksOf(container)
    if (network?.IPAddress) return { host: network.IPAddress, port: containerPort }
    // Nobody can reach it: it never gets ready and is replaced.
    return { host: this.#publishedOn, port: 0 }
  }

  async #lookUpEnd(containerId: string, identity: ReplicaIdentity): Promise<ContainerEnd | undefined> {
    const found = await inspectIfThere(this.#docker, containerId)
    if (!found) return undefined
    const end = containerEnd(found.State, identity)
    this.#ends.set(containerId, end)
    return end
  }
}

/** The machine's own address in the container's network. */
const gatewayOf = (container: ContainerInfo): string | undefined =>
  networksOf(container)
    .map(({ Gateway }) => Gateway)
    .find(Boolean)

const networksOf = ({ NetworkSettings }: ContainerInfo) => Object.values(NetworkSettings?.Networks ?? {})

/** Whether a container in this state holds the GPUs that it was given: also one that is about to run. */
export const holdsDevices = (state: string): boolean => state === 'created' || LIVE.includes(state)
