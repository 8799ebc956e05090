/** Where each gateway says that routers reach the replicas through it. */
import type { ReplicaId } from '../../domain/replica.ts'
import type { RouterDoor } from '../../link/messages.ts'

export type DoorReport = { readonly doors: readonly RouterDoor[]; readonly problem: string | null }

export class DoorReports {
  readonly #reports = new Map<ReplicaId, Map<string, DoorReport>>()

  report(gatewayId: string, routerId: ReplicaId, { doors, problem }: DoorReport): void {
    const ofRouter = this.#reports.get(routerId) ?? new Map<string, DoorReport>()
    this.#reports.set(routerId, ofRouter.set(gatewayId, { doors, problem }))
  }

  forget(routerId: ReplicaId): void {
    this.#reports.delete(routerId)
  }

  /**
   * Those of one gateway, since a router would take those of two for twice as many replicas: the same one for as long as
   * it lives and has some. @param living in an order that stays.
   */
  of(routerId: ReplicaId, living: readonly string[]): DoorReport {
    const reports = living.toSorted().flatMap((id) => this.#reports.get(routerId)?.get(id) ?? [])
    return reports.find(({ doors }) => doors.length > 0) ?? reports[0] ?? { doors: [], problem: null }
  }
}
