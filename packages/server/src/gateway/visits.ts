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
import type { Admission, Places } from './admission.ts'
import type { Demand } from './demand.ts'
import { toErrorResponse } from './error-response.ts'
import { ClientLeft, type Exchange } from './exchange.ts'
import { privacyOf } from './fallback/choose-step.ts'
import { type Answered, BY_ITSELF, Fallback } from './fallback/fallback.ts'
import type { Pass } from './pass.ts'
import type { Rates } from './rate-headers.ts'
import { RequestMeter } from './request-meter.ts'
import { CacheDesk } from './response-cache/cache-desk.ts'
import { keyOf } from './routing-table.ts'
import { type EndpointRooms, serveEndpoint } from './serve-endpoint.ts'
import type { Traffic } from './traffic.ts'
import type { UsageSpool } from './usage-spool.ts'

type VisitRooms = {
  readonly clock: Clock
  readonly endpointRooms: EndpointRooms
  readonly admission: Admission
  readonly demand: Demand
  readonly traffic: Traffic
  readonly spool: UsageSpool
  /** There is an access log, which tells of each request. */
  readonly isLogged: boolean
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

const NOBODY_YET: readonly EndpointId[] = []

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
      serve: (request, trail) => this.serve(request, trail),
    })
  }

  /** What is kept of answers. */
  get cacheBytes(): number {
    return this.#desk.bytes
  }

  /**
   * @param trail endpoints that did not answer, each with the next as its fallback.
   * @returns tokens used.
   * @throws what `serveEndpoint` throws, and PlatformError for a limit that was reached.
   */
  async serve(request: Request, trail: readonly EndpointId[] = NOBODY_YET): Promise<number> {
    let pass: Pass | undefined
    let meter: RequestMeter | undefined
    let how = BY_ITSELF
    let failure: unknown
    this.#running++
    try {
      // Whoever is over a limit wakes nobody and keeps nobody awake.
      const grant = limitedGrantOf(request, trail)
      const places = this.#placesFor(request, grant)
      pass = this.#admit(request, grant, places && (await places))
      meter = this.#meterFor(request)
      if (pass) limitAsAllowed(request.exchange, pass)
      if (mayBeAnsweredElsewhere(request)) how = await this.#answer(request, meter, trail)
      else await this.#byItself(request, meter)
    } catch (error) {
      failure = error
    }
    const tokens = meter ? this.#settle(request, meter, how, failure, trail) : 0
    pass?.leave(tokens, this.#rooms.clock.elapsed())
    this.#running--
    if (this.#running === 0) this.#sayQuiet()
    if (failure !== undefined) throw failure
    return tokens
  }

  /** Resolves when everything that runs is over and written down. */
  async ended(): Promise<void> {
    if (this.#running === 0) return
    await new Promise<void>((resolve) => {
      this.#sayQuiet = resolve
    })
  }

  /** From memory, by a replica, or by who stands in for it. */
  async #answer(request: Request, meter: RequestMeter, trail: readonly EndpointId[]): Promise<Answered> {
    const desk = await this.#desk.ask(request, meter)
    if (desk.kind !== 'none') meter.traffic.cache[desk.kind]++
    if (desk.kind === 'hit') return { via: 'cache', tokens: 0 }
    const stepped = await this.#fallback.serve(request, meter, trail, () => this.#byItself(request, meter))
    if (desk.kind === 'miss' && stepped.via === undefined) desk.keep()
    return stepped
  }

  #byItself({ exchange, endpoint, caller, path, sharesOrigin }: Request, meter: RequestMeter): Promise<void> {
    // A label that is misspelt is refused even where nothing could be let out.
    privacyOf(exchange.request.headers['x-berth-privacy'])
    return serveEndpoint({ exchange, meter, endpoint, path, sharesOrigin, caller }, this.#rooms.endpointRooms)
  }

  /** @returns undefined for nearly every request: it needs no other worker's word. */
  #placesFor({ endpoint }: Request, grant: TokenGrant | undefined): Promise<Places> | undefined {
    const { admission, clock } = this.#rooms
    return admission.isShared(endpoint, grant)
      ? admission.reserve(endpoint, grant, clock.elapsed())
      : undefined
  }

  #meterFor({ exchange, endpoint }: Request): RequestMeter {
    const { clock, demand, traffic } = this.#rooms
    const asked = demand.arrived(endpoint, clock.now(), exchange.body.announcedBytes ?? 0)
    // Kept hold of, so that an endpoint deleted meanwhile gets no new row.
    return new RequestMeter(clock, traffic.of(endpoint.id), asked)
  }

  #admit({ exchange, endpoint }: Request, grant: TokenGrant | undefined, places?: Places): Pass | undefined {
    const { clock, admission, traffic } = this.#rooms
    const refused = (kind: LimitKind, rates: Rates) => {
      exchange.sayRates(rates)
      traffic.of(endpoint.id).refuse(kind)
    }
    const pass = admission.enter(endpoint, grant, clock.elapsed(), refused, places)
    if (pass) exchange.sayRates(pass.rates)
    return pass
  }

  /** Writes it down everywhere. @returns tokens used. */
  #settle(
    request: Request,
    meter: RequestMeter,
    { via, tokens }: Answered,
    failure: unknown,
    trail: readonly EndpointId[],
  ): number {
    const { exchange, endpoint, caller } = request
    const bodyBytes = exchange.body.arrivedBytes
    const measures = meter.measures(bodyBytes)
    // One for each request, so it is written out: gathered from parts, it would be made several times over.
    const record: UsageRecord = {
      requestId: exchange.id,
      endpointId: endpoint.id,
      replicaId: measures.replicaId,
      tokenId: caller.kind === 'known' ? caller.grant.tokenId : null,
      arrivedAt: meter.arrivedAt,
      status: statusOf(exchange, failure),
      inputTokens: measures.inputTokens,
      outputTokens: measures.outputTokens,
      cachedTokens: measures.cachedTokens,
      isEstimated: measures.isEstimated,
      durationMs: meter.elapsedMs,
      heldMs: measures.heldMs,
      firstTokenMs: measures.firstTokenMs,
      interTokenMs: measures.interTokenMs,
      adapter: meter.adapter,
      via,
      insteadOf: trail.at(-1),
    }
    this.#rooms.endpointRooms.line.used(endpoint.id, holderOf(caller), record.outputTokens)
    this.#rooms.spool.add(record)
    meter.ended(record, bodyBytes)
    if (failure instanceof PlatformError && failure.code === 'too_large') meter.traffic.refused.body++
    if (this.#rooms.isLogged) exchange.note(factsOf(record, endpoint))
    return record.inputTokens + record.outputTokens + tokens
  }
}

const mayBeAnsweredElsewhere = ({ endpoint }: Request) =>
  endpoint.cache !== undefined || endpoint.fallback !== undefined

/** As its client has it. @param failure undefined where it was answered. */
function statusOf(exchange: Exchange, failure: unknown): number {
  if (failure === undefined) return exchange.hasLeft ? CLIENT_LEFT_STATUS : exchange.response.statusCode
  return failure instanceof ClientLeft ? CLIENT_LEFT_STATUS : toErrorResponse(failure, exchange.id).status
}

/** What the access log says of it. */
const factsOf = (
  { tokenId, replicaId, heldMs, inputTokens, outputTokens, adapter, via }: UsageRecord,
  endpoint: RoutedEndpoint,
) => ({
  endpoint: keyOf(endpoint),
  tokenId,
  replica: replicaId,
  heldMs,
  inputTokens,
  outputTokens,
  ...(adapter && { adapter }),
  ...(via && { via }),
})

function limitAsAllowed(exchange: Exchange, { bodyBytes, requestMs }: Pass): void {
  if (bodyBytes !== undefined) exchange.body.limitTo(bodyBytes)
  if (requestMs !== undefined) exchange.limitTime(requestMs, 'the limit of its token or endpoint')
}

/** The caller's own limits count once, however many endpoints are asked. */
const limitedGrantOf = ({ caller }: Request, trail: readonly EndpointId[]) =>
  caller.kind === 'known' && trail.length === 0 ? caller.grant : undefined
