/**
 * What each endpoint has done since this process began, replica by replica: the counters that Prometheus reads.
 *
 * They begin at zero with the process, as counters may. Replicas that are gone keep theirs until there are many.
 */
import type { EndpointId } from '../domain/replica.ts'
import type { UsageRecord } from '../domain/usage/usage-record.ts'

/** Of one endpoint; the oldest go first. */
const MAX_REPLICAS = 200

export type ReplicaTotals = {
  readonly byStatus: Map<number, number>
  requests: number
  durationSeconds: number
  inputTokens: number
  outputTokens: number
}

/** A request that reached no replica is counted under this. */
export const NO_REPLICA = ''

export class EndpointTotals {
  readonly #totals = new Map<EndpointId, Map<string, ReplicaTotals>>()

  count(records: readonly UsageRecord[]): void {
    for (const record of records) {
      const totals = this.#of(record.endpointId, record.replicaId ?? NO_REPLICA)
      totals.byStatus.set(record.status, (totals.byStatus.get(record.status) ?? 0) + 1)
      totals.requests++
      totals.durationSeconds += record.durationMs / 1_000
      totals.inputTokens += record.inputTokens
      totals.outputTokens += record.outputTokens
    }
  }

  of(id: EndpointId): ReadonlyMap<string, ReplicaTotals> {
    return this.#totals.get(id) ?? new Map()
  }

  forget(id: EndpointId): void {
    this.#totals.delete(id)
  }

  #of(id: EndpointId, replica: string): ReplicaTotals {
    const replicas = this.#totals.get(id) ?? new Map<string, ReplicaTotals>()
    this.#totals.set(id, replicas)
    let totals = replicas.get(replica)
    if (!totals) {
      totals = { byStatus: new Map(), requests: 0, durationSeconds: 0, inputTokens: 0, outputTokens: 0 }
      replicas.set(replica, totals)
      const [oldest] = replicas.keys()
      if (replicas.size > MAX_REPLICAS && oldest !== undefined) replicas.delete(oldest)
    }
    return totals
  }
}
