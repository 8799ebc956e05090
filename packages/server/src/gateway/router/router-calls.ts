/**
 * Which of an endpoint's routers takes its requests, and which requests are on each.
 *
 * A router that refuses or breaks a connection gets nothing for a moment; one that the control process takes from the
 * table has what it did not begin to answer called off, so that the gateway asks a replica itself. One that drains
 * finishes what it has, and `drained` is said when that is so.
 */
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import type { RoutedEndpoint, RoutedRouter, UpMessage } from '../../link/messages.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { GatewayLimits } from '../limits.ts'
import type { AnswerWatch, Unanswered } from '../relay.ts'

type CallRooms = {
  readonly clock: Clock
  readonly log: Log
  readonly limits: Pick<GatewayLimits, 'restMs'>
  readonly say: (message: UpMessage) => void
  readonly stopped: AbortSignal
}

type Known = {
  router: RoutedRouter
  isListed: boolean
  rests: boolean
  calls: number
  readonly unanswered: Set<Unanswered>
}

/** One request's stay on a router. */
export type RouterCall = {
  readonly router: RoutedRouter
  readonly watch: AnswerWatch
  /** A second call does nothing. */
  readonly end: () => void
  /** It refused or broke a connection. */
  readonly broke: (reason: string) => void
}

export class RouterCalls {
  readonly #rooms: CallRooms
  readonly #endpoints = new Map<EndpointId, Map<ReplicaId, Known>>()

  constructor(rooms: CallRooms) {
    this.#rooms = rooms
  }

  /** The endpoint's routers as the routing table has them now. @param endpoint undefined for one that is gone. */
  list(id: EndpointId, endpoint: Pick<RoutedEndpoint, 'routers'> | undefined): void {
    const known = this.#endpoints.get(id) ?? new Map<ReplicaId, Known>()
    const listed = new Map(endpoint?.routers?.map((router) => [router.id, router]))
    for (const [routerId, router] of listed) {
      const before = known.get(routerId)
      if (before) before.router = router
      else known.set(routerId, { router, isListed: true, rests: false, calls: 0, unanswered: new Set() })
    }
    this.#endpoints.set(id, known)
    for (const one of [...known.values()]) {
      one.isListed = listed.has(one.router.id)
      // Of an endpoint that is gone no replica could be asked instead.
      if (!one.isListed && endpoint) for (const attempt of [...one.unanswered]) attempt.callOff()
      this.#settle(id, one)
    }
    if (known.size === 0) this.#endpoints.delete(id)
  }

  /** Whether a router may be asked for the endpoint's replicas. */
  has(id: EndpointId): boolean {
    return this.#endpoints.has(id)
  }

  /** @returns undefined where the gateway is to choose the replica itself. */
  begin(id: EndpointId): RouterCall | undefined {
    const known = this.#endpoints.get(id)?.values()
    const one = known?.find(({ router, rests, isListed }) => isListed && router.state === 'ready' && !rests)
    if (!one) return undefined
    one.calls++
    let isOver = false
    let awaiting: Unanswered | undefined
    const answered = () => {
      if (awaiting) one.unanswered.delete(awaiting)
      awaiting = undefined
    }
    return {
      router: one.router,
      watch: {
        begun: answered,
        advanced: () => {},
        paused: () => {},
        awaits: (attempt) => {
          awaiting = attempt
          one.unanswered.add(attempt)
        },
      },
      end: () => {
        if (isOver) return
        isOver = true
        answered()
        one.calls--
        this.#settle(id, one)
      },
      broke: (reason) => this.#rest(id, one, reason),
    }
  }

  #rest(id: EndpointId, one: Known, reason: string): void {
    if (one.rests) return
    const { clock, log, limits, say, stopped } = this.#rooms
    one.rests = true
    log.warn('router broke a connection', { router: one.router.id, reason })
    say({ kind: 'suspect', id, replicaId: one.router.id, reason })
    clock.sleep(limits.restMs, stopped).then(
      () => {
        one.rests = false
      },
      () => {},
    )
  }

  #settle(id: EndpointId, one: Known): void {
    if (one.calls > 0 || (one.isListed && one.router.state !== 'draining')) return
    this.#rooms.say({ kind: 'drained', replicaId: one.router.id })
    if (one.isListed) return
    const known = this.#endpoints.get(id)
    known?.delete(one.router.id)
    if (known?.size === 0) this.#endpoints.delete(id)
  }
}
