import { describe, expect, test } from 'vitest'
import { openApiDocument } from './openapi.ts'
import { type RouteDefinition, routes } from './routes.ts'

type Json = Record<string, unknown>
type Operation = {
  operationId: string
  summary: string
  tags: string[]
  security: unknown[]
  parameters: { name: string; in: string; required: boolean; schema: Json }[]
  requestBody?: { content: Record<string, { schema: Json }> }
  responses: Record<string, { description: string; content: Record<string, { schema: Json }> }>
}

const document = openApiDocument({ version: '1.2.3', serverUrl: 'http://127.0.0.1:8080' })
const paths = document['paths'] as Record<string, Record<string, Operation>>
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)

test('it is an OpenAPI 3.1 document of this installation', () => {
  expect(document).toMatchObject({
    openapi: '3.1.0',
    info: { title: 'Berth API', version: '1.2.3' },
    servers: [{ url: 'http://127.0.0.1:8080' }],
  })
  expect(JSON.parse(JSON.stringify(document))).toEqual(document)
})

test('it lists every route once, under its name', () => {
  const ids = operations.map(({ operation }) => operation.operationId)
  expect(ids.toSorted()).toEqual(Object.keys(routes).toSorted())
  for (const { path, method, operation } of operations) {
    const route: RouteDefinition = routes[operation.operationId as keyof typeof routes]
    expect(`${method.toUpperCase()} ${path}`).toBe(`${route.method} ${route.path}`)
  }
})

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!)
  expect(references.length).toBeGreaterThan(0)
  for (const reference of new Set(references)) {
    expect(reference).toMatch(/^#\//)
    const target = reference
      .slice(2)
      .split('/')
      .reduce<unknown>((inner, key) => (inner as Json | undefined)?.[key], document)
    expect(target, reference).toBeDefined()
  }
})

describe.for(operations)('$method $path', ({ path, operation }) => {
  test('declares exactly the parameters of its path', () => {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
    const declared = operation.parameters.filter((parameter) => parameter.in === 'path')
    expect(declared.map(({ name }) => name)).toEqual(inPath)
    expect(declared.every(({ required }) => required)).toBe(true)
    const keys = operation.parameters.map((parameter) => `${parameter.in} ${parameter.name}`)
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('says what it takes, answers and refuses', () => {
    const route: RouteDefinition = routes[operation.operationId as keyof typeof routes]
    expect(operation.summary).not.toBe('')
    expect(operation.tags).toHaveLength(1)
    expect(operation.requestBody !== undefined).toBe(route.body !== undefined)
    const body = operation.requestBody?.content['application/json']?.schema
    if (body) expect(body['type']).toBe('object')
    const type = typeof route.response === 'string' ? route.response : 'application/json'
    expect(operation.responses['200']?.content[type]?.schema).toBeDefined()
    expect(operation.responses['default']?.content['application/json']?.schema).toEqual({
      $ref: '#/components/schemas/Error',
    })
    expect(operation.security).toEqual(route.access === 'public' ? [] : [{ token: [] }])
  })
})

test('a body says which fields it refuses to do without, and refuses others', () => {
  const body = paths['/v2/endpoint/{namespace}']!['post']!.requestBody!.content['application/json']!.schema
  expect(body['required']).toEqual(['name', 'type', 'provider', 'compute', 'model'])
  expect(body['additionalProperties']).toBe(false)
  const properties = body['properties'] as Record<string, Json>
  expect(properties['type']).toMatchObject({ enum: ['public', 'authenticated', 'private'] })
})
