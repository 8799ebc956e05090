/**
 * Has a request answered by its endpoint's fallback: at once when nobody at the endpoint could take it now and the
 * caller did not ask to wait, or after the endpoint has failed it before the answer began.
 */
import type { FallbackReason } from '@berth/contract'
import type { EndpointId } from '../../domain/replica.ts'
import type { UsageRecord } from '../../domain/usage/usage-record.ts'
import type { RoutedEndpoint } from '../../link/messages.ts'
import { nameAdapter } from '../adapter-call.ts'
import { readStart } from '../read-start.ts'
import type { RequestMeter } from '../request-meter.ts'
import { keyOf } from '../routing-table.ts'
import type { EndpointRooms } from '../serve-endpoint.ts'
import type { Request } from '../visits.ts'
import { callExternal, externalRequest } from './call-external.ts'
import { mayStep, privacyOf, reasonAtOnce, reasonOf } from './choose-step.ts'

/** Who answered, if no replica of the endpoint, and the tokens that were used elsewhere. */
export type Answered = { readonly via: UsageRecord['via']; readonly tokens: number }

type FallbackRooms = {
  readonly endpointRooms: EndpointRooms
  readonly find: (id: EndpointId) => RoutedEndpoint | undefined
  readonly named: (namespace: string, name: string) => RoutedEndpoint | undefined
  /** Serves it at another endpoint. @returns tokens used. */
  readonly serve: (request: Request, trail: readonly EndpointId[]) => Promise<number>
}

/** Changes of two endpoints at the same time could make a circle that neither was refused for. */
const MOST_STEPS = 8
export const BY_ITSELF: Answered = { via: undefined, tokens: 0 }

export class Fallback {
  readonly #rooms: FallbackRooms

  constructor(rooms: FallbackRooms) {
    this.#rooms = rooms
  }

  async serve(
    request: Request,
    meter: RequestMeter,
    trail: readonly EndpointId[],
    byItself: () => Promise<void>,
  ): Promise<Answered> {
    const { exchange, endpoint } = request
    const privacy = privacyOf(exchange.request.headers['x-berth-privacy'])
    if (endpoint.fallback) await nameAdapter(request, this.#rooms.endpointRooms)
    // Another endpoint has other adapters, if any.
    if (!endpoint.fallback || trail.length >= MOST_STEPS || exchange.adapter !== undefined) {
      await byItself()
      return BY_ITSELF
    }
    const step = (reason: FallbackReason) => this.#take(request, reason, meter, trail)
    const isOpen = (reason: FallbackReason | undefined): reason is FallbackReason =>
      reason !== undefined && mayStep(endpoint, reason, privacy)

    const early = this.#reasonAtOnce(request)
    if (isOpen(early)) {
      if (early === 'cold') this.#rooms.endpointRooms.wake(endpoint.id)
      const answered = await step(early)
      if (answered) return answered
    }
    try {
      await byItself()
      return BY_ITSELF
    } catch (error) {
      const late = reasonOf(error)
      if (!isOpen(late) || exchange.response.statusCode !== 0 || exchange.hasLeft) throw error
      if (!exchange.body.complete || !exchange.body.replayable) throw error
      const answered = await step(late)
      if (!answered) throw error
      return answered
    }
  }

  /** Who says how long to wait, or fetches the answer later, has decided to wait. */
  #reasonAtOnce({ exchange, endpoint }: Request): FallbackReason | undefined {
    if (exchange.isDeferred || exchange.request.headers['x-scale-up-timeout'] !== undefined) return undefined
    const current = this.#rooms.find(endpoint.id) ?? endpoint
    return reasonAtOnce(current, this.#rooms.endpointRooms.leases.areFull(endpoint.id))
  }

  /** @returns undefined where the step leads nowhere for this request. */
  async #take(
    request: Request,
    reason: FallbackReason,
    meter: RequestMeter,
    trail: readonly EndpointId[],
  ): Promise<Answered | undefined> {
    const { exchange, endpoint } = request
    const to = endpoint.fallback!.to
    if (to.kind === 'endpoint') {
      const next = this.#rooms.named(endpoint.namespace, to.name)
      if (!next || next.id === endpoint.id || trail.includes(next.id)) return undefined
      meter.traffic.fallback[reason]++
      exchange.sayAlso({ 'x-berth-fallback': `${keyOf(next)}; reason=${reason}` })
      const tokens = await this.#rooms.serve({ ...request, endpoint: next }, [...trail, endpoint.id])
      return { via: 'fallback', tokens }
    }
    const { limits } = this.#rooms.endpointRooms
    await readStart(exchange, this.#rooms.endpointRooms, limits.replayBytes)
    const outside = exchange.body.complete ? externalRequest(to, request.path, exchange.body.kept) : undefined
    if (!outside) return undefined
    meter.traffic.fallback[reason]++
    exchange.sayAlso({ 'x-berth-fallback': `${outside.url.host}; reason=${reason}` })
    await callExternal(exchange, outside, to, meter, limits)
    return { via: 'external', tokens: 0 }
  }
}
