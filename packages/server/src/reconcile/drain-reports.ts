/**
 * Which gateways have said that a draining replica has no request of theirs any more.
 *
 * A replica is drained when every connected gateway said so. A gateway that is gone took its requests with it; with
 * no gateway connected nobody can say, and the drain deadline decides.
 */
import type { ReplicaId } from '../domain/replica.ts'

export class DrainReports {
  readonly #reports = new Map<ReplicaId, Set<string>>()

  report(gatewayId: string, replicaId: ReplicaId): void {
    const gateways = this.#reports.get(replicaId) ?? new Set()
    this.#reports.set(replicaId, gateways.add(gatewayId))
  }

  isDrained(replicaId: ReplicaId, connected: readonly string[]): boolean {
    const said = this.#reports.get(replicaId)
    return connected.length > 0 && connected.every((gateway) => said?.has(gateway))
  }

  forget(replicaId: ReplicaId): void {
    this.#reports.delete(replicaId)
  }
}
