/**
 * The HTTP side: the key, the routes, the limits, and the states of a program's life.
 *
 *     loading ──open──▶ ready ──drain──▶ draining ──▶ (gone)
 *
 * It listens while the model still loads and says so.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ApiError } from './api-error.ts'
import type { Settings } from './command-line.ts'
import { Metrics } from './metrics.ts'
import type { ModelThread } from './model-thread.ts'

/** Longer than any proxy in front keeps an idle connection, so that it never reuses one that is being closed. */
const KEEP_ALIVE_MS = 75_000
const JSON_TYPE = 'application/json; charset=utf-8'

type Answer = {
  readonly type: string
  readonly text: string
  readonly headers?: Readonly<Record<string, string>>
}

const json = (body: object): Answer => ({ type: JSON_TYPE, text: JSON.stringify(body) })
const text = (body: string): Answer => ({ type: 'text/plain; charset=utf-8', text: body })

export class HttpServer {
  readonly #settings: Settings
  readonly #onFailure: (cause: Error) => void
  readonly #keyHash: Buffer | undefined
  readonly #server: Server
  readonly #metrics: Metrics
  #model: ModelThread | undefined
  #isDraining = false
  #taken = 0

  /** `onFailure` hears of errors that are the program's and not the request's. */
  constructor(settings: Settings, onFailure: (cause: Error) => void) {
    this.#settings = settings
    this.#onFailure = onFailure
    this.#keyHash = settings.apiKey === undefined ? undefined : sha256(settings.apiKey)
    this.#metrics = new Metrics(settings.api === 'tei' ? 'te' : 'inf')
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      void this.#serve(request, response)
    })
  }

  async listen(): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#settings.port, this.#settings.host, resolve)
    })
    return this.#server.address() as AddressInfo
  }

  open(model: ModelThread): void {
    this.#model = model
  }

  /** Takes nothing new, and resolves when everything that was taken is answered. */
  async drain(): Promise<void> {
    this.#isDraining = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that left is no reason to end.
    response.on('error', () => undefined)
    response.on('finish', () => {
      if (this.#isDraining) setImmediate(() => this.#server.closeIdleConnections())
    })
    const path = (request.url ?? '/').split('?', 1)[0] as string
    try {
      send(response, 200, await this.#answer(path, request))
    } catch (cause) {
      // What is no refusal is a client that left, or a mistake of ours.
      if (!(cause instanceof ApiError)) this.#onFailure(cause as Error)
      const error =
        cause instanceof ApiError ? cause : new ApiError('Backend', 'the request failed', { cause })
      this.#sendError(response, error, path)
    }
  }

  async #answer(path: string, request: IncomingMessage): Promise<Answer> {
    const isGet = request.method === 'GET' || request.method === 'HEAD'
    if (isGet && (path === '/health' || path === '/' || path === '/ping')) return this.#health()
    if (!this.#hasKey(request)) throw new ApiError('Unauthorized', 'invalid API key')
    if (isGet && path === '/metrics') return text(this.#metrics.page(this.#taken))
    const model = this.#model
    if (!model) throw new ApiError('Unhealthy', 'the model is loading')
    if (isGet && path === '/info') return json(model.info)
    if (!model.hasRoute(path)) throw new ApiError('NotFound', `there is no route ${path}`)
    if (request.method !== 'POST') throw new ApiError('MethodNotAllowed', `${path} answers POST`)
    if (this.#isDraining) throw new ApiError('Unhealthy', 'shutting down')
    return this.#counted(async () => {
      const body = await this.#read(request)
      const contentType = request.headers['content-type'] ?? 'application/json'
      const answer = await model.ask(path, { body, contentType })
      return { type: JSON_TYPE, text: answer.json, headers: answer.headers }
    })
  }

  #health(): Answer {
    if (this.#isDraining) throw new ApiError('Unhealthy', 'shutting down')
    if (!this.#model) throw new ApiError('Unhealthy', 'the model is loading')
    return text('Ok')
  }

  async #counted(work: () => Promise<Answer>): Promise<Answer> {
    const { maxConcurrentRequests } = this.#settings
    if (this.#taken >= maxConcurrentRequests) {
      this.#metrics.refused()
      throw new ApiError(
        'Overloaded',
        `model is overloaded: ${maxConcurrentRequests} requests are being answered`,
      )
    }
    this.#taken++
    const since = performance.now()
    let isSuccess = false
    try {
      const answer = await work()
      isSuccess = true
      return answer
    } finally {
      this.#taken--
      this.#metrics.ended(isSuccess, (performance.now() - since) / 1_000)
    }
  }

  async #read(request: IncomingMessage): Promise<Buffer> {
    const limit = this.#settings.payloadLimitBytes
    const tooLarge = () =>
      new ApiError('Validation', `the body is larger than ${limit} bytes, which is the limit`)
    if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge()
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > limit) throw tooLarge()
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  }

  #hasKey({ headers }: IncomingMessage): boolean {
    if (!this.#keyHash) return true
    return timingSafeEqual(this.#keyHash, sha256(headers.authorization?.replace(/^bearer /i, '') ?? ''))
  }

  /** Each API has its own words for what went wrong. */
  #sendError(response: ServerResponse, error: ApiError, path: string): void {
    const isOpenai = path === '/v1/embeddings'
    const { message, type } = error
    const isToolkit = this.#settings.api === 'toolkit'
    const status = isToolkit && (type === 'Tokenizer' || type === 'Backend') ? 400 : error.status
    const body = isOpenai ? { message, code: status, type } : { error: message, error_type: type }
    send(response, status, {
      ...json(body),
      // The rest of a body that is too large is not read, so the connection cannot be used again.
      headers: type === 'Validation' || type === 'Overloaded' ? { connection: 'close' } : {},
    })
  }
}

function send(response: ServerResponse, status: number, { type, text, headers }: Answer): void {
  if (response.headersSent) return
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text), ...headers })
  response.end(text)
}

/** Of equal length whatever was given, so that comparing tells nothing. */
const sha256 = (text: string) => createHash('sha256').update(text).digest()
