/**
 * Replicas that are being stopped.
 *
 * An engine may take half a minute to end, and a request may come for its endpoint meanwhile; so no look waits for a
 * stop. A replica that is being stopped is out of every count but the ledger's, since its memory is still taken.
 * A stop that fails is forgotten: the next look sees the replica again and decides anew.
 */
import { messageOf } from '../domain/errors.ts'
import type { ReplicaId } from '../domain/replica.ts'
import type { Log } from '../platform/log.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'

export class ReplicaStops {
  readonly #driver: RuntimeDriver
  readonly #log: Log
  readonly #onEnd: (id: ReplicaId) => void
  readonly #stopping = new Set<ReplicaId>()

  constructor(driver: RuntimeDriver, log: Log, onEnd: (id: ReplicaId) => void) {
    this.#driver = driver
    this.#log = log
    this.#onEnd = onEnd
  }

  isStopping(id: ReplicaId): boolean {
    return this.#stopping.has(id)
  }

  /** @param stopped is told when it is gone, and not when stopping it failed. */
  begin(id: ReplicaId, graceMs: number, stopped: () => void): void {
    if (this.#stopping.has(id)) return
    this.#stopping.add(id)
    void this.#driver
      .stop(id, { graceMs })
      .then(stopped, (error) =>
        this.#log.warn('a replica could not be stopped', { replica: id, error: messageOf(error) }),
      )
      .finally(() => {
        this.#stopping.delete(id)
        this.#onEnd(id)
      })
  }
}
