/** Takes each request from the front, finds who answers it, and sees that it is answered, whatever goes wrong. */
import { messageOf, PlatformError } from '../domain/errors.ts'
import { CLIENT_LEFT_STATUS } from '../domain/usage/usage-record.ts'
import type { Clock } from '../platform/clock.ts'
import { newRequestId } from '../platform/ids.ts'
import type { Log } from '../platform/log.ts'
import { type Caller, callerOf } from './access.ts'
import { accessLine } from './access-log.ts'
import { answerPreflight } from './answer-preflight.ts'
import { type Preflight, preflightIn } from './cors.ts'
import type { Deadlines } from './deadlines.ts'
import { toErrorResponse } from './error-response.ts'
import { ClientLeft, Exchange, type ExchangeRooms } from './exchange.ts'
import { endpointAt, endpointInBody, modelList, sharedCorsHeaders } from './find-endpoint.ts'
import type { ClientRequest, ClientResponse } from './front/front.ts'
import { requestIdIn } from './headers.ts'
import type { GatewayLimits } from './limits.ts'
import type { MetricsDesk } from './metrics-desk.ts'
import * as refusals from './refusals.ts'
import type { KeptBytes } from './request-body.ts'
import { requestMsIn } from './request-deadline.ts'
import { type ModelTarget, type RequestTarget, requestTarget } from './request-target.ts'
import type { RoutingTable } from './routing-table.ts'
import { serveControl } from './serve-control.ts'
import type { TokenUses } from './token-uses.ts'
import type { Upstream } from './upstream/upstream.ts'
import type { Request } from './visits.ts'

export type ReceptionRooms = {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly log: Log
  readonly limits: GatewayLimits
  readonly table: RoutingTable
  readonly kept: KeptBytes
  /** Serves a request for an endpoint. */
  readonly serve: (request: Request) => Promise<unknown>
  readonly metrics: MetricsDesk
  readonly tokenUses: TokenUses
  readonly upstream: Upstream
  readonly domain: string | undefined
  readonly controlSocket: string
  readonly isConnected: () => boolean
  /** Another takes the new connections: those that there are come to their end. */
  readonly isLeaving: () => boolean
  readonly isClosing: () => boolean
  /** Takes a line for each request. */
  readonly accessLog: ((line: string) => void) | undefined
}

const LOGGED: { readonly isLogged: boolean } = { isLogged: true }

export class Reception {
  readonly #rooms: ReceptionRooms
  readonly #exchangeRooms: ExchangeRooms
  #open = 0
  readonly #grantOf = (hash: string) => this.#rooms.table.grant(hash)

  constructor(rooms: ReceptionRooms) {
    const { kept, clock, limits } = rooms
    this.#rooms = rooms
    this.#exchangeRooms = { kept, clock, limits, over: () => this.#open-- }
  }

  /** Requests being answered or held. */
  get busy(): number {
    return this.#open
  }

  /** @returns what went wrong; undefined when nothing did. */
  answer(request: ClientRequest, response: ClientResponse): Promise<unknown> {
    const exchange = this.begin(request, response, requestIdIn(request.headers) ?? newRequestId())
    if (this.#rooms.isLeaving()) response.closeAfter()
    return this.see(exchange, this.#routed(exchange))
  }

  /** @param isDeferred its answer is kept, and fetched later. */
  begin(request: ClientRequest, response: ClientResponse, id: string, isDeferred = false): Exchange {
    const exchange = new Exchange(request, response, id, this.#exchangeRooms, isDeferred)
    this.#open++
    // Its client has its answer, and what it asked for holds for what runs on.
    if (isDeferred) limitTimeAsAsked(exchange)
    return exchange
  }

  /**
   * Sees to the end of what answers an exchange.
   * @param isLogged not what passes a second time, on its way through a router. @returns what went wrong; undefined when nothing did. */
  see(exchange: Exchange, answering: Promise<unknown> | undefined, { isLogged } = LOGGED): Promise<unknown> {
    const seen = Promise.resolve(answering).then(nothingWrong, (error: unknown) => {
      this.#failed(exchange, error)
      return error
    })
    const { accessLog } = this.#rooms
    return accessLog && isLogged ? this.#logged(exchange, seen, accessLog) : seen
  }

  /** What one line costs is paid by those who asked for it. */
  async #logged(
    exchange: Exchange,
    seen: Promise<unknown>,
    accessLog: (line: string) => void,
  ): Promise<unknown> {
    const { clock } = this.#rooms
    const arrivedAt = clock.now()
    const beganAt = clock.elapsed()
    const failure = await seen
    accessLog(accessLine(exchange, statusOf(exchange, failure), arrivedAt, clock.elapsed() - beganAt))
    return failure
  }

  #failed(exchange: Exchange, error: unknown): void {
    if (error instanceof ClientLeft) return
    if (!(error instanceof PlatformError)) {
      this.#rooms.log.error('request failed for no known reason', {
        requestId: exchange.id,
        error: error instanceof Error ? error.stack : messageOf(error),
      })
    }
    exchange.fail(error)
  }

  /** As `#route`, and what that throws is answered as well. */
  #routed(exchange: Exchange): Promise<unknown> | undefined {
    try {
      return this.#route(exchange)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** @returns undefined where it has been answered. */
  #route(exchange: Exchange): Promise<unknown> | undefined {
    const { method, url, headers } = exchange.request
    const preflight = preflightIn(method, headers)
    const host = headers['host'] ?? ''
    const target = requestTarget(preflight?.method ?? method, url, host, this.#rooms.domain)

    switch (target.kind) {
      case 'livez':
        exchange.sendJson(200, { status: 'alive' })
        return undefined
      case 'readyz':
        this.#sayWhetherReady(exchange)
        return undefined
      case 'control':
        return serveControl(exchange, this.#rooms)
      case 'refused':
        throw new PlatformError('invalid', target.reason)
      default:
        return this.#serve(exchange, target, preflight)
    }
  }

  #serve(
    exchange: Exchange,
    target: Extract<RequestTarget, { kind: 'endpoint' | 'host' | 'model' | 'models' | 'metrics' }>,
    preflight: Preflight | undefined,
  ): Promise<unknown> | undefined {
    const { table, limits, metrics, serve } = this.#rooms
    if (!table.hasSnapshot) throw refusals.hasNoSnapshot(limits.retryAfterMs)
    if (preflight && answerPreflight(exchange, preflight, target, table)) return undefined
    limitTimeAsAsked(exchange)
    const caller = this.#callerOf(exchange)
    switch (target.kind) {
      case 'metrics':
        return metrics.send(exchange, caller)
      case 'models':
        exchange.sayAlso(sharedCorsHeaders(table, exchange.request.headers['origin']))
        exchange.sendJson(200, modelList(table, caller, target.id))
        return undefined
      case 'model':
        return this.#serveModel(exchange, target, caller)
      case 'endpoint':
      case 'host': {
        const endpoint = endpointAt(target, exchange, table, caller)
        const sharesOrigin = target.kind === 'endpoint'
        return serve({ exchange, endpoint, caller, path: target.path, sharesOrigin })
      }
      default:
        return target satisfies never
    }
  }

  async #serveModel(exchange: Exchange, { path }: ModelTarget, caller: Caller): Promise<unknown> {
    const endpoint = await endpointInBody(exchange, this.#rooms.table, caller, this.#rooms)
    return this.#rooms.serve({ exchange, endpoint, caller, path, sharesOrigin: true })
  }

  #callerOf({ request }: Exchange): Caller {
    const { clock, tokenUses } = this.#rooms
    const now = clock.now()
    const caller = callerOf(request.headers, this.#grantOf, now)
    if (caller.kind === 'known') tokenUses.used(caller.grant.tokenId, now)
    return caller
  }

  #sayWhetherReady(exchange: Exchange): void {
    const { table, limits, isConnected, isClosing } = this.#rooms
    if (isClosing()) throw refusals.isShuttingDown(limits.retryAfterMs)
    if (!table.hasSnapshot) throw refusals.hasNoSnapshot(limits.retryAfterMs)
    const control = isConnected() ? 'connected' : 'disconnected'
    exchange.sendJson(200, { status: 'ready', control, endpoints: table.endpoints.length })
  }
}

const nothingWrong = () => undefined

/** As the client has it or would have had it. @param failure undefined where it was answered. */
function statusOf({ hasLeft, response, id }: Exchange, failure: unknown): number {
  if (hasLeft || failure instanceof ClientLeft) return CLIENT_LEFT_STATUS
  return failure === undefined ? response.statusCode : toErrorResponse(failure, id).status
}

/** @throws PlatformError `invalid` for a header that says no time. */
export function limitTimeAsAsked(exchange: Exchange): void {
  const ms = requestMsIn(exchange.request.headers['x-request-timeout'])
  if (ms !== undefined) exchange.limitTime(ms, 'as X-Request-Timeout asks')
}

/** What a client is told that sent no request: in the same shape as every other error. */
export function refusalOf(fault: string): { readonly requestId: string; readonly text: string } {
  const requestId = newRequestId()
  const error = new PlatformError('invalid', `This is not a request that can be served: ${fault}.`)
  return { requestId, text: JSON.stringify(toErrorResponse(error, requestId).body) }
}
