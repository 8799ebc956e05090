/**
 * Which gateways have said that a draining replica has no request of theirs any more, and gets none.
 *
 * A replica is drained when every gateway that lives said so: one that lost its link still sends requests to whom it
 * knows, until it is told again. A gateway that is gone took its requests with it. Where one that lives does not say
 * so, or there is none, the drain deadline decides.
 */
import type { ReplicaId } from '../domain/replica.ts'

export class DrainReports {
  readonly #reports = new Map<ReplicaId, Set<string>>()

  report(gatewayId: string, replicaId: ReplicaId): void {
    const gateways = this.#reports.get(replicaId) ?? new Set()
    this.#reports.set(replicaId, gateways.add(gatewayId))
  }

  isDrained(replicaId: ReplicaId, living: readonly string[]): boolean {
    const said = this.#reports.get(replicaId)
    return living.length > 0 && living.every((gateway) => said?.has(gateway))
  }

  forget(replicaId: ReplicaId): void {
    this.#reports.delete(replicaId)
  }
}
