/**
 * What the other workers have said of themselves, added up: their requests on each replica and inside each limit. A
 * worker that is gone counts no more. Pure.
 */
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import type { LoadElsewhere } from '../../domain/routing/seat.ts'

export type LoadReport = {
  readonly id: EndpointId
  readonly replicas: readonly (readonly [ReplicaId, LoadElsewhere])[]
}

export class SharedSums {
  readonly #loads = new Map<EndpointId, Map<string, LoadReport['replicas']>>()
  readonly #inside = new Map<string, Map<string, number>>()

  /** What the endpoint's replicas have of all other workers after this. */
  setLoads(from: string, { id, replicas }: LoadReport): ReadonlyMap<ReplicaId, LoadElsewhere> {
    const byWorker = this.#loads.get(id) ?? new Map<string, LoadReport['replicas']>()
    if (replicas.some(([, { inFlight }]) => inFlight > 0)) byWorker.set(from, replicas)
    else byWorker.delete(from)
    if (byWorker.size === 0) this.#loads.delete(id)
    else this.#loads.set(id, byWorker)
    return summed(byWorker.values())
  }

  /** How many requests all other workers have inside the limit after this. */
  setInside(from: string, key: string, inside: number): number {
    const byWorker = this.#inside.get(key) ?? new Map<string, number>()
    if (inside > 0) byWorker.set(from, inside)
    else byWorker.delete(from)
    if (byWorker.size === 0) this.#inside.delete(key)
    else this.#inside.set(key, byWorker)
    let sum = 0
    for (const one of byWorker.values()) sum += one
    return sum
  }

  /** Endpoints and limits of which a worker that is gone had something. */
  of(from: string): { readonly endpoints: readonly EndpointId[]; readonly keys: readonly string[] } {
    const having = <Key>(sums: ReadonlyMap<Key, ReadonlyMap<string, unknown>>) =>
      [...sums].flatMap(([key, byWorker]) => (byWorker.has(from) ? [key] : []))
    return { endpoints: having(this.#loads), keys: having(this.#inside) }
  }
}

function summed(reports: Iterable<LoadReport['replicas']>): ReadonlyMap<ReplicaId, LoadElsewhere> {
  const sums = new Map<ReplicaId, LoadElsewhere>()
  for (const report of reports) {
    for (const [id, load] of report) {
      const before = sums.get(id) ?? { inFlight: 0, outstanding: 0, unread: 0 }
      sums.set(id, {
        inFlight: before.inFlight + load.inFlight,
        outstanding: before.outstanding + load.outstanding,
        unread: before.unread + load.unread,
      })
    }
  }
  return sums
}
