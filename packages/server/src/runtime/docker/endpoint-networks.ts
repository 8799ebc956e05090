/**
 * A network for each endpoint, so that no container can reach one of another endpoint. Docker also keeps replicas of
 * the same endpoint apart; Podman cannot.
 *
 * A network is there while a container of its endpoint is, or is about to be, and waits for the next one: making it
 * takes a good part of a wake. Those that wait are few, since a daemon has addresses for some thirty. Networks are
 * made and removed one after the other, so that none is removed under a start.
 */
import { access } from 'node:fs/promises'
import path from 'node:path'
import type Docker from 'dockerode'
import type { EndpointId } from '../../domain/replica.ts'
import { LABEL } from './container-labels.ts'
import { type DaemonKind, ifThere, isOutOfNetworks, statusOf } from './daemon.ts'

export type HeldNetwork = {
  readonly name: string
  /** Whether this process reaches the addresses in it: not in a virtual machine, nor without root. */
  readonly isReachable: boolean
  /** To be called once the container is there, or will not be. */
  release(): void
}

export type NetworksOf = {
  readonly docker: Docker
  readonly installationId: string
  readonly kind: DaemonKind
  /** Where the kernel shows the network interfaces of this machine. */
  readonly interfaces: string
  /** Removes what waits in the network of an endpoint that goes. */
  readonly beforeRemoval?: (endpointId: EndpointId) => Promise<void>
}

/** Networks without a container that are kept at most. */
const WAITING_KEPT = 8
/** "has active endpoints", "not there any more", "is in use". */
const NOT_REMOVABLE = [403, 404, 409]

/** How a daemon is told to keep containers on one bridge apart, or bridges from each other. */
const ISOLATION: Readonly<Record<DaemonKind, Record<string, string>>> = {
  docker: { 'com.docker.network.bridge.enable_icc': 'false' },
  podman: { isolate: 'true' },
}

export class EndpointNetworks {
  readonly #docker: Docker
  readonly #installationId: string
  readonly #kind: DaemonKind
  readonly #interfaces: string
  readonly #beforeRemoval: (endpointId: EndpointId) => Promise<void>
  readonly #holders = new Map<EndpointId, number>()
  /** The endpoints, by when their networks were last used. */
  readonly #used = new Set<EndpointId>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor({ docker, installationId, kind, interfaces, beforeRemoval }: NetworksOf) {
    this.#docker = docker
    this.#installationId = installationId
    this.#kind = kind
    this.#interfaces = interfaces
    this.#beforeRemoval = beforeRemoval ?? (async () => {})
  }

  async hold(endpointId: EndpointId): Promise<HeldNetwork> {
    const release = this.keep(endpointId)
    try {
      const id = await this.#inTurn(() => this.#ensure(endpointId))
      const isReachable = this.#kind === 'docker' && (await this.#isBridgeHere(id))
      return { name: this.#nameOf(endpointId), isReachable, release }
    } catch (error) {
      release()
      throw error
    }
  }

  /** It is not removed, if it is there, until the function that is returned was called. */
  keep(endpointId: EndpointId): () => void {
    this.#holders.set(endpointId, (this.#holders.get(endpointId) ?? 0) + 1)
    this.#use(endpointId)
    return () => this.#release(endpointId)
  }

  /** A container of the endpoint is gone. Of the networks that wait too many, those that waited longest go. */
  rest(endpointId: EndpointId): Promise<void> {
    this.#use(endpointId)
    return this.#inTurn(async () => {
      const order = [...this.#used]
      const waiting = (await this.#waiting()).toSorted((a, b) => order.indexOf(a) - order.indexOf(b))
      await this.#remove(waiting.slice(0, -WAITING_KEPT))
    })
  }

  /** Removes those that wait for endpoints other than these. */
  keepOnly(endpoints: ReadonlySet<EndpointId>): Promise<void> {
    return this.#inTurn(async () => {
      await this.#remove((await this.#waiting()).filter((endpointId) => !endpoints.has(endpointId)))
    })
  }

  #use(endpointId: EndpointId): void {
    this.#used.delete(endpointId)
    this.#used.add(endpointId)
  }

  #release(endpointId: EndpointId): void {
    const others = (this.#holders.get(endpointId) ?? 0) - 1
    if (others > 0) this.#holders.set(endpointId, others)
    else this.#holders.delete(endpointId)
  }

  /** Of endpoints of which no container runs or ran, and none is about to. */
  async #waiting(): Promise<EndpointId[]> {
    const filters = { label: [`${LABEL.installation}=${this.#installationId}`] }
    const [networks, containers] = await Promise.all([
      this.#docker.listNetworks({ filters }),
      this.#docker.listContainers({ all: true, filters }),
    ])
    const used = new Set(
      containers.filter(({ State }) => State !== 'created').map(({ Labels }) => Labels[LABEL.endpointId]),
    )
    return networks
      .flatMap(({ Labels }) => (Labels?.[LABEL.endpointId] ?? []) as EndpointId[])
      .filter((endpointId) => !used.has(endpointId) && !this.#holders.has(endpointId))
  }

  /** @returns its id. */
  async #ensure(endpointId: EndpointId): Promise<string> {
    // Asked first, since daemons do not agree on how they say that it is there already.
    const there = await ifThere(this.#docker.getNetwork(this.#nameOf(endpointId)).inspect())
    if (there) return there.Id
    return this.#create(endpointId).catch(async (error: unknown) => {
      if (!isOutOfNetworks(error)) throw error
      await this.#remove(await this.#waiting())
      return this.#create(endpointId)
    })
  }

  async #create(endpointId: EndpointId): Promise<string> {
    const { id } = await this.#docker.createNetwork({
      Name: this.#nameOf(endpointId),
      CheckDuplicate: true,
      Driver: 'bridge',
      Options: ISOLATION[this.#kind],
      Labels: { [LABEL.installation]: this.#installationId, [LABEL.endpointId]: endpointId },
    })
    return id
  }

  async #remove(endpoints: readonly EndpointId[]): Promise<void> {
    for (const endpointId of endpoints) {
      this.#used.delete(endpointId)
      await this.#beforeRemoval(endpointId)
      try {
        await this.#docker.getNetwork(this.#nameOf(endpointId)).remove()
      } catch (error) {
        if (!NOT_REMOVABLE.includes(statusOf(error) ?? 0)) throw error
      }
    }
  }

  /** The bridge is named after the network's id, which no other daemon of the machine shares. */
  #isBridgeHere(networkId: string): Promise<boolean> {
    return access(path.join(this.#interfaces, `br-${networkId.slice(0, 12)}`)).then(
      () => true,
      () => false,
    )
  }

  #nameOf(endpointId: EndpointId): string {
    return `berth-${this.#installationId}-${endpointId}`
  }

  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(act)
    this.#turn = result.catch(() => {})
    return result
  }
}
