/**
 * Requests that wait for a replica. Whose turn it is when one is free is for `domain/queue/waiting-line.ts`.
 *
 * While anybody waits and no replica is there, the endpoint is woken, again and again, because a wake may be lost with
 * the control process. A waiter leaves with a lease, with a refusal, when its time is over, or when its client goes.
 */
import { DrainRate } from '../domain/queue/drain-rate.ts'
import { OUTPUT_WEIGHT, type Waiting, WaitingLine } from '../domain/queue/waiting-line.ts'
import type { EndpointId } from '../domain/replica.ts'
import type { RoutingRequest } from '../domain/routing/prompt.ts'
import type { Clock } from '../platform/clock.ts'
import type { GatewayLimits } from './limits.ts'
import type { Lease } from './running-lease.ts'

/** Why the line has no place for a request: too many, too much of them kept, or others have fewer in it. */
export type NoPlace = 'requests' | 'bytes' | 'share'

export type Wish = Waiting & {
  readonly request?: RoutingRequest
  readonly ms: number
  readonly signal: AbortSignal
  /** Makes the error for a wait whose time is over. */
  readonly expired: () => unknown
  /** Makes the error for one that finds no place, or loses it. */
  readonly refused: (why: NoPlace) => unknown
}

type Waiter = {
  readonly wish: Wish
  readonly give: (lease: Lease) => void
  readonly refuse: (error: unknown) => void
}

type Line = { readonly waiting: WaitingLine<Waiter>; readonly rate: DrainRate }

type HoldLineRooms = {
  readonly clock: Clock
  readonly limits: Pick<
    GatewayLimits,
    'firstWakeAgainMs' | 'longestWakeAgainMs' | 'heldRequests' | 'heldBytes' | 'retryAfterMs'
  >
  /** Chooses and claims a replica; undefined while there is none. */
  readonly claim: (id: EndpointId, request: RoutingRequest | undefined) => Lease | undefined
  /** There are replicas, and all of them have as much as they take. */
  readonly areFull: (id: EndpointId) => boolean
  readonly wake: (id: EndpointId, waiting: number) => void
}

/** Nobody reads it; an abort without a reason makes an error with a stack for each wait. */
const ENDED = new Error('the wait has ended')

export class HoldLine {
  readonly #rooms: HoldLineRooms
  /** Of endpoints for which somebody waits. */
  readonly #lines = new Map<EndpointId, Line>()

  constructor(rooms: HoldLineRooms) {
    this.#rooms = rooms
  }

  waiting(id: EndpointId): number {
    return this.#lines.get(id)?.waiting.size ?? 0
  }

  /** How many came before it and wait still, and itself; undefined when it does not wait. @param signal of its wish. */
  position(id: EndpointId, signal: AbortSignal): number | undefined {
    const at = this.#lines.get(id)?.waiting.waiters.findIndex(({ wish }) => wish.signal === signal) ?? -1
    return at === -1 ? undefined : at + 1
  }

  /** Until all who wait now have had their turn, as fast as turns came lately. */
  drainMs(id: EndpointId): number {
    const line = this.#lines.get(id)
    const { clock, limits } = this.#rooms
    return line?.rate.msFor(line.waiting.size, clock.elapsed()) ?? limits.retryAfterMs
  }

  /** What a holder was given besides what it was charged for its turn. */
  used(id: EndpointId, holder: string, outputTokens: number): void {
    this.#lines.get(id)?.waiting.charge(holder, OUTPUT_WEIGHT * outputTokens)
  }

  /** @throws what `refuseAll` is given, what the wish makes of its refusal, or its signal's reason. */
  async wait(id: EndpointId, wish: Wish): Promise<Lease> {
    const { signal } = wish
    signal.throwIfAborted()
    const ended = new AbortController()
    const { promise, resolve: give, reject: refuse } = Promise.withResolvers<Lease>()
    const waiter: Waiter = { wish, give, refuse }
    const leave = (error: unknown) => {
      this.#remove(id, waiter)
      refuse(error)
    }
    const left = () => leave(signal.reason)
    this.#add(id, waiter)
    signal.addEventListener('abort', left)
    this.#rooms.clock.sleep(wish.ms, ended.signal).then(
      () => leave(wish.expired()),
      () => {},
    )
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', left)
      ended.abort(ENDED)
    }
  }

  /** Gives replicas to those who wait, for as long as there are any. */
  handOut(id: EndpointId): void {
    const line = this.#lines.get(id)
    for (let waiter = line?.waiting.next(); line && waiter; waiter = line.waiting.next()) {
      const lease = this.#rooms.claim(id, waiter.wish.request)
      if (!lease) return
      line.waiting.serve(waiter)
      line.rate.served(this.#rooms.clock.elapsed())
      this.#endIfEmpty(id, line)
      waiter.give(lease)
    }
  }

  refuseAll(id: EndpointId, error: unknown): void {
    for (const waiter of this.#lines.get(id)?.waiting.waiters ?? []) {
      this.#remove(id, waiter)
      waiter.refuse(error)
    }
  }

  refuseEverybody(error: unknown): void {
    for (const id of [...this.#lines.keys()]) this.refuseAll(id, error)
  }

  #add(id: EndpointId, waiter: Waiter): void {
    const { clock, limits } = this.#rooms
    const line = this.#lines.get(id) ?? {
      waiting: new WaitingLine<Waiter>({ requests: limits.heldRequests, bytes: limits.heldBytes }),
      rate: new DrainRate(clock.elapsed()),
    }
    const joined = line.waiting.join(waiter, waiter.wish)
    if (joined.kind === 'full') {
      waiter.refuse(waiter.wish.refused(joined.of))
      return
    }
    for (const out of joined.pushedOut) out.refuse(out.wish.refused('share'))
    if (this.#lines.has(id)) return
    this.#lines.set(id, line)
    void this.#keepWaking(id, line)
  }

  #remove(id: EndpointId, waiter: Waiter): void {
    const line = this.#lines.get(id)
    if (line?.waiting.leave(waiter)) this.#endIfEmpty(id, line)
  }

  #endIfEmpty(id: EndpointId, line: Line): void {
    if (line.waiting.size === 0) this.#lines.delete(id)
  }

  async #keepWaking(id: EndpointId, line: Line): Promise<void> {
    const { clock, limits, wake, areFull } = this.#rooms
    for (let pauseMs = limits.firstWakeAgainMs; this.#lines.get(id) === line; ) {
      if (!areFull(id)) wake(id, line.waiting.size)
      await clock.sleep(pauseMs)
      // Whoever freed a replica has said so; this is for the day when somebody forgets.
      this.handOut(id)
      pauseMs = Math.min(2 * pauseMs, limits.longestWakeAgainMs)
    }
  }
}
