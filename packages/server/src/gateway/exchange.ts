/**
 * One request of a client and the answer to it, which is given exactly once, however far it has got.
 *
 * An error becomes a response while none has begun, an event in a stream that has, and a broken connection when
 * neither would be understood.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../platform/clock.ts'
import { toErrorResponse } from './error-response.ts'
import { isEventStream } from './headers.ts'
import type { GatewayLimits } from './limits.ts'
import { type KeptBytes, RequestBody } from './request-body.ts'

/** Why a request was given up on: nobody waits for the answer. */
export class ClientLeft extends Error {
  constructor() {
    super('the client left')
  }
}

type ExchangeOptions = {
  readonly id: string
  readonly expectsContinue: boolean
  readonly budget: KeptBytes
  readonly clock: Clock
  readonly limits: GatewayLimits
}

export class Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly id: string
  readonly body: RequestBody
  readonly #clock: Clock
  readonly #limits: GatewayLimits
  readonly #left = new AbortController()
  #stream = false
  #also: Readonly<Record<string, string>> = {}

  constructor(request: IncomingMessage, response: ServerResponse, options: ExchangeOptions) {
    this.request = request
    this.response = response
    this.id = options.id
    this.#clock = options.clock
    this.#limits = options.limits
    this.body = new RequestBody(request, response, options.budget, options.expectsContinue)
    request.on('error', () => {})
    response.on('error', () => {})
    response.on('close', () => {
      this.body.free()
      if (!response.writableFinished) this.#left.abort(new ClientLeft())
    })
  }

  /** Aborts when the client goes before it has its answer. */
  get signal(): AbortSignal {
    return this.#left.signal
  }

  /** An event stream has begun, so whatever comes now must come as events. */
  get isStream(): boolean {
    return this.#stream
  }

  /** Headers that the answer gets, whoever gives it. */
  get also(): Readonly<Record<string, string>> {
    return this.#also
  }

  /** @param headers as name, in lower case, and value. */
  sayAlso(headers: Readonly<Record<string, string>>): void {
    this.#also = { ...this.#also, ...headers }
  }

  beginStream(status: number, headers: readonly string[]): void {
    this.#stream = true
    this.response.writeHead(status, [...headers, ...Object.entries(this.#also).flat()])
    this.response.flushHeaders()
  }

  begin(status: number, reason: string, headers: readonly string[], contentType: string | undefined): void {
    this.#stream = status === 200 && isEventStream(contentType)
    this.response.writeHead(status, reason, [...headers])
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
    this.response.writeHead(status, {
      'content-type': contentType,
      'content-length': Buffer.byteLength(text),
      'x-request-id': this.id,
      ...this.#also,
      ...headers,
      // A client that was not invited to send its body sends something else next.
      ...(this.body.awaitsInvitation ? { connection: 'close' } : {}),
    })
    this.response.end(this.request.method === 'HEAD' ? undefined : text)
    void this.closeAfterUnreadBody()
  }

  fail(error: unknown): void {
    const { response } = this
    if (response.writableEnded || response.destroyed) return
    const { status, headers, body } = toErrorResponse(error, this.id)
    if (!response.headersSent) this.sendJson(status, body, headers)
    else if (this.#stream) this.endWithEvent(body)
    else response.destroy()
  }

  /** The blank line first ends whatever event was cut off. */
  endWithEvent(data: unknown): void {
    this.response.end(`\n\ndata: ${JSON.stringify(data)}\n\n`)
    void this.closeAfterUnreadBody()
  }

  /**
   * A client that still sends must be let finish for a moment, since closing at once would reset the connection
   * before it has read the answer; but nobody has to be listened to for long.
   */
  async closeAfterUnreadBody(): Promise<void> {
    if (this.body.complete) return
    this.body.detach()
    this.request.resume()
    await this.#clock.sleep(this.#limits.lingerMs)
    if (!this.request.complete) this.request.destroy()
  }
}
