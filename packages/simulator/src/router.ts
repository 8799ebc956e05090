/** Which replica gets a request, as the world asks it; the platform's own choice, and others' to compare it with. */
import type { SimReplica } from './sim-replica.ts'

export interface Router {
  /** These serve from now on; none is listed that drains. */
  list(replicas: readonly SimReplica[], now: number): void
  /** Counts the request on the replica it returns. Undefined: none has room, so that the gateway keeps the request. */
  choose(request: number, now: number): SimReplica | undefined
  /** The first token came. */
  begun(request: number, now: number): void
  /** The answer is complete, or was lost with its replica. */
  ended(request: number, isLost: boolean, now: number): void
}
