/**
 * Requests that wait for a replica, in the order they came.
 *
 * While anybody waits, the endpoint is woken, again and again, because a wake may be lost with the control
 * process. A waiter leaves with a lease, with a refusal, when its time is over, or when its client goes.
 */
import type { EndpointId } from '../domain/replica.ts'
import type { RoutingRequest } from '../domain/routing/prompt.ts'
import type { Clock } from '../platform/clock.ts'
import type { GatewayLimits } from './limits.ts'
import type { Lease } from './replica-leases.ts'

type Waiter = {
  readonly request: RoutingRequest | undefined
  readonly give: (lease: Lease) => void
  readonly refuse: (error: unknown) => void
}

type HoldLineRooms = {
  readonly clock: Clock
  readonly limits: Pick<GatewayLimits, 'firstWakeAgainMs' | 'longestWakeAgainMs'>
  /** Chooses and claims a replica; undefined while there is none. */
  readonly claim: (id: EndpointId, request: RoutingRequest | undefined) => Lease | undefined
  readonly wake: (id: EndpointId, waiting: number) => void
}

export class HoldLine {
  readonly #rooms: HoldLineRooms
  readonly #lines = new Map<EndpointId, Set<Waiter>>()

  constructor(rooms: HoldLineRooms) {
    this.#rooms = rooms
  }

  waiting(id: EndpointId): number {
    return this.#lines.get(id)?.size ?? 0
  }

  /**
   * @param expired makes the error for a waiter whose time is over.
   * @throws what `refuseAll` is given, what `expired` makes, or the signal's reason.
   */
  async wait(
    id: EndpointId,
    ms: number,
    signal: AbortSignal,
    expired: () => unknown,
    request?: RoutingRequest,
  ): Promise<Lease> {
    signal.throwIfAborted()
    const ended = new AbortController()
    try {
      return await new Promise<Lease>((give, refuse) => {
        const waiter: Waiter = { request, give, refuse }
        this.#add(id, waiter)
        const leave = (error: unknown) => {
          this.#remove(id, waiter)
          refuse(error)
        }
        signal.addEventListener('abort', () => leave(signal.reason), { signal: ended.signal })
        this.#rooms.clock.sleep(ms, ended.signal).then(
          () => leave(expired()),
          () => {},
        )
      })
    } finally {
      ended.abort()
    }
  }

  /** Gives replicas to those who wait, first come first served, for as long as there are any. */
  handOut(id: EndpointId): void {
    const line = this.#lines.get(id)
    if (!line) return
    for (const waiter of line) {
      const lease = this.#rooms.claim(id, waiter.request)
      if (!lease) return
      this.#remove(id, waiter)
      waiter.give(lease)
    }
  }

  refuseAll(id: EndpointId, error: unknown): void {
    for (const waiter of this.#lines.get(id) ?? []) {
      this.#remove(id, waiter)
      waiter.refuse(error)
    }
  }

  refuseEverybody(error: unknown): void {
    for (const id of [...this.#lines.keys()]) this.refuseAll(id, error)
  }

  #add(id: EndpointId, waiter: Waiter): void {
    const line = this.#lines.get(id)
    if (line) {
      line.add(waiter)
      return
    }
    const newLine = new Set([waiter])
    this.#lines.set(id, newLine)
    void this.#keepWaking(id, newLine)
  }

  #remove(id: EndpointId, waiter: Waiter): void {
    const line = this.#lines.get(id)
    if (line?.delete(waiter) && line.size === 0) this.#lines.delete(id)
  }

  async #keepWaking(id: EndpointId, line: ReadonlySet<Waiter>): Promise<void> {
    const { clock, limits, wake } = this.#rooms
    for (let pauseMs = limits.firstWakeAgainMs; this.#lines.get(id) === line; ) {
      wake(id, line.size)
      await clock.sleep(pauseMs)
      // Whoever freed a replica has said so; this is for the day when somebody forgets.
      this.handOut(id)
      pauseMs = Math.min(2 * pauseMs, limits.longestWakeAgainMs)
    }
  }
}
