/**
 * Requests whose callers do not wait for the answer: each runs as any other does, its answer is kept, and whoever asked
 * for it fetches it at an address of its own.
 *
 * They live in the memory of one worker and end with it: a prompt is written to no disk. Their number, the bodies and
 * the answers are bounded, and so is the time for which an answer is kept.
 */
import { PlatformError } from '../../domain/errors.ts'
import type { EndpointId } from '../../domain/replica.ts'
import { timeLeft } from '../../domain/start-times.ts'
import type { RoutedEndpoint } from '../../link/messages.ts'
import type { Clock } from '../../platform/clock.ts'
import { newDeferredSecret } from '../../platform/ids.ts'
import { type Caller, holderOf } from '../access.ts'
import type { Deadlines } from '../deadlines.ts'
import type { Exchange } from '../exchange.ts'
import type { HoldLine } from '../hold-line.ts'
import { fieldsIn } from '../http1/field-lines.ts'
import { nameSet } from '../http1/field-names.ts'
import type { GatewayLimits } from '../limits.ts'
import { readStart } from '../read-start.ts'
import * as refusals from '../refusals.ts'
import { KeptBytes } from '../request-body.ts'
import type { Request } from '../visits.ts'
import { deferredId, deferredIdIn, isDeferral, ownerIn, statusPath } from './deferral.ts'
import { MemoryCall, type WholeAnswer } from './memory-call.ts'

type DeferredRooms = {
  readonly gatewayId: string
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly limits: GatewayLimits
  readonly line: HoldLine
  readonly find: (id: EndpointId) => RoutedEndpoint | undefined
  /** Why nothing new may begin; undefined in normal operation. */
  readonly closing: () => PlatformError | undefined
  /** Of a request that nobody waits for. */
  readonly begin: (call: MemoryCall, id: string) => Exchange
  /** Serves it to its end. @returns what went wrong, which its caller has been told as far as possible. */
  readonly run: (request: Request) => Promise<unknown>
  /** Has another worker answer. */
  readonly askWorker: (exchange: Exchange, gatewayId: string) => Promise<void>
}

type Deferred = {
  readonly id: string
  readonly endpoint: RoutedEndpoint
  readonly statusUrl: string
  readonly holder: string
  readonly call: MemoryCall
  readonly exchange: Exchange
  readonly acceptedAt: number
  /** Ends the time for which its answer is kept. */
  readonly forgotten: AbortController
  ended: { readonly failure: unknown } | undefined
  isFetched: boolean
}

const FINAL = new Set([204, 304])

export class DeferredRequests {
  readonly #rooms: DeferredRooms
  readonly #budget: KeptBytes
  /** In order of arrival. */
  readonly #all = new Map<string, Deferred>()
  readonly #whenQuiet = new Set<() => void>()

  constructor(rooms: DeferredRooms) {
    this.#rooms = rooms
    this.#budget = new KeptBytes(rooms.limits.deferredAnswersBytes)
  }

  get size(): number {
    return this.#all.size
  }

  /** @returns undefined for a request whose caller waits for its answer. */
  take(request: Request): Promise<void> | undefined {
    const id = deferredIdIn(request.path)
    if (id !== undefined) return this.#answer(request, id)
    return isDeferral(request.exchange.request) ? this.#accept(request) : undefined
  }

  /** Resolves when none runs and every answer was fetched or has had its time. */
  async quiet(): Promise<void> {
    while ([...this.#all.values()].some((it) => !it.isFetched)) {
      await new Promise<void>((resolve) => this.#whenQuiet.add(resolve))
    }
  }

  /** Gives all of them up. */
  close(): void {
    for (const it of [...this.#all.values()]) this.#forget(it)
  }

  async #accept(request: Request): Promise<void> {
    const { clock, closing, gatewayId, limits } = this.#rooms
    const { exchange, endpoint, caller, sharesOrigin } = request
    await this.#readWhole(exchange)
    const refusal = closing() ?? this.#noPlace(endpoint, holderOf(caller))
    if (refusal) throw refusal
    const id = deferredId(gatewayId, newDeferredSecret())
    const call = new MemoryCall(exchange.request, exchange.body.kept, {
      limitBytes: limits.deferredAnswerBytes,
      budget: this.#budget,
      makeRoom: () => this.#forgetFetched(),
    })
    exchange.body.free()
    const it: Deferred = {
      id,
      endpoint,
      statusUrl: statusPath(endpoint, id, sharesOrigin),
      holder: holderOf(caller),
      call,
      exchange: this.#rooms.begin(call, exchange.id),
      acceptedAt: clock.now(),
      forgotten: new AbortController(),
      ended: undefined,
      isFetched: false,
    }
    this.#all.set(id, it)
    void this.#run(it, request)
    // Whoever is over a limit, or finds no place in the line, is refused before anything is waited for, and hears so now.
    await new Promise((resolve) => setImmediate(resolve))
    if (it.ended?.failure !== undefined) {
      this.#forget(it)
      throw it.ended.failure
    }
    this.#sayPending(exchange, it, { 'preference-applied': 'respond-async', location: it.statusUrl })
  }

  async #run(it: Deferred, request: Request): Promise<void> {
    const { clock, limits, run } = this.#rooms
    const failure = await run({ ...request, exchange: it.exchange })
    it.ended = { failure }
    this.#sayQuiet()
    const { signal } = it.forgotten
    await clock.sleep(limits.deferredAnswerMs, signal).catch(() => {})
    if (!signal.aborted) this.#forget(it)
  }

  async #readWhole(exchange: Exchange): Promise<void> {
    const { limits } = this.#rooms
    const { body } = exchange
    const tooLarge = () => refusals.deferredBodyTooLarge(limits.deferredBodyBytes)
    if ((body.announcedBytes ?? 0) > limits.deferredBodyBytes) throw tooLarge()
    // One byte more than may be is enough to know.
    await readStart(exchange, this.#rooms, limits.deferredBodyBytes + 1)
    if (!body.complete || body.keptBytes > limits.deferredBodyBytes) throw tooLarge()
  }

  #noPlace(endpoint: RoutedEndpoint, holder: string): PlatformError | undefined {
    const { limits } = this.#rooms
    const isFull = () => this.#all.size >= limits.deferredRequests
    const ofHolder = () => [...this.#all.values()].filter((it) => it.holder === holder).length
    if (isFull() || ofHolder() >= limits.deferredRequestsOfOne) this.#forgetFetched()
    if (isFull()) return refusals.noPlaceToDefer(endpoint, 'all', limits)
    return ofHolder() >= limits.deferredRequestsOfOne
      ? refusals.noPlaceToDefer(endpoint, 'one', limits)
      : undefined
  }

  /** @returns whether there were any. */
  #forgetFetched(): boolean {
    const fetched = [...this.#all.values()].filter((it) => it.isFetched)
    for (const it of fetched) this.#forget(it)
    return fetched.length > 0
  }

  async #answer({ exchange, endpoint, caller }: Request, id: string): Promise<void> {
    const { method } = exchange.request
    if (method !== 'GET' && method !== 'HEAD' && method !== 'DELETE') {
      throw refusals.noSuchMethodOfDeferred(method)
    }
    const owner = ownerIn(id)
    if (owner !== undefined && owner !== this.#rooms.gatewayId) return this.#rooms.askWorker(exchange, owner)
    const it = this.#find(id, endpoint, caller)
    if (method === 'DELETE') {
      this.#forget(it)
      exchange.sendEmpty(204, {})
    } else if (it.ended) this.#give(exchange, it, it.ended.failure)
    else this.#sayPending(exchange, it, {})
  }

  /** Whoever asked, and nobody else, even where everybody may call. */
  #find(id: string, endpoint: RoutedEndpoint, caller: Caller): Deferred {
    const it = this.#all.get(id)
    if (it && it.endpoint.id === endpoint.id && it.holder === holderOf(caller)) return it
    throw refusals.noSuchDeferred(this.#rooms.limits.deferredAnswerMs)
  }

  #give(exchange: Exchange, it: Deferred, failure: unknown): void {
    const { answer, overflow } = it.call
    it.isFetched = true
    this.#sayQuiet()
    exchange.sayAlso({ 'x-berth-deferred': 'done' })
    if (answer) giveAgain(exchange, answer)
    else if (overflow) throw refusals.answerNotKept(it.endpoint, overflow, this.#rooms.limits)
    // It broke off after it had begun.
    else throw failure ?? new PlatformError('bad_gateway', 'The answer broke off before it was complete.')
  }

  #sayPending(exchange: Exchange, it: Deferred, headers: Readonly<Record<string, string>>): void {
    const { clock, line, limits, find } = this.#rooms
    const { id, statusUrl, acceptedAt } = it
    const endpoint = find(it.endpoint.id) ?? it.endpoint
    const position = line.position(endpoint.id, it.exchange.signal)
    const isStarting = position !== undefined && !endpoint.replicas.some(({ state }) => state === 'ready')
    const left = isStarting ? timeLeft(endpoint.start, clock.now()) : undefined
    const etaMs =
      left?.etaMs ?? (position === undefined || isStarting ? undefined : line.drainMs(endpoint.id))
    const body = {
      status: 'pending',
      id,
      status_url: statusUrl,
      acceptedAt: new Date(acceptedAt).toISOString(),
      position: position ?? null,
      message: position === undefined ? 'A replica works on it.' : endpoint.message,
      ...(etaMs === undefined ? {} : { etaMs }),
      ...(left ? { etaRangeMs: left.rangeMs } : {}),
    }
    const retryAfter = Math.max(1, Math.ceil((etaMs ?? limits.retryAfterMs) / 1_000))
    exchange.sendJson(202, body, {
      'cache-control': 'no-store',
      'retry-after': String(retryAfter),
      'x-berth-deferred': 'pending',
      ...headers,
    })
  }

  #forget(it: Deferred): void {
    this.#all.delete(it.id)
    it.forgotten.abort()
    it.call.destroy()
    this.#sayQuiet()
  }

  #sayQuiet(): void {
    for (const resolve of this.#whenQuiet) resolve()
    this.#whenQuiet.clear()
  }
}

const ITS_ID = nameSet(['x-request-id'])

/** As the replica gave it; what this answer itself says comes first. */
function giveAgain(exchange: Exchange, { start, chunks, bytes }: WholeAnswer): void {
  const again = fieldsIn(start.lines).without(ITS_ID, exchange.alsoNames)
  const lines = `x-request-id: ${exchange.id}\r\n${exchange.alsoLines}${again}`
  exchange.begin({ ...start, lines, bytes: FINAL.has(start.status) ? undefined : bytes }, undefined)
  exchange.response.end(exchange.request.method === 'HEAD' ? undefined : Buffer.concat(chunks))
}
