/** One request's stay on a replica: what it adds to what is there, and what its answer shows of the replica. */
import type { ReplicaId } from '../replica.ts'
import { unreadUnits } from './choose-replica.ts'
import { afterAnswer, afterFailure, afterStatus } from './replica-health.ts'
import type { Seat } from './seat.ts'

/** A request's time to answer also holds what does not depend on its size. */
const PACE_FIXED_UNITS = 2_048

/** How a request's stay on a replica ended; `left` says nothing about the replica. */
export type ClaimEnd = 'failed' | 'left' | { readonly status: number }

/** Is told what concerns more than the one replica. */
export interface ClaimKeeper {
  /** An answer began after `ms`, with so much work ahead of it. */
  answered(work: number, ms: number, now: number): void
  /** One request less is on it. */
  left(seat: Seat): void
}

export class Claim {
  /** Of what is to be read there: none where nothing was found out. */
  readonly keys: readonly number[]
  readonly #keeper: ClaimKeeper
  readonly #seat: Seat
  readonly #units: number
  readonly #claimedAt: number
  /** What the replica has to do before this answer can begin. */
  readonly #ahead: number
  /** What it has still to read of this request. */
  #unread: number
  #isHeld = true
  #isPaused = false

  /** The request is on the replica from now on. */
  constructor(keeper: ClaimKeeper, seat: Seat, units: number, keys: readonly number[], now: number) {
    this.keys = keys
    this.#keeper = keeper
    this.#seat = seat
    this.#units = units
    this.#claimedAt = now
    this.#unread = unreadUnits(units, seat.cached)
    this.#ahead = seat.unread + this.#unread + PACE_FIXED_UNITS
    seat.progress.given(seat.own === seat.paused, now)
    seat.own++
    seat.inFlight++
    seat.outstanding += units
    seat.unread += this.#unread
  }

  get replicaId(): ReplicaId {
    return this.#seat.id
  }

  /** The answer has begun, with this status. */
  begun(status: number, now: number): void {
    const seat = this.#seat
    seat.progress.advanced(now)
    if (this.#unread === 0) return
    this.#hasRead()
    // Errors are quick: they say nothing about how fast it works, nor that it works.
    if (status >= 400) return
    const ms = now - this.#claimedAt
    seat.health = afterAnswer(seat.health, this.#ahead, ms, now)
    this.#keeper.answered(this.#ahead, ms, now)
  }

  /** More of the answer has come. */
  advanced(now: number): void {
    this.#seat.progress.advanced(now)
  }

  /** Nothing more is taken of the answer until its client has taken what came; that silence is not the replica's. */
  paused(isPaused: boolean, now: number): void {
    if (isPaused === this.#isPaused || !this.#isHeld) return
    this.#isPaused = isPaused
    const seat = this.#seat
    if (!isPaused) seat.progress.resumed(seat.own === seat.paused, now)
    seat.paused += isPaused ? 1 : -1
  }

  /** A second call does nothing. */
  ended(end: ClaimEnd, now: number): void {
    if (!this.#isHeld) return
    this.paused(false, now)
    this.#isHeld = false
    this.#hasRead()
    const seat = this.#seat
    seat.own--
    seat.inFlight--
    seat.outstanding -= this.#units
    if (end === 'failed') seat.health = afterFailure(seat.health, now)
    else if (end !== 'left') seat.health = afterStatus(seat.health, end.status, now)
    this.#keeper.left(seat)
  }

  #hasRead(): void {
    this.#seat.unread -= this.#unread
    this.#unread = 0
  }
}
