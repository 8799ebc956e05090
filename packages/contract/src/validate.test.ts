import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { Endpoint, EndpointUpdate } from './endpoint.ts'
import { Image } from './image.ts'
import { TokenCreate } from './token.ts'
import { describeProblem } from './validate.ts'

function problemOf(schema: z.ZodType, value: unknown) {
  const result = schema.safeParse(value)
  if (result.success) return expect.fail('was accepted')
  return describeProblem(result.error, value, 'body')
}

describe('a refused value becomes a sentence', () => {
  const refusals: [z.ZodType, unknown, string, string][] = [
    [TokenCreate, {}, 'name', 'name is missing: must be a string.'],
    [TokenCreate, { name: 7 }, 'name', 'name is 7: must be a string.'],
    [TokenCreate, null, 'body', 'body is null: must be an object.'],
    [TokenCreate, undefined, 'body', 'body is missing: must be an object.'],
    [
      TokenCreate,
      { name: 'a', expiresAt: '2026' },
      'expiresAt',
      'expiresAt is "2026": must be a time in UTC, such as 2026-08-01T10:00:00Z.',
    ],
    [
      TokenCreate,
      { name: 'a', role: 'admin' },
      'role',
      'role is "admin": invalid option: expected one of "read"|"write".',
    ],
    [
      TokenCreate,
      { name: 'a', colour: 'red', size: 1 },
      'colour',
      'Unknown field "colour", "size": remove it or check its spelling.',
    ],
    [
      EndpointUpdate,
      { compute: { scaling: { minReplicas: 1 } } },
      'compute.scaling.minReplicas',
      'Unknown field "compute.scaling.minReplicas": remove it or check its spelling.',
    ],
    [
      EndpointUpdate,
      { compute: { scaling: { minReplica: 0.5 } } },
      'compute.scaling.minReplica',
      'compute.scaling.minReplica is 0.5: must be a whole number.',
    ],
    [
      EndpointUpdate,
      { compute: { scaling: { measure: { pendingRequests: 'many' } } } },
      'compute.scaling.measure.pendingRequests',
      'compute.scaling.measure.pendingRequests is "many": must be a number.',
    ],
    [EndpointUpdate, { tags: ['a', 7] }, 'tags.1', 'tags.1 is 7: must be a string.'],
    [
      EndpointUpdate,
      { model: { env: { '1A': 'x' } } },
      'model.env.1A',
      'model.env.1A is "x": must be letters, digits and underscores, not beginning with a digit.',
    ],
    [Image, { custom: { vLLM: { port: 'x' } } }, 'vLLM.port', 'vLLM.port is missing: must be a number.'],
    [
      Image,
      { custom: { vLLM: { port: 0 } } },
      'vLLM.port',
      'vLLM.port is wrong: too small: expected number to be >=1.',
    ],
  ]
  const rows = refusals.map(([schema, value, field, message]) => ({ schema, value, field, message }))

  test.for(rows)('$message', ({ schema, value, field, message }) => {
    expect(problemOf(schema, value)).toEqual({ field, message })
  })
})

test('a refusal repeats no secret', () => {
  const secret = 'hunter2'
  const model = (changes: object) => ({ model: { ...changes } })
  for (const change of [
    model({ secrets: { TOKEN: [secret] } }),
    model({ secrets: [secret] }),
    model({ image: { custom: { credentials: { username: 'a', password: [secret] } } } }),
    model({ image: { custom: { credentials: { username: 'a', password: secret } }, echo: {} } }),
    [{ secrets: { TOKEN: secret } }],
  ]) {
    expect(problemOf(EndpointUpdate, change).message).not.toContain(secret)
  }
})

test('many mistakes are told in few words', () => {
  const fields = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`field${i}`, 1]))
  const { message } = problemOf(TokenCreate, { name: 'a', ...fields, ['x'.repeat(10_000)]: 1 })
  expect(message).toContain('"field4" and 996 more')
  expect(problemOf(TokenCreate, { name: 'x'.repeat(10_000) }).message.length).toBeLessThan(200)
  expect(problemOf(TokenCreate, { name: 'a', ['x'.repeat(10_000)]: 1 }).message.length).toBeLessThan(200)
})

test('every refusal of anything has a field and a sentence of bounded length', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const result = Endpoint.safeParse(value)
      if (result.success) return
      const { field, message } = describeProblem(result.error, value, 'body')
      expect(field).not.toBe('')
      expect(message).toMatch(/\.$/)
      expect(message.length).toBeLessThan(1_000)
    }),
  )
})
