/**
 * The echo program: an OpenAI-shaped model server that answers with the last user message, one token per word.
 *
 *     node echo-main.ts --host H --port P --alias NAME [--start-ms N] [--token-ms N] [--crash-on-start CODE] …
 *
 * It is a rehearsal of a real engine: it loads, queues, streams, drains on SIGTERM, and on demand crashes, freezes
 * or turns into a zombie. One file without dependencies, so that it starts as fast as Node itself. It outlives
 * whoever started it, and it never prints what it is asked.
 */
import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

/** Imported as a module, node:http also loads fetch and WebSocket for its list of exports: 30 ms of a 35 ms start. */
const { createServer } = process.getBuiltinModule('node:http')

const BODY_LIMIT_BYTES = 16 * 1_024 * 1_024
const EMBEDDING_DIMENSIONS = 64
const USAGE_EXIT_CODE = 2
const CRASH_EXIT_CODE = 1
const STEP_MS = 10
const EXHAUST_STEP_BYTES = 64 * 1_024 * 1_024
/** Twice what the smallest instance has. */
const EXHAUST_STEPS = 64
/** Longer than any client keeps an unused connection, so that it is never closed under a request. */
const KEEP_ALIVE_MS = 600_000

const FLAGS = new Set([
  ...['host', 'port', 'alias', 'health-route', 'start-ms', 'first-token-ms', 'token-ms', 'crash-on-start'],
  ...['crash-after-requests', 'freeze-after-requests', 'zombie-after-requests', 'exhaust-after-requests'],
  ...['error-status', 'parallel', 'adapters'],
])

type Json = Readonly<Record<string, unknown>>

class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const flags = readFlags(process.argv.slice(2))
const text = (flag: string, fallback: string) => flags.get(flag) ?? fallback
const number = (flag: string, fallback: number) => Number(flags.get(flag) ?? fallback)

const alias = text('alias', 'echo')
const healthRoute = text('health-route', '/health')
const firstTokenMs = number('first-token-ms', 0)
const tokenMs = number('token-ms', 0)
const crashAfter = number('crash-after-requests', Number.POSITIVE_INFINITY)
const freezeAfter = number('freeze-after-requests', Number.POSITIVE_INFINITY)
const zombieAfter = number('zombie-after-requests', Number.POSITIVE_INFINITY)
const exhaustAfter = number('exhaust-after-requests', Number.POSITIVE_INFINITY)
const errorStatus = number('error-status', 0)
const parallel = number('parallel', Number.POSITIVE_INFINITY)
const key = Buffer.from(process.env['ECHO_API_KEY'] ?? '')

/** Those that it was started with, and no other: a name that an adapter had before is a stranger's. */
const adapters = text('adapters', '')
  .split(',')
  .filter((one) => one !== '')
  .map((one) => ({ id: one.slice(0, one.indexOf('=')), path: one.slice(one.indexOf('=') + 1) }))

let loading = true
let ending = false
let answered = 0
let running = 0
const waiting: (() => void)[] = []
/** Time with something to do: before the current stretch of it, and since when that lasts. */
let busyMs = 0
let busySince = 0

const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (request, response) => {
  const left = new AbortController()
  response.once('close', () => {
    left.abort()
    // A connection that a stream leaves behind would keep an ending server alive until its client tires of it.
    if (ending) setImmediate(() => server.closeIdleConnections())
  })
  request.on('error', () => {})
  serve(request, response, left.signal).catch((thrown: unknown) => {
    if (left.signal.aborted || response.destroyed) return
    if (response.headersSent) response.destroy()
    else if (thrown instanceof Refusal) refuse(response, thrown.status, thrown.message)
    else refuse(response, 500, 'the echo engine failed')
  })
})

async function serve(request: IncomingMessage, response: ServerResponse, left: AbortSignal): Promise<void> {
  if (answered >= freezeAfter) return
  const route = request.url!.split('?', 1)[0]!
  if (route === healthRoute || route === '/health') {
    return loading ? refuse(response, 503, 'Loading model') : send(response, 200, { status: 'ok' })
  }
  if (!hasKey(request)) return refuse(response, 401, 'Invalid API Key')
  if (loading) return refuse(response, 503, 'Loading model')
  if (request.method === 'GET' && route === '/v1/models') {
    return send(response, 200, {
      object: 'list',
      data: [{ id: alias, object: 'model', created: 0, owned_by: 'berth' }],
    })
  }
  if (request.method === 'GET' && route === '/metrics') return sendMetrics(response)
  const answer = ANSWERS[route]
  if (!answer) return refuse(response, 404, `there is no ${route} here`)
  if (request.method !== 'POST') return refuse(response, 405, `${route} takes POST`)
  if (answered >= zombieAfter) return
  await takeTurn(left)
  try {
    if (errorStatus > 0) refuse(response, errorStatus, `answers every request with ${errorStatus}, as told`)
    else await answer(request, response, left)
  } finally {
    giveTurn()
    answered++
    if (answered >= crashAfter) crashOnceSent(response)
    if (answered >= exhaustAfter) onceSent(response, exhaustMemory)
  }
}

const ANSWERS: Readonly<
  Record<string, (request: IncomingMessage, response: ServerResponse, left: AbortSignal) => Promise<void>>
> = {
  '/': async (request, response) => {
    response.setHeader('content-type', request.headers['content-type'] ?? 'application/octet-stream')
    const { pipeline } = await import('node:stream/promises')
    await pipeline(request, response)
  },
  '/v1/chat/completions': async (request, response, left) => {
    const body = await readJson(request)
    if (!Array.isArray(body['messages']) || body['messages'].length === 0) {
      throw new Refusal(400, 'messages must be a list with at least one message')
    }
    const messages = body['messages'].map((message: Json) => ({
      role: message?.['role'],
      content: contentOf(message),
    }))
    const spoken = messages.findLast((message) => message.role === 'user') ?? messages.at(-1)!
    await complete(response, left, body, {
      prompt: messages.map((message) => message.content).join(' '),
      reply: spoken.content,
      kind: 'chat.completion',
      idPrefix: 'chatcmpl',
      whole: (content) => ({ message: { role: 'assistant', content } }),
      part: (content, isFirst) => ({ delta: isFirst ? { role: 'assistant', content } : { content } }),
      end: { delta: {} },
    })
  },
  '/v1/completions': async (request, response, left) => {
    const body = await readJson(request)
    const prompt = Array.isArray(body['prompt']) ? body['prompt'].join(' ') : body['prompt']
    if (typeof prompt !== 'string') throw new Refusal(400, 'prompt must be a text')
    await complete(response, left, body, {
      prompt,
      reply: prompt,
      kind: 'text_completion',
      idPrefix: 'cmpl',
      whole: (content) => ({ text: content }),
      part: (content) => ({ text: content }),
      end: { text: '' },
    })
  },
  '/v1/embeddings': async (request, response) => {
    const body = await readJson(request)
    const input = Array.isArray(body['input']) ? body['input'] : [body['input']]
    if (!input.every((one) => typeof one === 'string')) {
      throw new Refusal(400, 'input must be a text or a list of texts')
    }
    const tokens = wordsOf(input.join(' ')).length
    const data = input.map((one, index) => {
      const vector = embed(one)
      const embedding =
        body['encoding_format'] === 'base64'
          ? Buffer.from(vector.buffer).toString('base64')
          : Array.from(vector)
      return { object: 'embedding', index, embedding }
    })
    send(response, 200, {
      object: 'list',
      model: alias,
      data,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    })
  },
}

type Completion = {
  readonly prompt: string
  readonly reply: string
  readonly kind: 'chat.completion' | 'text_completion'
  readonly idPrefix: string
  readonly whole: (content: string) => Json
  readonly part: (content: string, isFirst: boolean) => Json
  readonly end: Json
}

/** As engines with adapters do, it refuses those that it was not started with. */
function modelOf(body: Json): string {
  const asked = body['model']
  if (typeof asked !== 'string' || !/-[0-9a-f]{12}$/.test(asked)) return alias
  if (adapters.some(({ id }) => id === asked)) return asked
  throw new Refusal(404, `the model ${JSON.stringify(asked)} does not exist`)
}

async function complete(
  response: ServerResponse,
  left: AbortSignal,
  body: Json,
  completion: Completion,
): Promise<void> {
  const words = wordsOf(completion.reply)
  const limit = body['max_completion_tokens'] ?? body['max_tokens'] ?? body['n_predict']
  const tokens = typeof limit === 'number' && limit >= 0 ? words.slice(0, limit) : words
  const finish = tokens.length < words.length ? 'length' : 'stop'
  const prompt = wordsOf(completion.prompt).length
  const usage = {
    prompt_tokens: prompt,
    completion_tokens: tokens.length,
    total_tokens: prompt + tokens.length,
  }
  const frame = {
    id: `${completion.idPrefix}-${answered}-${Date.now()}`,
    created: Math.floor(Date.now() / 1_000),
    model: modelOf(body),
  }
  const choices = (content: Json, finishReason: string | null) => [
    { index: 0, ...content, logprobs: null, finish_reason: finishReason },
  ]

  if (body['stream'] !== true) {
    await pause(firstTokenMs + tokenMs * Math.max(0, tokens.length - 1), left)
    const whole = completion.whole(tokens.join(''))
    return send(response, 200, { ...frame, object: completion.kind, choices: choices(whole, finish), usage })
  }

  const object = completion.kind === 'chat.completion' ? 'chat.completion.chunk' : completion.kind
  const write = (event: Json) =>
    written(response, `data: ${JSON.stringify({ ...frame, object, ...event })}\n\n`, left)
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.flushHeaders()
  for (const [index, token] of tokens.entries()) {
    await pause(index === 0 ? firstTokenMs : tokenMs, left)
    await write({ choices: choices(completion.part(token, index === 0), null) })
  }
  await write({ choices: choices(completion.end, finish) })
  if (isObject(body['stream_options']) && body['stream_options']['include_usage'] === true) {
    await write({ choices: [], usage })
  }
  response.end('data: [DONE]\n\n')
}

/** Resolves when the client has room for more, and rejects when it has gone. */
async function written(response: ServerResponse, data: string, left: AbortSignal): Promise<void> {
  left.throwIfAborted()
  if (response.write(data)) return
  const { once } = await import('node:events')
  await once(response, 'drain', { signal: left })
}

async function pause(ms: number, left: AbortSignal): Promise<void> {
  left.throwIfAborted()
  if (ms > 0) await sleep(ms, undefined, { signal: left })
}

/** First come, first served; whoever leaves the line is not waited for. */
async function takeTurn(left: AbortSignal): Promise<void> {
  if (running < parallel) {
    if (running++ === 0) busySince = performance.now()
    return
  }
  await new Promise<void>((resolve, reject) => {
    waiting.push(resolve)
    left.addEventListener('abort', () => {
      const place = waiting.indexOf(resolve)
      if (place === -1) return
      waiting.splice(place, 1)
      reject(left.reason)
    })
  })
}

function giveTurn(): void {
  const next = waiting.shift()
  if (next) next()
  else if (--running === 0) busyMs += performance.now() - busySince
}

/** A real engine does a step of work every few milliseconds for as long as it has any, and counts them. */
function stepsSoFar(): number {
  const now = running > 0 ? performance.now() - busySince : 0
  return Math.floor((busyMs + now) / STEP_MS)
}

function crashOnceSent(response: ServerResponse): void {
  onceSent(response, () => {
    console.error(`crashes after ${crashAfter} requests, as told`)
    process.exit(CRASH_EXIT_CODE)
  })
}

/** Written to, since memory that is only promised counts for nobody. Ends where nothing limits it. */
function exhaustMemory(): void {
  console.error(`takes memory after ${exhaustAfter} requests, as told`)
  const taken: Buffer[] = []
  const take = () => {
    taken.push(Buffer.alloc(EXHAUST_STEP_BYTES, 1))
    if (taken.length < EXHAUST_STEPS) setImmediate(take)
  }
  take()
}

function onceSent(response: ServerResponse, act: () => void): void {
  if (response.writableFinished || response.destroyed) act()
  else response.once('close', act)
}

async function readJson(request: IncomingMessage): Promise<Json> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > BODY_LIMIT_BYTES) throw new Refusal(413, `the body is larger than ${BODY_LIMIT_BYTES} bytes`)
    chunks.push(chunk)
  }
  let body: unknown
  try {
    body = JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    throw new Refusal(400, 'the body is not JSON')
  }
  if (!isObject(body)) throw new Refusal(400, 'the body must be a JSON object')
  return body
}

/** A text, or the texts of a list of parts. */
function contentOf(message: Json): string {
  const content = message?.['content']
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) throw new Refusal(400, 'content must be a text or a list of parts')
  return content.map((part: Json) => (typeof part?.['text'] === 'string' ? part['text'] : '')).join(' ')
}

/** With the white space before each, so that joined they are the text again. */
const wordsOf = (words: string): readonly string[] => words.match(/\s*\S+/g) ?? []

/** A unit vector that depends on the words and nothing else: the same text is always in the same place. */
function embed(words: string): Float32Array {
  const vector = new Float32Array(EMBEDDING_DIMENSIONS)
  for (const word of wordsOf(words)) {
    let hash = 2_166_136_261
    for (const byte of Buffer.from(word.trim().toLowerCase())) hash = Math.imul(hash ^ byte, 16_777_619)
    vector[(hash >>> 1) % EMBEDDING_DIMENSIONS]! += hash & 1 ? 1 : -1
  }
  const length = Math.hypot(...vector) || 1
  return vector.map((value) => value / length)
}

function hasKey(request: IncomingMessage): boolean {
  if (key.length === 0) return true
  const given = Buffer.from(/^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '')
  return given.length === key.length && timingSafeEqual(given, key)
}

function sendMetrics(response: ServerResponse): void {
  response.setHeader('content-type', 'text/plain; version=0.0.4')
  response.end(
    [
      '# TYPE echo:requests_processing gauge',
      `echo:requests_processing ${running}`,
      '# TYPE echo:requests_deferred gauge',
      `echo:requests_deferred ${waiting.length}`,
      '# TYPE echo:requests_total counter',
      `echo:requests_total ${answered}`,
      '# TYPE echo:steps_total counter',
      `echo:steps_total ${stepsSoFar()}`,
      '',
    ].join('\n'),
  )
}

function refuse(response: ServerResponse, status: number, message: string): void {
  send(response, status, {
    error: { code: status, message, type: status < 500 ? 'invalid_request' : 'server_error' },
  })
}

function send(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readFlags(args: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (let index = 0; index < args.length; index += 2) {
    const flag = args[index]!.replace(/^--/, '')
    const value = args[index + 1]
    if (!FLAGS.has(flag) || value === undefined) {
      console.error(
        `echo: cannot use "${args[index]}". Flags, each with a value: --${[...FLAGS].join(', --')}`,
      )
      process.exit(USAGE_EXIT_CODE)
    }
    found.set(flag, value)
  }
  return found
}

function end(): void {
  if (ending || loading) process.exit(0)
  ending = true
  server.close(() => process.exit(0))
}
process.on('SIGTERM', end)
process.on('SIGINT', end)

server.on('error', (error) => {
  console.error(`echo: cannot listen: ${error.message}`)
  process.exit(CRASH_EXIT_CODE)
})
server.listen(number('port', 8_080), text('host', '127.0.0.1'), () => {
  const ready = () => {
    if (flags.has('crash-on-start')) {
      console.error('crashes on start, as told')
      process.exit(number('crash-on-start', CRASH_EXIT_CODE))
    }
    const { existsSync } = process.getBuiltinModule('node:fs')
    for (const { id, path } of adapters) {
      if (existsSync(path)) continue
      console.error(`echo: the adapter ${id} does not lie at ${path}`)
      process.exit(CRASH_EXIT_CODE)
    }
    loading = false
    console.log(`ready as ${alias}`)
  }
  const startMs = number('start-ms', 0)
  if (startMs > 0) setTimeout(ready, startMs)
  else ready()
})
