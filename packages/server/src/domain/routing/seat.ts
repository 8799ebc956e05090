/** A replica of one endpoint as routing knows it: what is on it, how it does, and how it looks to one request. */
import type { ReplicaId } from '../replica.ts'
import type { ReplicaLoad } from './choose-replica.ts'
import { ForwardProgress } from './forward-progress.ts'
import { newHealth, type ReplicaHealth } from './replica-health.ts'

/** What other gateways have on a replica. */
export type LoadElsewhere = {
  readonly inFlight: number
  readonly outstanding: number
  readonly unread: number
}

export const NOTHING_ELSEWHERE: LoadElsewhere = { inFlight: 0, outstanding: 0, unread: 0 }

export type Seat = ReplicaLoad & {
  readonly id: ReplicaId
  /** Its number in the memory of prefixes. */
  readonly slot: number
  state: 'ready' | 'draining'
  isListed: boolean
  resting: boolean
  /** Requests on it that this gateway put there; `inFlight` counts those of others too. */
  own: number
  elsewhere: LoadElsewhere
  /** For a moment, because it refused a connection. */
  rests: boolean
  /** Until it shows that it works. */
  isGivenUp: boolean
  readonly progress: ForwardProgress
  inFlight: number
  /** Of its own, those whose clients are being waited for. */
  paused: number
  outstanding: number
  unread: number
  health: ReplicaHealth
  avoided: boolean
  cached: number
  hasSession: boolean
  slowness: number
}

export function newSeat(id: ReplicaId, slot: number, state: Seat['state'], now: number): Seat {
  return {
    id,
    slot,
    state,
    isListed: true,
    resting: false,
    own: 0,
    elsewhere: NOTHING_ELSEWHERE,
    rests: false,
    isGivenUp: false,
    progress: new ForwardProgress(now),
    inFlight: 0,
    paused: 0,
    outstanding: 0,
    unread: 0,
    health: newHealth(now),
    avoided: false,
    cached: 0,
    hasSession: false,
    slowness: 1,
  }
}
