/** One request's claim on a replica, from the choice to the end of the answer. */
import type { Claim, ClaimEnd } from '../domain/routing/claim.ts'
import type { RoutedReplica } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import type { Member, Roster } from '../platform/roster.ts'
import type { AnswerWatch, Unanswered } from './relay.ts'
import type { HostAddress } from './upstream/connection.ts'

export type LeasedReplica = RoutedReplica & { readonly address: HostAddress }

export type Lease = AnswerWatch & {
  readonly replica: LeasedReplica
  /** Ends the claim, saying how it went; a second call does nothing. */
  release(end: ClaimEnd): void
}

export type LeaseHolder = {
  readonly clock: Pick<Clock, 'elapsed'>
  /** Those on the same replica whose answers have not begun. */
  readonly unanswered: Roster<RunningLease>
  /** What is on the replica is something else now. */
  readonly changed: () => void
  readonly released: () => void
}

export class RunningLease implements Lease, Member {
  readonly replica: LeasedReplica
  place = -1
  readonly #claim: Claim
  readonly #holder: LeaseHolder
  #isHeld = true
  #attempt: Unanswered | undefined

  constructor(replica: LeasedReplica, claim: Claim, holder: LeaseHolder) {
    this.replica = replica
    this.#claim = claim
    this.#holder = holder
  }

  begun(status: number): void {
    const { unanswered, clock, changed } = this.#holder
    unanswered.remove(this)
    this.#claim.begun(status, clock.elapsed())
    changed()
  }

  advanced(): void {
    this.#claim.advanced(this.#holder.clock.elapsed())
  }

  paused(isPaused: boolean): void {
    this.#claim.paused(isPaused, this.#holder.clock.elapsed())
  }

  awaits(attempt: Unanswered): void {
    this.#attempt = attempt
    this.#holder.unanswered.add(this)
  }

  callOff(): void {
    this.#attempt?.callOff()
  }

  release(end: ClaimEnd): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    const { unanswered, clock, changed, released } = this.#holder
    unanswered.remove(this)
    this.#claim.ended(end, clock.elapsed())
    changed()
    released()
  }
}
