/**
 * One request of a client and the answer to it, which is given exactly once, however far it has got.
 *
 * An error becomes a response while none has begun, an event in a stream that has, and a broken connection when
 * neither would be understood.
 */
import type { PlatformError } from '../domain/errors.ts'
import type { Clock } from '../platform/clock.ts'
import { dialectOf, type ErrorDialect, toErrorResponse } from './error-response.ts'
import type { AnswerStart, ClientRequest, ClientResponse, ResponseWatcher } from './front/front.ts'
import { isEventStream } from './headers.ts'
import { linesOf } from './http1/field-lines.ts'
import type { GatewayLimits } from './limits.ts'
import { NO_RATES, type Rates } from './rate-headers.ts'
import { type KeptBytes, RequestBody } from './request-body.ts'
import { isOutOfTime } from './request-deadline.ts'

/** Why a request was given up on: nobody waits for the answer. */
export class ClientLeft extends Error {
  constructor() {
    super('the client left')
  }
}

export type ExchangeRooms = {
  readonly kept: KeptBytes
  readonly clock: Clock
  readonly limits: GatewayLimits
  /** Told when the answer was sent, or the client left. */
  readonly over: () => void
}

/** Whoever gives the answer. */
export interface Answerer {
  /** The client went, or the request's time is over. */
  nobodyWaits(): void
  /** The client takes more again. */
  clientDrained(): void
}

const NOTHING: Readonly<Record<string, string>> = {}

export class Exchange implements ResponseWatcher {
  readonly request: ClientRequest
  readonly response: ClientResponse
  readonly id: string
  readonly body: RequestBody
  /** The adapter that `model` names, once somebody has looked. */
  adapter: string | undefined
  /** Nobody waits for the answer: it is kept, and fetched later. */
  readonly isDeferred: boolean
  readonly #rooms: ExchangeRooms
  #stream = false
  #also = NOTHING
  #rates = NO_RATES
  #noted: Readonly<Record<string, unknown>> = NOTHING
  #hasLeft = false
  #isOver = false
  readonly #arrivedAt: number
  #deadline: { readonly at: number; readonly timer: AbortController } | undefined
  #outOfTime: PlatformError | undefined
  /** Made when somebody asks for it, which most requests never have a reason to. */
  #left: AbortController | undefined
  #answerer: Answerer | undefined

  constructor(
    request: ClientRequest,
    response: ClientResponse,
    id: string,
    rooms: ExchangeRooms,
    isDeferred: boolean,
  ) {
    this.request = request
    this.response = response
    this.id = id
    this.isDeferred = isDeferred
    this.#rooms = rooms
    this.#arrivedAt = rooms.clock.elapsed()
    this.body = new RequestBody(request, rooms.kept)
    response.watch(this)
  }

  /** The client went before it had its answer. */
  get hasLeft(): boolean {
    return this.#hasLeft
  }

  /** What to say once its time is over. */
  get outOfTime(): PlatformError | undefined {
    return this.#outOfTime
  }

  /** Milliseconds until its time is over; undefined where nobody has limited it. */
  get timeLeftMs(): number | undefined {
    return this.#deadline && this.#deadline.at - this.#rooms.clock.elapsed()
  }

  /** Aborts when the client goes before it has its answer, or the request's time is over. */
  get signal(): AbortSignal {
    if (!this.#left) {
      this.#left = new AbortController()
      if (this.#hasLeft) this.#left.abort(new ClientLeft())
      else if (this.#outOfTime) this.#left.abort(this.#outOfTime)
    }
    return this.#left.signal
  }

  /**
   * From its arrival to the end of its answer it may take so long. Of several such limits the shortest holds.
   * @param of whose limit it is, in words.
   */
  limitTime(ms: number, of: string): void {
    const { clock } = this.#rooms
    const at = this.#arrivedAt + ms
    if (this.#isOver || (this.#deadline && this.#deadline.at <= at)) return
    this.#deadline?.timer.abort()
    const timer = new AbortController()
    this.#deadline = { at, timer }
    clock.sleep(Math.max(0, at - clock.elapsed()), timer.signal).then(
      () => this.#runOut(isOutOfTime(ms, of)),
      () => {},
    )
  }

  /** An event stream has begun, so whatever comes now must come as events. */
  get isStream(): boolean {
    return this.#stream
  }

  /** How its client reads an error. */
  get dialect(): ErrorDialect {
    return dialectOf(this.request.url)
  }

  /** What the answer says, whoever gives it: `name: value`, ended by CRLF each. */
  get alsoLines(): string {
    return this.#rates.lines + linesOf(this.#also)
  }

  /** Their names, in lower case: who gives the answer may say none of them. */
  get alsoNames(): readonly string[] {
    return this.#also === NOTHING ? this.#rates.names : [...this.#rates.names, ...Object.keys(this.#also)]
  }

  /** What is known of it by now, for the access log. */
  get noted(): Readonly<Record<string, unknown>> {
    return this.#noted
  }

  note(facts: Readonly<Record<string, unknown>>): void {
    this.#noted = this.#noted === NOTHING ? facts : { ...this.#noted, ...facts }
  }

  /** @param headers as name, in lower case, and value. */
  sayAlso(headers: Readonly<Record<string, string>>): void {
    this.#also = this.#also === NOTHING ? headers : { ...this.#also, ...headers }
  }

  /** Instead of those of another endpoint, which did not answer. */
  sayRates(rates: Rates): void {
    this.#rates = rates
  }

  /** Whoever answers is told what becomes of the client; one at a time. */
  tell(answerer: Answerer | undefined): void {
    this.#answerer = answerer
  }

  drained(): void {
    this.#answerer?.clientDrained()
  }

  closed(wasSent: boolean): void {
    this.body.free()
    this.#deadline?.timer.abort()
    if (!this.#isOver) this.#rooms.over()
    this.#isOver = true
    if (!wasSent) {
      this.#hasLeft = true
      this.#left?.abort(new ClientLeft())
      this.#answerer?.nobodyWaits()
    }
  }

  #runOut(error: PlatformError): void {
    if (this.#isOver) return
    this.#outOfTime = error
    this.#left?.abort(error)
    this.#answerer?.nobodyWaits()
  }

  beginStream(status: number, headers: Readonly<Record<string, string>>): void {
    this.#stream = true
    const lines = linesOf(headers) + this.alsoLines
    this.response.begin({ status, reason: '', lines, bytes: undefined })
    this.response.flush()
  }

  begin(start: AnswerStart, contentType: string | undefined): void {
    this.#stream = start.status === 200 && isEventStream(contentType)
    this.response.begin(start)
  }

  /** Says something in a stream that has begun. */
  say(text: string): void {
    this.response.write(Buffer.from(text))
    this.response.flush()
  }

  sendJson(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
    this.sendText(status, 'application/json; charset=utf-8', JSON.stringify(body), headers)
  }

  sendText(
    status: number,
    contentType: string,
    text: string,
    headers: Readonly<Record<string, string>> = {},
  ): void {
    const { response, request, body } = this
    const bytes = Buffer.from(text)
    const ours = {
      'content-type': contentType,
      'x-request-id': this.id,
      ...this.#also,
      ...headers,
    }
    // A client that was not invited to send its body sends something else next.
    if (body.awaitsInvitation) response.closeAfter()
    response.begin({ status, reason: '', lines: linesOf(ours) + this.#rates.lines, bytes: bytes.length })
    response.end(request.method === 'HEAD' ? undefined : bytes)
    void this.closeAfterUnreadBody()
  }

  sendEmpty(status: number, headers: Readonly<Record<string, string>>): void {
    const all = { 'x-request-id': this.id, ...this.#also, ...headers }
    this.response.begin({ status, reason: '', lines: linesOf(all) + this.#rates.lines, bytes: undefined })
    this.response.end()
    void this.closeAfterUnreadBody()
  }

  fail(error: unknown): void {
    const { response } = this
    if (response.isOver) return
    const { status, headers, body } = toErrorResponse(error, this.id, this.dialect)
    if (response.statusCode === 0) this.sendJson(status, body, headers)
    else if (this.#stream) this.endWithEvent(body)
    else response.destroy()
  }

  /** The blank line first ends whatever event was cut off. */
  endWithEvent(data: unknown): void {
    this.response.end(Buffer.from(`\n\ndata: ${JSON.stringify(data)}\n\n`))
    void this.closeAfterUnreadBody()
  }

  /**
   * A client that still sends must be let finish for a moment, since closing at once would reset the connection
   * before it has read the answer; but nobody has to be listened to for long.
   */
  async closeAfterUnreadBody(): Promise<void> {
    if (this.body.complete) return
    this.body.discard()
    await this.#rooms.clock.sleep(this.#rooms.limits.lingerMs)
    if (!this.request.isComplete) this.request.destroy()
  }
}
