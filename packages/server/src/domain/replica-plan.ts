/**
 * The reconciler's judgement: which replicas to start, drain and stop.
 *
 * A pure function of what is wanted, what is there and what time it is. It does no I/O and keeps no memory, so
 * every rollout, scale-up and crash is a row in `replica-plan.test.ts` and needs no engine to reproduce.
 */
import type { Replica, ReplicaId } from './replica.ts'

export type DesiredReplicas = {
  readonly revision: number
  readonly count: number
  /** Replicas allowed above `count` during a rollout. At least 1, or none could begin. */
  readonly surge: number
  readonly startTimeoutMs: number
  readonly drainTimeoutMs: number
  /** Crash back-off: nothing is started before this time. */
  readonly startNotBefore: number
}

export type ReplicaAction =
  | { readonly kind: 'start'; readonly revision: number }
  | { readonly kind: 'drain'; readonly replicaId: ReplicaId }
  | { readonly kind: 'stop'; readonly replicaId: ReplicaId; readonly reason: StopReason }

export type StopReason = 'drained' | 'drain-timeout' | 'start-timeout' | 'failed' | 'not-needed'

/**
 * Plans one step from `observed` towards `desired`.
 *
 * One step, not the whole way: the reconciler carries it out, looks again and asks again. Three promises, which
 * the property tests hold it to:
 *
 * - it never starts a replica that would make more than `count + surge` serve;
 * - it never drains a ready replica while fewer than `count` others are ready;
 * - step by step it reaches `desired` from anywhere, if what it starts gets ready.
 *
 * An action refers to a replica by id, never by position, so a plan stays safe to carry out after the world has
 * moved on: stopping a replica that is already gone does nothing.
 */
export function planReplicas(
  desired: DesiredReplicas,
  observed: readonly Replica[],
  now: number,
): ReplicaAction[] {
  const actions: ReplicaAction[] = []
  const serving: Replica[] = []

  for (const replica of observed) {
    const reason = reasonToStop(replica, desired, now)
    if (reason) actions.push({ kind: 'stop', replicaId: replica.id, reason })
    else if (replica.phase !== 'draining') serving.push(replica)
  }

  const current = serving.filter((replica) => replica.revision === desired.revision)
  const outdated = serving.filter((replica) => replica.revision !== desired.revision)

  // An outdated replica leaves only when a ready one of the current revision has taken its place.
  const readyCurrent = current.filter((replica) => replica.phase === 'ready').length
  const outdatedStillNeeded = Math.max(0, desired.count - readyCurrent)

  for (const replica of [
    ...leastUsefulFirst(current).slice(0, excess(current.length, desired.count)),
    ...leastUsefulFirst(outdated).slice(0, excess(outdated.length, outdatedStillNeeded)),
  ]) {
    // What never was ready has no request to finish.
    if (replica.phase === 'ready') actions.push({ kind: 'drain', replicaId: replica.id })
    else actions.push({ kind: 'stop', replicaId: replica.id, reason: 'not-needed' })
  }

  const missing = desired.count - current.length
  const room = desired.count + (outdated.length > 0 ? desired.surge : 0) - serving.length
  const starts = now < desired.startNotBefore ? 0 : Math.max(0, Math.min(missing, room))
  for (let i = 0; i < starts; i++) actions.push({ kind: 'start', revision: desired.revision })

  return actions
}

function reasonToStop(replica: Replica, limits: DesiredReplicas, now: number): StopReason | undefined {
  const age = now - replica.phaseSince
  switch (replica.phase) {
    case 'ready':
      return undefined
    case 'failed':
      return 'failed'
    case 'starting':
      return age >= limits.startTimeoutMs ? 'start-timeout' : undefined
    case 'draining':
      if (replica.inFlight === 0) return 'drained'
      return age >= limits.drainTimeoutMs ? 'drain-timeout' : undefined
    default:
      return replica.phase satisfies never
  }
}

export const isFailure = (action: ReplicaAction): action is Extract<ReplicaAction, { kind: 'stop' }> =>
  action.kind === 'stop' && (action.reason === 'failed' || action.reason === 'start-timeout')

/** Not yet ready before ready, then the youngest: the warmest caches are kept longest. */
function leastUsefulFirst(replicas: readonly Replica[]): Replica[] {
  const isReady = (replica: Replica) => Number(replica.phase === 'ready')
  return replicas.toSorted((a, b) => isReady(a) - isReady(b) || b.phaseSince - a.phaseSince)
}

const excess = (have: number, wanted: number) => Math.max(0, have - wanted)
