/** Counts what the autoscaler wants to know, and tells it a few times a second while there is something to tell. */
import type { EndpointId } from '../domain/replica.ts'
import type { EndpointDemand } from '../link/messages.ts'
import type { HoldLine } from './hold-line.ts'
import type { ReplicaLeases } from './replica-leases.ts'

type Activity = { arrivals: number; lastActivityAt: number; changed: boolean }

export class Demand {
  readonly #activity = new Map<EndpointId, Activity>()
  readonly #leases: ReplicaLeases
  readonly #line: HoldLine

  constructor(leases: ReplicaLeases, line: HoldLine) {
    this.#leases = leases
    this.#line = line
  }

  arrived(id: EndpointId, now: number): void {
    const activity = this.#touch(id, now)
    activity.arrivals++
  }

  ended(id: EndpointId, now: number): void {
    this.#touch(id, now)
  }

  /** A control process that just connected knows nothing of what was reported before. */
  repeatEverything(): void {
    for (const activity of this.#activity.values()) activity.changed = true
  }

  forget(id: EndpointId): void {
    this.#activity.delete(id)
  }

  /** What changed since the last call or is not zero; arrivals start again from zero. */
  collect(): readonly EndpointDemand[] {
    const reports: EndpointDemand[] = []
    for (const [id, activity] of this.#activity) {
      const waiting = this.#line.waiting(id)
      const inFlight = this.#leases.inFlight(id)
      const { arrivals, lastActivityAt } = activity
      if (!activity.changed && waiting === 0 && inFlight === 0) continue
      activity.arrivals = 0
      activity.changed = false
      const inFlightByReplica = this.#leases.inFlightByReplica(id)
      reports.push({ id, arrivals, waiting, inFlight, lastActivityAt, inFlightByReplica })
    }
    return reports
  }

  #touch(id: EndpointId, now: number): Activity {
    let activity = this.#activity.get(id)
    if (!activity) {
      activity = { arrivals: 0, lastActivityAt: now, changed: true }
      this.#activity.set(id, activity)
    }
    activity.lastActivityAt = now
    activity.changed = true
    return activity
  }
}
