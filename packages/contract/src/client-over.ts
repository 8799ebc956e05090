/**
 * The typed client over a table of routes that it is given.
 *
 * It reads no schema, so a program that counts its kilobytes (the console) passes a table without them.
 * A refusal becomes an `ApiError` with the server's own sentence.
 */
import type { ErrorBody, ErrorCode } from './errors.ts'
import type { RouteCall, RouteDefinition, RouteName, RouteOutput } from './routes.ts'

/** What the client needs to know of a route: where, how, and whether the answer is JSON or one of the texts. */
export type ClientRoute = Pick<RouteDefinition, 'method' | 'path'> & {
  readonly response: 'json' | RouteDefinition['response']
}

export class ApiError extends Error {
  readonly status: number
  readonly code: ErrorCode
  readonly body: ErrorBody

  constructor(status: number, body: ErrorBody) {
    super(body.error)
    this.name = 'ApiError'
    this.status = status
    this.code = body.code
    this.body = body
  }
}

export type ClientOptions = {
  /** Where Berth answers, for example `http://127.0.0.1:8080`. */
  readonly baseUrl: string
  readonly token?: string
  readonly fetch?: typeof globalThis.fetch
}

type Arguments<Name extends RouteName> = RouteCall<Name> & { readonly signal?: AbortSignal }

export type Client = {
  readonly [Name in RouteName]: Partial<Arguments<Name>> extends Arguments<Name>
    ? (call?: Arguments<Name>) => Promise<RouteOutput<Name>>
    : (call: Arguments<Name>) => Promise<RouteOutput<Name>>
}

export function clientOver(table: Readonly<Record<RouteName, ClientRoute>>, options: ClientOptions): Client {
  const methods = Object.entries(table).map(([name, route]) => [
    name,
    (call: Call = {}) => send(options, route, call),
  ])
  return Object.fromEntries(methods) as Client
}

type Call = {
  readonly params?: Record<string, string>
  readonly query?: Record<string, unknown>
  readonly body?: unknown
  readonly signal?: AbortSignal
}

async function send(options: ClientOptions, route: ClientRoute, call: Call): Promise<unknown> {
  const doFetch = options.fetch ?? globalThis.fetch
  const response = await doFetch(address(options.baseUrl, route.path, call), {
    method: route.method,
    headers: {
      ...(options.token ? { authorization: `Bearer ${options.token}` } : {}),
      ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    ...(call.signal ? { signal: call.signal } : {}),
  })
  if (!response.ok) throw await asApiError(response)
  if (route.response === 'text/plain') return decoded(response)
  if (route.response === 'text/event-stream') return serverSentData(decoded(response))
  return response.json()
}

function address(baseUrl: string, path: string, { params = {}, query = {} }: Call): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const url = new URL(baseUrl.replace(/\/+$/, '') + filled)
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value))
  }
  return url.href
}

async function asApiError(response: Response): Promise<ApiError> {
  const text = await response.text()
  const body = asJson(text)
  if (isErrorBody(body)) return new ApiError(response.status, body)
  return new ApiError(response.status, {
    error: `The server answered ${response.status} without an explanation${text ? `: ${text.slice(0, 200)}` : '.'}`,
    code: 'internal',
    retryable: false,
  })
}

/** What our server answers with has all of it or nothing: a proxy between us has another shape altogether. */
function isErrorBody(value: unknown): value is ErrorBody {
  return (
    typeof value === 'object' &&
    value !== null &&
    'error' in value &&
    typeof value.error === 'string' &&
    'code' in value &&
    typeof value.code === 'string' &&
    'retryable' in value &&
    typeof value.retryable === 'boolean'
  )
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function* decoded(response: Response): AsyncIterable<string> {
  if (!response.body) return
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) yield piece
}

/** The `data:` payload of each server-sent event; comments and other fields are left out. */
export async function* serverSentData(pieces: AsyncIterable<string>): AsyncIterable<string> {
  let rest = ''
  for await (const piece of pieces) {
    const events = (rest + piece).split(/\r?\n\r?\n/)
    rest = events.pop() ?? ''
    for (const event of events) {
      const data = event
        .split(/\r?\n/)
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).replace(/^ /, ''))
      if (data.length > 0) yield data.join('\n')
    }
  }
}
