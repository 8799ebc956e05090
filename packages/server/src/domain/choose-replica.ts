/**
 * Which replica gets the next request: the ready one with the fewest requests on it.
 *
 * A replica that just refused a connection rests for a moment instead of being struck off: whether it is dead is
 * for the control process to find out, and the only one there is may be back by then.
 */
import type { ReplicaId } from './replica.ts'

export type ReplicaLoad = {
  readonly id: ReplicaId
  readonly state: 'ready' | 'draining'
  readonly inFlight: number
  readonly resting: boolean
}

/** @param turn any number; among equals it decides, so one that grows spreads requests evenly. */
export function chooseReplica<R extends ReplicaLoad>(replicas: readonly R[], turn: number): R | undefined {
  let best: R | undefined
  for (let i = 0; i < replicas.length; i++) {
    const replica = replicas[(turn + i) % replicas.length]!
    if (replica.state !== 'ready' || replica.resting) continue
    if (best === undefined || replica.inFlight < best.inFlight) best = replica
  }
  return best
}
