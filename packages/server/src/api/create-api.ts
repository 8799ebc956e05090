/**
 * The api room's door: HTTP in, HTTP out, no decisions.
 *
 * It binds the contract's route table to the services it is given, serves the console and the API's own pages,
 * and turns every failure into one shape. It listens nowhere by itself: the main file does that.
 */
import path from 'node:path'
import { type RouteDefinition, routes } from '@berth/contract'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { messageOf, PlatformError } from '../domain/errors.ts'
import { type Clock, systemClock } from '../platform/clock.ts'
import { newRequestId } from '../platform/ids.ts'
import type { Log } from '../platform/log.ts'
import { endpointHandlers } from './endpoints.ts'
import { isOurFault, toErrorResponse } from './error-response.ts'
import { hardwareHandlers } from './hardware.ts'
import { insightHandlers } from './insight.ts'
import { MAX_BODY_BYTES, parseJsonBody } from './json-body.ts'
import { bindRoutes } from './route-binding.ts'
import type { ApiServices } from './services.ts'
import { bindStaticFiles } from './static-files.ts'
import { bindOpenApi, systemHandlers } from './system.ts'
import { TextStreams } from './text-stream.ts'
import { tokenHandlers } from './tokens.ts'

/** Longer than any name may be, so that a name that is too long is refused by its rule and not as unknown. */
const MAX_PATH_PART_LENGTH = 500
const DOCS_PAGE = path.join(import.meta.dirname, 'docs-page')

export type ApiOptions = {
  readonly version: string
  /** Served at `/`; read once, here. Undefined when there is no console. */
  readonly consoleDirectory: string | undefined
  /** The paths that the console takes apart by itself, such as `/endpoints`. */
  readonly consolePages: readonly string[]
  readonly log: Log
  /** Where clients reach this installation; asked at each use, since the port may be known late. */
  readonly publicUrl: () => string
  readonly clock?: Clock
}

export function createApi(services: ApiServices, options: ApiOptions): FastifyInstance {
  const { log, version, consoleDirectory, consolePages, publicUrl, clock = systemClock } = options
  const answerError = errorAnswerer(log)
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    genReqId: requestIdOf,
    routerOptions: { maxParamLength: MAX_PATH_PART_LENGTH },
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id)
      answerError(error, request, reply)
    },
  })
  const streams = new TextStreams(clock, log)
  app.addHook('preClose', async () => streams.closeAll())
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'x-request-id': request.id, 'x-content-type-options': 'nosniff' })
  })
  app.setErrorHandler(answerError)
  app.setNotFoundHandler(refuseUnknownRoute)
  readOnlyJson(app)

  bindRoutes(
    app,
    {
      ...endpointHandlers(services.endpoints),
      ...insightHandlers(services),
      ...hardwareHandlers(services),
      ...tokenHandlers(services.tokens),
      ...systemHandlers(services),
    },
    services,
    streams,
  )
  bindOpenApi(app, version, publicUrl)
  bindStaticFiles(app, DOCS_PAGE, { prefix: '/docs' })
  if (consoleDirectory) bindStaticFiles(app, consoleDirectory, { prefix: '', pages: consolePages })
  return app
}

/** The gateway's id for the request, so that its log lines and ours meet; our own when there is none. */
function requestIdOf(request: {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : newRequestId()
}

function readOnlyJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: FastifyRequest, bytes: Buffer) => parseJsonBody(bytes),
  )
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (request: FastifyRequest, bytes: Buffer) => {
    if (bytes.byteLength === 0) return undefined
    const given = request.headers['content-type']
    throw new PlatformError(
      'invalid',
      `The body's Content-Type is ${given ? JSON.stringify(given) : 'missing'}: send JSON with "Content-Type: application/json".`,
      { reason: 'content_type' },
    )
  })
}

function errorAnswerer(log: Log) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const { status, headers, body } = toErrorResponse(error, request.id)
    if (isOurFault(error)) {
      log.error('request failed', {
        requestId: request.id,
        method: request.method,
        route: request.routeOptions.url,
        error: error instanceof Error ? error.stack : messageOf(error),
      })
    }
    reply
      .code(status)
      .headers({ ...headers, 'cache-control': 'no-store' })
      .send(body)
  }
}

const knownPaths = (Object.values(routes) as RouteDefinition[]).map((route) => ({
  method: route.method,
  pattern: new RegExp(`^${route.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
}))

async function refuseUnknownRoute(request: FastifyRequest): Promise<never> {
  const asked = request.url.split('?', 1)[0]!
  const methods = knownPaths.filter(({ pattern }) => pattern.test(asked)).map(({ method }) => method)
  const shown = asked.length > 200 ? `${asked.slice(0, 200)}…` : asked
  throw new PlatformError(
    'not_found',
    methods.length > 0
      ? `${request.method} ${shown} does not exist; ${methods.join(' and ')} ${methods.length > 1 ? 'do' : 'does'}.`
      : `${request.method} ${shown} does not exist. Every call is listed at /docs.`,
    { reason: methods.length > 0 ? 'method' : 'route' },
  )
}
