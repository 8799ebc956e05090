/** What the autoscaler needs from the rest of the server, and no more. The main file provides it. */
import type { EndpointId } from '../domain/replica.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'
import type { Store } from '../store/store.ts'

export type AutoscaleRooms = {
  readonly clock: Clock
  readonly log: Log
  readonly store: Store
  readonly driver: Pick<RuntimeDriver, 'capacity' | 'list' | 'stats'>
  /** Look at the endpoint soon. */
  hint(id: EndpointId): void
}
