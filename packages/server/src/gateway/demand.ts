/** Counts what the autoscaler wants to know, and tells it a few times a second while there is something to tell. */
import type { EndpointId } from '../domain/replica.ts'
import type { EndpointDemand, RoutedEndpoint } from '../link/messages.ts'
import { EndpointDemandCount, type RequestDemand } from './endpoint-demand.ts'
import type { HoldLine } from './hold-line.ts'
import type { ReplicaLeases } from './replica-leases.ts'

export class Demand {
  readonly #counts = new Map<EndpointId, EndpointDemandCount>()
  readonly #leases: ReplicaLeases
  readonly #line: HoldLine

  constructor(leases: ReplicaLeases, line: HoldLine) {
    this.#leases = leases
    this.#line = line
  }

  /** @param bodyBytes as announced; 0 when the body's length is not known yet. */
  arrived(
    { id, objective }: Pick<RoutedEndpoint, 'id' | 'objective'>,
    now: number,
    bodyBytes: number,
  ): RequestDemand {
    let count = this.#counts.get(id)
    if (!count) {
      count = new EndpointDemandCount(now)
      this.#counts.set(id, count)
    }
    return count.arrived(now, bodyBytes, objective)
  }

  /** A control process that just connected knows nothing of what was reported before. */
  repeatEverything(): void {
    for (const count of this.#counts.values()) count.changed = true
  }

  forget(id: EndpointId): void {
    this.#counts.delete(id)
  }

  /** What changed since the last call or is not zero; what flows starts again from zero. */
  collect(): readonly EndpointDemand[] {
    const reports: EndpointDemand[] = []
    for (const [id, count] of this.#counts) {
      const waiting = this.#line.waiting(id)
      const inFlight = this.#leases.inFlight(id)
      const { arrivals, pending, lastActivityAt } = count
      if (!count.changed && waiting === 0 && inFlight === 0) continue
      count.arrivals = 0
      count.changed = false
      const inFlightByReplica = this.#leases.inFlightByReplica(id)
      const tokens = count.takeTokens()
      reports.push({ id, arrivals, pending, waiting, inFlight, lastActivityAt, inFlightByReplica, tokens })
    }
    return reports
  }
}
