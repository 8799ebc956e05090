/**
 * The HTTP side: routes, the key, and the states of an engine's life.
 *
 *     loading ──open──▶ ready ──drain──▶ draining ──▶ (gone)
 *
 * It listens while the model still loads and says so. What a route answers is in the module of its subject.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ApiError } from './api-error.ts'
import { answerChat, applyTemplate } from './chat-completions.ts'
import { answerCompletion, readTokens } from './completions.ts'
import { answerEmbeddings } from './embeddings.ts'
import type { Engine } from './engine.ts'
import { Exchange } from './exchange.ts'
import { Fields } from './fields.ts'
import { answerMetrics, answerModels, answerProps, answerSlots } from './reports.ts'

type Route = {
  readonly method: 'GET' | 'POST'
  readonly answer: (engine: Engine, exchange: Exchange) => Promise<void> | void
}

/** Longer than any proxy in front keeps an idle connection, so that it never reuses one that is being closed. */
const KEEP_ALIVE_MS = 75_000

const CHAT: Route = { method: 'POST', answer: answerChat }
const OPENAI_COMPLETION: Route = {
  method: 'POST',
  answer: (engine, exchange) => answerCompletion(engine, exchange, 'openai'),
}
const LLAMA_COMPLETION: Route = {
  method: 'POST',
  answer: (engine, exchange) => answerCompletion(engine, exchange, 'llama'),
}
const EMBEDDINGS: Route = { method: 'POST', answer: answerEmbeddings }
const MODELS: Route = { method: 'GET', answer: answerModels }

const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/v1/models', MODELS],
  ['/models', MODELS],
  ['/v1/chat/completions', CHAT],
  ['/chat/completions', CHAT],
  ['/v1/completions', OPENAI_COMPLETION],
  ['/completion', LLAMA_COMPLETION],
  ['/completions', LLAMA_COMPLETION],
  ['/v1/embeddings', EMBEDDINGS],
  ['/embeddings', EMBEDDINGS],
  ['/tokenize', { method: 'POST', answer: tokenize }],
  ['/detokenize', { method: 'POST', answer: detokenize }],
  ['/apply-template', { method: 'POST', answer: applyTemplate }],
  ['/props', { method: 'GET', answer: answerProps }],
  ['/slots', { method: 'GET', answer: answerSlots }],
  ['/metrics', { method: 'GET', answer: answerMetrics }],
])
const HEALTH = new Set(['/health', '/v1/health'])

export class HttpServer {
  readonly #server: Server
  readonly #keyHashes: readonly Buffer[]
  readonly #onFailure: (cause: unknown) => void
  readonly #ready: Promise<Engine>
  #engine: Engine | undefined
  #isDraining = false

  /** `onFailure` hears of errors that are the engine's and not the request's. */
  constructor(ready: Promise<Engine>, apiKeys: readonly string[], onFailure: (cause: unknown) => void) {
    this.#keyHashes = apiKeys.map(sha256)
    this.#onFailure = onFailure
    this.#ready = ready
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      void this.#serve(request, response)
    })
  }

  async listen(host: string, port: number): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, resolve)
    })
    void this.#ready.then((engine) => {
      this.#engine = engine
    })
    return this.#server.address() as AddressInfo
  }

  /** Takes nothing new, and resolves when everything that was taken is answered. */
  async drain(): Promise<void> {
    this.#isDraining = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = new Exchange(response)
    // A connection that was kept open for more is of no use any more, and would hold a drain up.
    response.on('finish', () => {
      if (this.#isDraining) setImmediate(() => this.#server.closeIdleConnections())
    })
    try {
      await this.#answer(request, response, exchange)
    } catch (cause) {
      if (exchange.signal.aborted) return
      if (!(cause instanceof ApiError)) this.#onFailure(cause)
      exchange.sendError(
        cause instanceof ApiError
          ? cause
          : new ApiError('server_error', `the engine failed: ${(cause as Error).message}`),
      )
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, exchange: Exchange): Promise<void> {
    if (this.#isDraining) response.setHeader('Connection', 'close')
    const path = (request.url ?? '/').split('?', 1)[0] as string
    const isHealth = HEALTH.has(path)
    if (!isHealth && !this.#hasKey(request)) throw new ApiError('authentication_error', 'Invalid API Key')
    const route = ROUTES.get(path)
    const method = isHealth ? 'GET' : route?.method
    if (!method) throw new ApiError('not_found_error', 'File Not Found')
    if (request.method !== method && !(method === 'GET' && request.method === 'HEAD')) {
      response.setHeader('Allow', method)
      throw new ApiError('method_not_allowed_error', `${path} answers ${method}, not ${request.method}`)
    }
    if (this.#isDraining) throw new ApiError('unavailable_error', 'Shutting down', { retry_after: 1 })
    if (!this.#engine) throw new ApiError('unavailable_error', 'Loading model')
    if (!route) return exchange.sendJson(200, { status: 'ok' })
    if (method === 'POST') await exchange.readBody(request)
    await route.answer(this.#engine, exchange)
  }

  #hasKey({ headers }: IncomingMessage): boolean {
    if (this.#keyHashes.length === 0) return true
    const given = sha256(
      headers.authorization?.replace(/^bearer /i, '') ?? String(headers['x-api-key'] ?? ''),
    )
    return this.#keyHashes.some((hash) => timingSafeEqual(hash, given))
  }
}

/** Of equal length whatever was given, so that comparing tells nothing. */
const sha256 = (text: string) => createHash('sha256').update(text).digest()

function tokenize({ model }: Engine, exchange: Exchange): void {
  const fields = new Fields(exchange.body)
  const content = fields.text('content')
  if (content === undefined) throw fields.refusal('content', 'is missing')
  const isSpecial = fields.flag('parse_special') ?? true
  const plain = isSpecial ? model.tokenizeSpecial(content) : model.tokenizePlain(content)
  const tokens = [...(fields.flag('add_special') ? model.framed(plain) : plain)]
  exchange.sendJson(200, {
    tokens: fields.flag('with_pieces')
      ? tokens.map((id) => ({ id, piece: pieceOf(model.bytesOf(id)) }))
      : tokens,
  })
}

/** Text, or the bytes when they are no whole character. */
function pieceOf(bytes: Uint8Array): string | number[] {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return [...bytes]
  }
}

function detokenize({ model }: Engine, exchange: Exchange): void {
  const tokens = readTokens(new Fields(exchange.body), 'tokens', model)
  exchange.sendJson(200, { content: model.detokenize(tokens) })
}
