/**
 * One request for an endpoint and everything that is kept about it: let in within its limits, told to the
 * autoscaler, served, measured, and at the end written down.
 */
import { PlatformError } from '../domain/errors.ts'
import type { LimitKind } from '../domain/limits/usage-limits.ts'
import type { EndpointId } from '../domain/replica.ts'
import { CLIENT_LEFT_STATUS, type UsageRecord } from '../domain/usage/usage-record.ts'
import type { RoutedEndpoint, TokenGrant } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import { type Caller, holderOf } from './access.ts'
import type { Admission, Pass, Places } from './admission.ts'
import type { Demand } from './demand.ts'
import { toErrorResponse } from './error-response.ts'
import { ClientLeft, type Exchange } from './exchange.ts'
import { type Answered, Fallback } from './fallback/fallback.ts'
import { RequestMeter } from './request-meter.ts'
import { CacheDesk } from './response-cache/cache-desk.ts'
import { keyOf } from './routing-table.ts'
import { type EndpointRooms, serveEndpoint } from './serve-endpoint.ts'
import type { EndpointTraffic, Traffic } from './traffic.ts'
import type { UsageSpool } from './usage-spool.ts'

type VisitRooms = {
  readonly clock: Clock
  readonly endpointRooms: EndpointRooms
  readonly admission: Admission
  readonly demand: Demand
  readonly traffic: Traffic
  readonly spool: UsageSpool
  readonly find: (id: EndpointId) => RoutedEndpoint | undefined
  readonly named: (namespace: string, name: string) => RoutedEndpoint | undefined
}

export type Request = {
  readonly exchange: Exchange
  readonly endpoint: RoutedEndpoint
  readonly caller: Caller
  readonly path: string
  /** Reached through a path of the gateway's own host. */
  readonly sharesOrigin: boolean
}

export class Visits {
  readonly #rooms: VisitRooms
  #running = 0
  #sayQuiet = () => {}
  readonly #desk: CacheDesk
  readonly #fallback: Fallback

  constructor(rooms: VisitRooms) {
    this.#rooms = rooms
    const { clock, find, endpointRooms } = rooms
    const { deadlines, limits } = endpointRooms
    this.#desk = new CacheDesk({ clock, deadlines, find, limits })
    this.#fallback = new Fallback({
      find,
      named: rooms.named,
      endpointRooms,
      serve: (request, trail) => this.#serve(request, trail),
    })
  }

  /** What is kept of answers. */
  get cacheBytes(): number {
    return this.#desk.bytes
  }

  /** @throws what `serveEndpoint` throws, and PlatformError for a limit that was reached. */
  async serve(request: Request): Promise<void> {
    this.#running++
    try {
      await this.#serve(request)
    } finally {
      this.#running--
      if (this.#running === 0) this.#sayQuiet()
    }
  }

  /** Resolves when everything that runs is over and written down. */
  async ended(): Promise<void> {
    if (this.#running === 0) return
    await new Promise<void>((resolve) => {
      this.#sayQuiet = resolve
    })
  }

  /** @param trail endpoints that did not answer, each with the next as its fallback. @returns tokens used. */
  async #serve(request: Request, trail: readonly EndpointId[] = []): Promise<number> {
    const { clock, demand, traffic } = this.#rooms
    const { exchange, endpoint } = request
    // Whoever is over a limit wakes nobody and keeps nobody awake.
    const { admission } = this.#rooms
    const grant = limitedGrantOf(request, trail)
    // Nobody waits who needs no other worker's word.
    const places = admission.isShared(endpoint, grant)
      ? await admission.reserve(endpoint, grant, clock.elapsed())
      : undefined
    const pass = this.#admit(request, grant, places)
    // Kept hold of, so that an endpoint deleted meanwhile gets no new row.
    const seen = traffic.of(endpoint.id)
    const asked = demand.arrived(endpoint, clock.now(), announcedBytes(exchange))
    const meter = new RequestMeter(clock, seen, asked)
    let status = 0
    let how: Answered = { via: undefined, tokens: 0 }
    let tokens = 0
    try {
      if (pass?.bodyBytes !== undefined) exchange.body.limitTo(pass.bodyBytes)
      if (pass?.requestMs !== undefined)
        exchange.limitTime(pass.requestMs, 'the limit of its token or endpoint')
      how = await this.#answer(request, meter, seen, trail)
      status = exchange.hasLeft ? CLIENT_LEFT_STATUS : exchange.response.statusCode
    } catch (error) {
      status = error instanceof ClientLeft ? CLIENT_LEFT_STATUS : toErrorResponse(error, exchange.id).status
      if (error instanceof PlatformError && error.code === 'too_large') seen.refused.body++
      throw error
    } finally {
      const record = this.#settle(request, meter, status, how.via, trail)
      asked.ended(record, exchange.body.arrivedBytes, clock.now())
      tokens = record.inputTokens + record.outputTokens + how.tokens
      pass?.leave(tokens, clock.elapsed())
      seen.count(record)
      seen.receivedBytes += exchange.body.arrivedBytes
    }
    return tokens
  }

  /** From memory, by a replica, or by who stands in for it. */
  async #answer(
    request: Request,
    meter: RequestMeter,
    seen: EndpointTraffic,
    trail: readonly EndpointId[],
  ): Promise<Answered> {
    const desk = await this.#desk.ask(request, meter)
    if (desk.kind !== 'none') seen.cache[desk.kind]++
    if (desk.kind === 'hit') return { via: 'cache', tokens: 0 }
    const stepped = await this.#fallback.serve(request, meter, seen, trail, () =>
      serveEndpoint({ ...request, meter }, this.#rooms.endpointRooms),
    )
    if (desk.kind === 'miss' && stepped.via === undefined) desk.keep()
    return stepped
  }

  #admit({ exchange, endpoint }: Request, grant: TokenGrant | undefined, places?: Places): Pass | undefined {
    const { clock, admission, traffic } = this.#rooms
    const refused = (kind: LimitKind, headers: Readonly<Record<string, string>>) => {
      exchange.sayAlso(headers)
      traffic.of(endpoint.id).refuse(kind)
    }
    const pass = admission.enter(endpoint, grant, clock.elapsed(), refused, places)
    if (pass) exchange.sayAlso(pass.headers)
    return pass
  }

  #settle(
    request: Request,
    meter: RequestMeter,
    status: number,
    via: UsageRecord['via'],
    trail: readonly EndpointId[],
  ): UsageRecord {
    const insteadOf = trail.at(-1)
    const { exchange, endpoint, caller } = request
    const record: UsageRecord = {
      requestId: exchange.id,
      endpointId: endpoint.id,
      tokenId: caller.kind === 'known' ? caller.grant.tokenId : null,
      arrivedAt: meter.arrivedAt,
      status,
      durationMs: meter.elapsedMs,
      ...meter.measures(exchange.body.arrivedBytes),
      ...(meter.adapter && { adapter: meter.adapter }),
      ...(via && { via }),
      ...(insteadOf && { insteadOf }),
    }
    this.#rooms.endpointRooms.line.used(endpoint.id, holderOf(caller), record.outputTokens)
    this.#rooms.spool.add(record)
    exchange.note({
      endpoint: keyOf(endpoint),
      tokenId: record.tokenId,
      replica: record.replicaId,
      heldMs: record.heldMs,
      inputTokens: record.inputTokens,
      outputTokens: record.outputTokens,
      ...(record.adapter && { adapter: record.adapter }),
      ...(via && { via }),
    })
    return record
  }
}

/** The caller's own limits count once, however many endpoints are asked. */
const limitedGrantOf = ({ caller }: Request, trail: readonly EndpointId[]) =>
  caller.kind === 'known' && trail.length === 0 ? caller.grant : undefined

const announcedBytes = ({ request }: Exchange) => Number(request.headers['content-length'] ?? 0) || 0
