/**
 * Who is on which replica: choosing one and counting the request on it are a single step.
 *
 * A replica stays here, draining or already gone from the routing table, until its last request has ended; then
 * `onDrained` is told, so that nobody stops it earlier.
 */
import { chooseReplica, type ReplicaLoad } from '../domain/choose-replica.ts'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { RoutedReplica } from '../link/messages.ts'

export type Lease = {
  readonly replica: RoutedReplica
  /** Ends the claim; a second call does nothing. */
  readonly release: () => void
}

type Seat = ReplicaLoad & {
  replica: RoutedReplica
  readonly endpointId: EndpointId
  state: RoutedReplica['state']
  inFlight: number
  resting: boolean
}

export class ReplicaLeases {
  readonly #onDrained: (replicaId: ReplicaId) => void
  /** What may be chosen from. */
  readonly #listed = new Map<EndpointId, readonly Seat[]>()
  /** Everything listed, and what left the table with requests on it. */
  readonly #seats = new Map<ReplicaId, Seat>()
  readonly #inFlight = new Map<EndpointId, number>()
  #turn = 0

  constructor(onDrained: (replicaId: ReplicaId) => void) {
    this.#onDrained = onDrained
  }

  /** The endpoint's replicas as the routing table has them now; none for an endpoint that is gone. */
  list(endpointId: EndpointId, replicas: readonly RoutedReplica[]): void {
    const before = this.#listed.get(endpointId) ?? []
    const seats = replicas.map((replica) => this.#seatOf(endpointId, replica))
    if (seats.length > 0) this.#listed.set(endpointId, seats)
    else this.#listed.delete(endpointId)

    const left = before.filter((seat) => !seats.includes(seat))
    for (const seat of left) seat.state = 'draining'
    for (const seat of [...seats, ...left]) this.#sayIfDrained(seat)
  }

  claim(endpointId: EndpointId): Lease | undefined {
    const seat = chooseReplica(this.#listed.get(endpointId) ?? [], this.#turn++)
    if (!seat) return undefined
    this.#count(seat, 1)
    let held = true
    const release = () => {
      if (!held) return
      held = false
      this.#count(seat, -1)
      this.#sayIfDrained(seat)
    }
    return { replica: seat.replica, release }
  }

  /** Gives it nothing new until `endRest`. @returns whether it was not resting already. */
  rest(replicaId: ReplicaId): boolean {
    const seat = this.#seats.get(replicaId)
    if (!seat || seat.resting) return false
    seat.resting = true
    return true
  }

  endRest(replicaId: ReplicaId): void {
    const seat = this.#seats.get(replicaId)
    if (seat) seat.resting = false
  }

  inFlight(endpointId: EndpointId): number {
    return this.#inFlight.get(endpointId) ?? 0
  }

  inFlightByReplica(endpointId: EndpointId): Record<ReplicaId, number> {
    const counts: Record<ReplicaId, number> = {}
    for (const { id, inFlight, endpointId: of } of this.#seats.values()) {
      if (of === endpointId && inFlight > 0) counts[id] = inFlight
    }
    return counts
  }

  #seatOf(endpointId: EndpointId, replica: RoutedReplica): Seat {
    const known = this.#seats.get(replica.id)
    if (known) {
      known.replica = replica
      known.state = replica.state
      return known
    }
    const { id, state } = replica
    const seat: Seat = { id, endpointId, replica, state, inFlight: 0, resting: false }
    this.#seats.set(id, seat)
    return seat
  }

  #count(seat: Seat, change: 1 | -1): void {
    seat.inFlight += change
    const total = this.inFlight(seat.endpointId) + change
    if (total === 0) this.#inFlight.delete(seat.endpointId)
    else this.#inFlight.set(seat.endpointId, total)
  }

  #sayIfDrained(seat: Seat): void {
    if (seat.state !== 'draining' || seat.inFlight > 0) return
    if (!this.#listed.get(seat.endpointId)?.includes(seat)) this.#seats.delete(seat.id)
    this.#onDrained(seat.id)
  }
}
