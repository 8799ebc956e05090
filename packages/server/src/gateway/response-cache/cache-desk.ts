/** Gives answers again where that is allowed, and keeps those that may be given again. */
import type { EndpointId } from '../../domain/replica.ts'
import type { RoutedEndpoint } from '../../link/messages.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Caller } from '../access.ts'
import type { Deadlines } from '../deadlines.ts'
import type { Exchange } from '../exchange.ts'
import { linesOf } from '../http1/field-lines.ts'
import type { GatewayLimits } from '../limits.ts'
import { readStart } from '../read-start.ts'
import type { RequestMeter } from '../request-meter.ts'
import { AnswerCopy } from './answer-copy.ts'
import { hasOneAnswer } from './cacheable.ts'
import { cacheKey, type KeptAnswer, ResponseCache } from './response-cache.ts'

type DeskRooms = {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly limits: GatewayLimits
  readonly find: (id: EndpointId) => RoutedEndpoint | undefined
}

type Asked = {
  readonly exchange: Exchange
  readonly endpoint: RoutedEndpoint
  readonly caller: Caller
  readonly path: string
}

/** `hit`: it has been answered. `miss`: whoever answers, `keep` is called afterwards. `none`: not for this desk. */
export type DeskAnswer =
  | { readonly kind: 'hit' }
  | { readonly kind: 'miss'; readonly keep: () => void }
  | { readonly kind: 'none' }

const NONE: DeskAnswer = { kind: 'none' }
/** A request can change what it gets by these. */
const TELLING_HEADERS = ['content-type', 'accept', 'accept-encoding'] as const

export class CacheDesk {
  readonly #rooms: DeskRooms
  readonly #cache: ResponseCache

  constructor(rooms: DeskRooms) {
    this.#rooms = rooms
    this.#cache = new ResponseCache(rooms.limits)
  }

  get bytes(): number {
    return this.#cache.bytes
  }

  async ask(asked: Asked, meter: RequestMeter): Promise<DeskAnswer> {
    const { exchange, endpoint } = asked
    const { clock, limits } = this.#rooms
    // While one revision takes the place of another, nobody knows of which an answer is.
    if (!endpoint.cache || endpoint.state === 'updating' || endpoint.state === 'updateFailed') return NONE
    const key = await this.#keyOf(asked, endpoint.cache)
    if (key === undefined) return NONE
    const kept = this.#cache.get(key, clock.elapsed())
    if (kept) {
      this.#give(exchange, kept)
      return { kind: 'hit' }
    }
    const copy = new AnswerCopy(limits.cachedAnswerBytes)
    meter.copyTo(copy)
    exchange.sayAlso({ 'x-berth-cache': 'miss' })
    return { kind: 'miss', keep: () => this.#keep(key, endpoint, copy) }
  }

  async #keyOf(
    { exchange, endpoint, caller, path }: Asked,
    { revision, task }: NonNullable<RoutedEndpoint['cache']>,
  ): Promise<string | undefined> {
    const { request, body } = exchange
    const { headers } = request
    if (request.method !== 'POST' || request.wantsUpgrade || body.isTooLarge) return undefined
    if (body.announcedBytes === undefined || /\bno-(?:cache|store)\b/i.test(headers['cache-control'] ?? '')) {
      return undefined
    }
    await readStart(exchange, this.#rooms)
    if (!body.complete || !hasOneAnswer(path, task, () => jsonOf(body.kept))) return undefined
    const tenant = caller.kind === 'known' ? `user ${caller.grant.user}` : 'nobody'
    const telling = TELLING_HEADERS.map((name) => headers[name])
    return cacheKey(
      { endpointId: endpoint.id, revision, method: request.method, path, tenant, headers: telling },
      body.kept,
    )
  }

  #give(exchange: Exchange, { lines, body, keptAt }: KeptAnswer): void {
    const age = Math.max(0, Math.floor((this.#rooms.clock.elapsed() - keptAt) / 1_000))
    const ours = {
      'x-request-id': exchange.id,
      'x-berth-cache': 'hit',
      age: String(age),
    }
    const all = linesOf(ours) + exchange.alsoLines + lines
    exchange.begin({ status: 200, reason: '', lines: all, bytes: body.length }, undefined)
    exchange.response.end(body)
  }

  #keep(key: string, { id, cache }: RoutedEndpoint, copy: AnswerCopy): void {
    const now = this.#rooms.find(id)
    if (now?.cache?.revision !== cache?.revision || now?.state === 'updating') return
    const answer = copy.answer(this.#rooms.clock.elapsed())
    if (answer) this.#cache.keep(key, answer)
  }
}

function jsonOf(chunks: readonly Buffer[]): unknown {
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    return undefined
  }
}
