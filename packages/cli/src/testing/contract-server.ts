/**
 * A small real server that speaks the contract, for tests of whole commands.
 *
 * Each request is held to the route table's schemas, and so is each answer that a test gives: what either side gets
 * wrong is in `violations`.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import {
  type ErrorBody,
  HTTP_STATUS,
  type RouteDefinition,
  type RouteInput,
  type RouteName,
  type RouteOutput,
  routes,
} from '@berth/contract'
import { z } from 'zod'

/** What a handler throws to refuse. */
export class Refusal extends Error {
  readonly body: ErrorBody

  constructor(code: ErrorBody['code'], error: string, more: Partial<ErrorBody> = {}) {
    super(error)
    this.body = { error, code, retryable: false, requestId: 'req-1', ...more }
  }
}

export type Handlers = {
  readonly [Name in RouteName]?: (input: RouteInput<Name>) => RouteOutput<Name> | Promise<RouteOutput<Name>>
} & {
  /** Everything that is not a route: the data plane. */
  readonly other?: (request: IncomingMessage, body: string, response: ServerResponse) => void | Promise<void>
}

export type ContractServer = {
  readonly url: string
  readonly violations: string[]
  /** `METHOD /path` of each request, in order. */
  readonly requests: string[]
  readonly tokens: (string | undefined)[]
  close(): Promise<void>
}

export async function startContractServer(handlers: Handlers): Promise<ContractServer> {
  const violations: string[] = []
  const requests: string[] = []
  const tokens: (string | undefined)[] = []

  const server = createServer(async (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    tokens.push(request.headers.authorization?.replace(/^Bearer /, ''))
    const body = await text(request)
    try {
      const found = findRoute(request)
      if (found) await answer(found, body, response)
      else if (handlers.other) await handlers.other(request, body, response)
      else throw new Refusal('not_found', `There is no ${request.method} ${request.url}.`)
    } catch (error) {
      if (!(error instanceof Refusal)) violations.push(String(error))
      const refusal = error instanceof Refusal ? error : new Refusal('internal', String(error))
      response.writeHead(HTTP_STATUS[refusal.body.code], { 'content-type': 'application/json' })
      response.end(JSON.stringify(refusal.body))
    }
  })

  async function answer({ name, route, params, query }: Found, body: string, response: ServerResponse) {
    const input = {
      params: route.params?.parse(params),
      query: route.query?.parse(query),
      body: route.body?.parse(JSON.parse(body)),
    }
    const handler = handlers[name] as ((input: unknown) => unknown) | undefined
    if (!handler) throw new Error(`the test answers no ${name}`)
    const output = await handler(input)
    if (route.response instanceof z.ZodType) {
      route.response.parse(output)
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(output))
      return
    }
    response.writeHead(200, { 'content-type': route.response })
    for await (const piece of output as AsyncIterable<string>) {
      response.write(route.response === 'text/event-stream' ? `data: ${piece}\n\n` : piece)
    }
    response.end()
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    violations,
    requests,
    tokens,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

type Found = {
  readonly name: RouteName
  readonly route: RouteDefinition
  readonly params: Record<string, string>
  readonly query: Record<string, string>
}

function findRoute(request: IncomingMessage): Found | undefined {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://test')
  for (const [name, route] of Object.entries(routes) as [RouteName, RouteDefinition][]) {
    const pattern = new RegExp(`^${route.path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`)
    const match = pattern.exec(pathname)
    if (!match || route.method !== request.method) continue
    return { name, route, params: { ...match.groups }, query: Object.fromEntries(searchParams) }
  }
  return undefined
}
