/** The OpenAPI 3.1 document, made from the route table. */
import { z } from 'zod'
import { ErrorBody } from './errors.ts'
import { type RouteDefinition, routes } from './routes.ts'

type Json = Record<string, unknown>

export function openApiDocument({ version, serverUrl }: { version: string; serverUrl: string }): Json {
  const paths: Record<string, Json> = {}
  for (const [operationId, route] of Object.entries(routes) as [string, RouteDefinition][]) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(operationId, route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Berth API',
      version,
      description:
        'Self-hosted Inference Endpoints. Wire-compatible with the Hugging Face Inference Endpoints v2 API.',
    },
    servers: [{ url: serverUrl }],
    components: {
      schemas: { Error: jsonSchema(ErrorBody, 'output') },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
    paths,
  }
}

function operation(operationId: string, route: RouteDefinition): Json {
  return {
    operationId,
    summary: route.summary,
    tags: [tagOf(route.path)],
    security: route.access === 'public' ? [] : [{ token: [] }],
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query')],
    ...(route.body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: jsonSchema(route.body, 'input') } },
      },
    }),
    responses: {
      200: {
        description: 'Success',
        content:
          typeof route.response === 'string'
            ? { [route.response]: { schema: { type: 'string' } } }
            : { 'application/json': { schema: jsonSchema(route.response, 'output') } },
      },
      default: {
        description: 'A refusal or a failure',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  }
}

function parameters(schema: z.ZodType | undefined, place: 'path' | 'query'): Json[] {
  if (!(schema instanceof z.ZodObject)) return []
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: property,
    ...(property['description'] ? { description: property['description'] } : {}),
  }))
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    reused: 'inline',
  })
  return rest
}

function tagOf(path: string): string {
  if (/^\/v\d\/(endpoint|live)\b/.test(path)) return 'Endpoints'
  if (path.startsWith('/v2/provider') || path.startsWith('/v2/system/hardware')) return 'Hardware'
  if (path.startsWith('/v2/hub')) return 'Models'
  if (path.startsWith('/v2/token') || path.startsWith('/v2/sign-in') || path.startsWith('/hub'))
    return 'Access'
  return 'System'
}
