/** What the reconciler keeps for its looks: the rooms, and those who know between two looks. */
import type { EndpointRecord } from '../domain/endpoint.ts'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { ArtifactFetches } from './artifact-fetches.ts'
import type { DrainReports } from './drain-reports.ts'
import type { Prober } from './prober.ts'
import type { ReplicaStops } from './replica-stops.ts'
import type { ReconcileRooms } from './rooms.ts'
import type { DoorReports } from './router/door-reports.ts'
import type { RouterBackends } from './router/router-backends.ts'

export type LookTools = {
  readonly rooms: ReconcileRooms
  readonly prober: Prober
  readonly fetches: ArtifactFetches
  readonly drains: DrainReports
  readonly stops: ReplicaStops
  /** Where routers reach replicas, and what they were told of that. */
  readonly doors: DoorReports
  readonly backends: RouterBackends
  /** Look at the endpoint once more, soon. */
  again(endpointId: EndpointId): void
  /** Notes whose replica it is, so that a hint about it finds its endpoint. */
  own(replicaId: ReplicaId, endpointId: EndpointId): void
  /** Writes an event down, some time soon: no look waits for it. */
  note(
    endpoint: EndpointRecord,
    kind: string,
    message: string,
    details: Readonly<Record<string, unknown>>,
  ): void
  /** Runs one start at a time, so that two looks cannot both take the last free memory. */
  startAlone<Result>(body: () => Promise<Result>): Promise<Result>
}
