/**
 * Containers that are made and not started, one for an endpoint that sleeps, so that its wake is one call.
 *
 * Such a container runs nothing and holds neither memory nor devices, and it can be lost at any time: somebody prunes,
 * its sandbox or the network goes, the spec changes. Whatever is not exactly what is asked for, or does not start, is removed, and
 * the start goes its ordinary way.
 */
import { isDeepStrictEqual } from 'node:util'
import type Docker from 'dockerode'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import type { ReplicaSpec } from '../driver.ts'
import { statusOf } from './daemon.ts'
import type { ReplicaContainers } from './replica-containers.ts'

const ALREADY_STARTED = 304

export type Waiting = {
  readonly spec: ReplicaSpec
  readonly container: Docker.Container
  /** What it runs in, which goes with it. */
  readonly sandbox: string | undefined
}

export class WaitingContainers {
  readonly #containers: ReplicaContainers
  readonly #waiting = new Map<EndpointId, Waiting>()

  constructor(containers: ReplicaContainers) {
    this.#containers = containers
  }

  isFor(spec: ReplicaSpec): boolean {
    return isDeepStrictEqual(this.#waiting.get(spec.endpointId)?.spec, spec)
  }

  /** In the place of the one that waited before. */
  async put(waiting: Waiting): Promise<void> {
    const { endpointId } = waiting.spec
    await this.drop(endpointId)
    this.#waiting.set(endpointId, waiting)
  }

  /**
   * Starts the one that was made for exactly this.
   * @returns whether it runs; if not, none waits any more.
   */
  async start(spec: ReplicaSpec, now: number): Promise<boolean> {
    const waiting = this.#waiting.get(spec.endpointId)
    if (!waiting) return false
    const isIt = this.isFor(spec)
    // Taken out first, so that nobody removes what is about to run.
    this.#waiting.delete(spec.endpointId)
    if (isIt && (await this.#begin(waiting.container, now))) return true
    this.#waiting.set(spec.endpointId, waiting)
    await this.drop(spec.endpointId)
    return false
  }

  async #begin(container: Docker.Container, now: number): Promise<boolean> {
    this.#containers.begun(container.id, now)
    try {
      await container.start()
      return true
    } catch (error) {
      return statusOf(error) === ALREADY_STARTED
    }
  }

  /** @returns whether this replica's container waited. */
  async dropReplica(id: ReplicaId): Promise<boolean> {
    const found = [...this.#waiting.values()].find(({ spec }) => spec.id === id)
    if (found) await this.drop(found.spec.endpointId)
    return found !== undefined
  }

  async drop(endpointId: EndpointId): Promise<void> {
    const waiting = this.#waiting.get(endpointId)
    if (!waiting) return
    await this.#containers.remove(waiting.container.id, waiting.sandbox)
    // Only then, so that one that could not be removed is not forgotten.
    if (this.#waiting.get(endpointId) === waiting) this.#waiting.delete(endpointId)
  }

  async dropAllBut(endpoints: ReadonlySet<EndpointId>): Promise<void> {
    const others = [...this.#waiting.keys()].filter((endpointId) => !endpoints.has(endpointId))
    await Promise.all(others.map((endpointId) => this.drop(endpointId)))
  }
}
