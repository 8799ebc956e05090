/**
 * Turns one row of the contract's route table into a Fastify route: admission, validation, answer.
 *
 * A handler is given what the schemas made of the request and who asks; it returns what the row promises. Errors
 * pass through to the one error handler.
 */
import {
  describeProblem,
  type RouteDefinition,
  type RouteInput,
  type RouteName,
  type RouteOutput,
  type Routes,
  routes,
} from '@berth/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { PlatformError } from '../domain/errors.ts'
import { admitToNamespace, admitToRole, authenticated } from './admission.ts'
import type { ApiServices, Caller } from './services.ts'
import type { StreamKind, StreamPiece, TextStreams } from './text-stream.ts'

type Call<Name extends RouteName> = RouteInput<Name> & {
  readonly caller: Routes[Name]['access'] extends 'public' ? undefined : Caller
  /** Only for answers that go on: aborts when the client leaves. */
  readonly signal: Routes[Name]['response'] extends StreamKind ? AbortSignal : undefined
  /** The last event that a client had before its stream broke, as browsers say it. */
  readonly lastEventId: string | undefined
}

type Answer<Name extends RouteName> = Routes[Name]['response'] extends StreamKind
  ? AsyncIterable<StreamPiece>
  : RouteOutput<Name>

/** One function for each row of the table. */
export type Handlers = { readonly [Name in RouteName]: (call: Call<Name>) => Promise<Answer<Name>> }

/** What is known of a request before its body is read. */
type Admitted = { readonly caller: Caller | undefined; readonly params: unknown }

export function bindRoutes(
  app: FastifyInstance,
  handlers: Handlers,
  services: Pick<ApiServices, 'authenticate' | 'namespaceExists'>,
  streams: TextStreams,
): void {
  const admissions = new WeakMap<FastifyRequest, Admitted>()

  for (const [name, route] of Object.entries(routes) as [RouteName, RouteDefinition][]) {
    const handle = handlers[name] as (call: unknown) => Promise<unknown>
    const streamKind = typeof route.response === 'string' ? route.response : undefined
    app.route({
      method: route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      exposeHeadRoute: route.method === 'GET' && !streamKind,
      // Before the body is read: a stranger's megabytes are not worth parsing.
      onRequest: async (request) => {
        admissions.set(request, await admitted(route, request, services))
      },
      handler: async (request, reply) => {
        const { caller, params } = admissions.get(request)!
        const query = validated(route.query, request.query, 'query')
        const body = validated(route.body, request.body, 'body')
        const call = { params, query, body, caller, lastEventId: lastEventIdOf(request) }
        if (streamKind) {
          return streamed(reply, streamKind, streams, (signal) => handle({ ...call, signal }))
        }
        reply.header('cache-control', 'no-store')
        return reply.send(await handle(call))
      },
    })
  }
}

async function admitted(
  route: RouteDefinition,
  request: FastifyRequest,
  services: Pick<ApiServices, 'authenticate' | 'namespaceExists'>,
): Promise<Admitted> {
  const caller =
    route.access === 'public' ? undefined : await authenticated(services, request.headers.authorization)
  const params = validated(route.params, request.params, 'path')
  if (caller) {
    if (isInNamespace(params)) await admitToNamespace(services, caller, params.namespace)
    admitToRole(caller, route.access)
  }
  return { caller, params }
}

const isInNamespace = (params: unknown): params is { namespace: string } =>
  typeof params === 'object' && params !== null && 'namespace' in params

/** @throws PlatformError `invalid` that names the first field that is wrong; also for what no schema asks for. */
function validated(schema: RouteDefinition['body'], value: unknown, root: string): unknown {
  if (!schema) return nothing(value, root)
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const { field, message } = describeProblem(result.error, value, root)
  throw new PlatformError('invalid', message, { field })
}

function nothing(value: unknown, root: string): undefined {
  if (value === undefined || value === null) return undefined
  const field = typeof value === 'object' ? Object.keys(value)[0] : root
  if (field === undefined) return undefined
  throw new PlatformError('invalid', `Unknown field "${field}": this call takes no ${root}; remove it.`, {
    field,
  })
}

function lastEventIdOf({ headers }: FastifyRequest): string | undefined {
  const given = headers['last-event-id']
  return typeof given === 'string' && /^[\w.:-]{1,100}$/.test(given) ? given : undefined
}

/** The service answers first, so that its refusal is still an ordinary error response. */
async function streamed(
  reply: FastifyReply,
  kind: StreamKind,
  streams: TextStreams,
  answer: (signal: AbortSignal) => Promise<unknown>,
): Promise<FastifyReply> {
  const stream = streams.open(reply.raw)
  try {
    const pieces = (await answer(stream.signal)) as AsyncIterable<StreamPiece>
    reply.hijack()
    void stream.send(pieces, kind, { 'x-request-id': reply.request.id, 'x-content-type-options': 'nosniff' })
    return reply
  } catch (error) {
    stream.abandon()
    throw error
  }
}
