/**
 * A network for each endpoint, so that no container can reach one of another endpoint. Docker also keeps replicas of
 * the same endpoint apart; Podman cannot.
 *
 * A network is there while a container of its endpoint is, or is about to be. Networks are made and removed one
 * after the other, so that none is removed under a start.
 */
import type Docker from 'dockerode'
import type { EndpointId } from '../../domain/replica.ts'
import { LABEL } from './container-labels.ts'
import { type DaemonKind, ifThere, statusOf } from './daemon.ts'

export type HeldNetwork = {
  readonly name: string
  /** To be called once the container is there, or will not be. Removes the network if nothing uses it. */
  release(): Promise<void>
}

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
  readonly #isolation: Record<string, string>
  readonly #holders = new Map<EndpointId, number>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(docker: Docker, installationId: string, kind: DaemonKind) {
    this.#docker = docker
    this.#installationId = installationId
    this.#isolation = ISOLATION[kind]
  }

  async hold(endpointId: EndpointId): Promise<HeldNetwork> {
    this.#holders.set(endpointId, (this.#holders.get(endpointId) ?? 0) + 1)
    try {
      const name = await this.#inTurn(() => this.#ensure(endpointId))
      return { name, release: () => this.#release(endpointId) }
    } catch (error) {
      await this.#release(endpointId)
      throw error
    }
  }

  /** Does nothing while a container of the endpoint is there, whether it runs or not. */
  removeIfUnused(endpointId: EndpointId): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#holders.has(endpointId)) return
      const label = [this.#label, `${LABEL.endpointId}=${endpointId}`]
      const users = await this.#docker.listContainers({ all: true, filters: { label } })
      if (users.length === 0) await this.#remove(this.#nameOf(endpointId))
    })
  }

  /** Of endpoints that have no container: what a start or a stop that was cut off left behind. */
  async removeUnused(): Promise<void> {
    const networks = await this.#docker.listNetworks({ filters: { label: [this.#label] } })
    for (const { Labels } of networks) {
      const endpointId = Labels?.[LABEL.endpointId]
      if (endpointId !== undefined) await this.removeIfUnused(endpointId as EndpointId)
    }
  }

  async #release(endpointId: EndpointId): Promise<void> {
    const others = (this.#holders.get(endpointId) ?? 0) - 1
    if (others > 0) this.#holders.set(endpointId, others)
    else this.#holders.delete(endpointId)
    await this.removeIfUnused(endpointId)
  }

  async #ensure(endpointId: EndpointId): Promise<string> {
    const name = this.#nameOf(endpointId)
    // Asked first, since daemons do not agree on how they say that it is there already.
    if (await ifThere(this.#docker.getNetwork(name).inspect())) return name
    await this.#docker.createNetwork({
      Name: name,
      CheckDuplicate: true,
      Driver: 'bridge',
      Options: this.#isolation,
      Labels: { [LABEL.installation]: this.#installationId, [LABEL.endpointId]: endpointId },
    })
    return name
  }

  async #remove(name: string): Promise<void> {
    try {
      await this.#docker.getNetwork(name).remove()
    } catch (error) {
      if (!NOT_REMOVABLE.includes(statusOf(error) ?? 0)) throw error
    }
  }

  get #label(): string {
    return `${LABEL.installation}=${this.#installationId}`
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
