/**
 * Which replica gets the next request.
 *
 * Under the default policy it is the one with the smallest product of what it would have to read before it can
 * answer and of the requests that would then share it. Reading again what another replica has read before is work,
 * so requests with a common beginning come together by themselves, and part again when their replica gets busy.
 * Two bounds stand around that: nothing goes to a replica without room, and prefixes never make a replica busier
 * than `LOAD_BOUND` times the average.
 */

import type { RoutingPolicy } from '@berth/contract'

export type { RoutingPolicy }

/** What a request costs beside its prompt, in the units of prompts; without it, nothing would part the empty. */
export const REQUEST_UNITS = 256
export const LOAD_BOUND = 1.5

/** A replica as it looks to one request. */
export type ReplicaLoad = {
  readonly state: 'ready' | 'draining'
  readonly resting: boolean
  /** It gets nothing while there is another that can. */
  readonly avoided: boolean
  readonly inFlight: number
  /** Units of the requests on it. */
  readonly outstanding: number
  /** Of those, what it has still to read before it begins to answer. */
  readonly unread: number
  /** How much of this request's prompt it has read before, in units. */
  readonly cached: number
  /** It has served this request's session. */
  readonly hasSession: boolean
  /** How many times busier it should count; 1 or more. */
  readonly slowness: number
}

export type RoutingRules = {
  readonly policy: RoutingPolicy
  /** Requests that a replica takes at once; further ones wait where a new replica can take them. Null for any. */
  readonly room: number | null
}

export const DEFAULT_ROUTING: RoutingRules = { policy: 'prefix-affinity', room: null }

/**
 * Promises: what it returns is ready, not resting and has room; it returns nothing only if there is no such
 * replica; it returns an avoided one only if all of them are; under `prefix-affinity` none gets more requests than
 * `mostRequests` of those it chose from.
 *
 * @param units how much there is to read.
 * @param turn any number; among equals it decides, so one that grows spreads requests evenly.
 */
export function chooseReplica<R extends ReplicaLoad>(
  replicas: readonly R[],
  { policy, room }: RoutingRules,
  units: number,
  turn: number,
): R | undefined {
  let open = 0
  let openInFlight = 0
  let unavoided = 0
  let unavoidedInFlight = 0
  for (const replica of replicas) {
    if (!isOpen(replica, room)) continue
    open++
    openInFlight += replica.inFlight
    if (replica.avoided) continue
    unavoided++
    unavoidedInFlight += replica.inFlight
  }
  if (open === 0) return undefined
  const isChoice = unavoided > 0
  const most =
    policy !== 'prefix-affinity'
      ? Number.POSITIVE_INFINITY
      : isChoice
        ? mostRequests(unavoidedInFlight, unavoided)
        : mostRequests(openInFlight, open)

  let best: R | undefined
  let bestScore = Number.POSITIVE_INFINITY
  for (let i = 0; i < replicas.length; i++) {
    const replica = replicas[(turn + i) % replicas.length]!
    if (!isOpen(replica, room) || (isChoice && replica.avoided) || replica.inFlight >= most) continue
    const score = scoreOf(replica, policy, units)
    if (score < bestScore || (score === bestScore && replica.hasSession && !best?.hasSession)) {
      best = replica
      bestScore = score
    }
  }
  return best
}

/** No replica may have more than this after one more request; the least busy one always may have it. */
export function mostRequests(inFlight: number, replicas: number): number {
  return Math.ceil((LOAD_BOUND * (inFlight + 1)) / replicas)
}

/** What a request of so many units adds to what a replica has still to read. */
export function unreadUnits(units: number, cached: number): number {
  return REQUEST_UNITS + Math.max(0, units - cached)
}

const isOpen = (replica: ReplicaLoad, room: number | null) =>
  replica.state === 'ready' && !replica.resting && (room === null || replica.inFlight < room)

/** The least score wins. */
function scoreOf(replica: ReplicaLoad, policy: RoutingPolicy, units: number): number {
  const { inFlight, slowness } = replica
  switch (policy) {
    case 'round-robin':
      return 0
    case 'least-requests':
      return (inFlight + 1) * slowness
    case 'least-tokens':
      return (replica.outstanding + REQUEST_UNITS + units) * slowness
    case 'prefix-affinity':
      return (replica.unread + unreadUnits(units, replica.cached)) * (inFlight + 1) * slowness
    default:
      return policy satisfies never
  }
}
