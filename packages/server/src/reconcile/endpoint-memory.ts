/**
 * What the reconciler remembers of one endpoint between two looks.
 *
 * Little, and all of it can be lost: drains begin again, failures and the revision that last was ready are read
 * back from the last report.
 */
import type { StartFailure } from '@berth/contract'
import type { MeasuredFootprint, StatusRecord } from '../domain/endpoint-status.ts'
import type { Replica, ReplicaId } from '../domain/replica.ts'
import { afterFailure, type StartFailures } from '../domain/start-failures.ts'

/** What a gateway saw, in words, and when it said so. */
export type Stuck = { readonly evidence: string; readonly at: number }

export class EndpointMemory {
  readonly drainingSince = new Map<ReplicaId, number>()
  readonly readySince = new Map<ReplicaId, number>()
  /** Replicas that this process started: of what it adopts it does not know whether it ever was ready. */
  readonly startedHere = new Set<ReplicaId>()
  /** Replicas of which a gateway says that they do not work on their requests. */
  readonly stuck = new Map<ReplicaId, Stuck>()
  /** Replicas whose failure is counted already. */
  readonly counted = new Set<ReplicaId>()
  /** By revision. */
  readonly failures = new Map<number, StartFailures>()
  /** Of its router. */
  routerFailures: StartFailures | undefined
  lastReadyRevision: number | undefined
  /** How long the last starts took until ready, newest last. */
  startTimes: readonly number[]
  footprint: MeasuredFootprint | undefined
  /** What was prepared for the next wake. */
  next: { readonly id: ReplicaId; readonly revision: number } | undefined
  /** When a replica was last asked what it uses. */
  measuredAt = Number.NEGATIVE_INFINITY
  lastReport: StatusRecord | undefined
  lastReplicas: readonly Replica[] = []
  lastUsedAt: number | undefined

  constructor(lastReport: StatusRecord | undefined) {
    this.lastReport = lastReport
    for (const failures of lastReport?.failures ?? []) this.failures.set(failures.revision, failures)
    this.startTimes = lastReport?.startTimes ?? []
    this.lastReadyRevision = lastReport?.lastReadyRevision ?? undefined
    this.lastUsedAt = lastReport?.lastUsedAt ?? undefined
    this.footprint = lastReport?.footprint ?? undefined
  }

  fail(
    revision: number,
    reason: string,
    {
      failure,
      hopeless,
      now,
    }: { readonly failure: StartFailure; readonly hopeless: boolean; readonly now: number },
  ): void {
    this.failures.set(
      revision,
      afterFailure(this.failures.get(revision), { revision, reason, failure, hopeless }, now),
    )
  }

  /** A person wants another try. */
  forgive(): void {
    this.failures.clear()
    this.routerFailures = undefined
  }

  /** Forgets what concerns replicas and routers that are gone and revisions that nobody wants. */
  keepOnly(running: ReadonlySet<ReplicaId>, revisions: ReadonlySet<number>): void {
    for (const known of [this.drainingSince, this.readySince, this.startedHere, this.stuck, this.counted]) {
      for (const id of known.keys()) if (!running.has(id)) known.delete(id)
    }
    for (const revision of this.failures.keys()) if (!revisions.has(revision)) this.failures.delete(revision)
  }
}
