/** What the reconciler needs from the rest of the server, and no more. The main file provides it. */
import type { ModelStore } from '../artifacts/model-store.ts'
import type { RouterSpec } from '../domain/custom-router.ts'
import type { EndpointRecord, ScaleTarget } from '../domain/endpoint.ts'
import type { StatusRecord } from '../domain/endpoint-status.ts'
import type { LaunchPlan } from '../domain/launch-plan.ts'
import type { EndpointId, Replica, ReplicaId } from '../domain/replica.ts'
import type { Engine } from '../engines/engine.ts'
import type { RoutedEndpoint } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'
import type { Store } from '../store/store.ts'

export type ReconcileRooms = {
  readonly clock: Clock
  readonly log: Log
  readonly store: Store
  readonly driver: RuntimeDriver
  readonly models: ModelStore
  /**
   * By the name in a revision, as it is on one of the runtimes, or on any; undefined for an engine that this program
   * does not know.
   */
  engine(name: string, runtime: string | undefined): Engine | undefined
  /** The key that the engine of this replica asks for. The same each time, so that nothing is kept. */
  replicaKey(id: ReplicaId): string
  /** How a router is started. @param runtime of the replicas. @throws PlatformError `invalid` where it cannot be. */
  routerPlan(router: RouterSpec, key: string, runtime: string): LaunchPlan
  /** Identifiers of the gateways that may send requests to replicas now, connected or not. */
  gateways(): readonly string[]
  /** Tells the gateways; only called with something new. */
  publish(route: RoutedEndpoint): void
  unpublish(id: EndpointId): void
  /** What a look found, for the autoscaler. */
  looked(
    endpoint: EndpointRecord,
    report: StatusRecord,
    replicas: readonly Replica[],
    target: ScaleTarget | undefined,
  ): void
  /** A new status is in the store. */
  reported(id: EndpointId): void
  forgotten(id: EndpointId): void
  /** The installation's own Hub token, for endpoints that bring none. */
  readonly hubToken: string | undefined
  readonly drainTimeoutMs: number
}
