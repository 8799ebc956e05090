import { expect, test } from 'vitest'
import { corsHeaders, preflightAnswer, preflightIn } from './cors.ts'

const APP = 'https://app.example.com'
const asking = (headers: Readonly<Record<string, string>> = {}, method = 'POST', origin = APP) =>
  preflightIn('OPTIONS', { origin, 'access-control-request-method': method, ...headers })!

test('only an OPTIONS that names an origin and a method is a preflight', () => {
  expect(preflightIn('OPTIONS', { origin: APP })).toBeUndefined()
  expect(preflightIn('OPTIONS', { 'access-control-request-method': 'POST' })).toBeUndefined()
  expect(preflightIn('POST', { origin: APP, 'access-control-request-method': 'POST' })).toBeUndefined()
})

test.for([
  { what: 'a listed page', allowed: [APP], granted: APP },
  { what: 'any page', allowed: ['*'], granted: '*' },
  { what: 'a page of the same host on another port', allowed: [`${APP}:8443`], granted: undefined },
  { what: 'a page of a host that ends alike', allowed: ['https://example.com'], granted: undefined },
  {
    what: 'the origin "null" of sandboxed pages and files',
    allowed: [APP],
    origin: 'null',
    granted: undefined,
  },
  { what: 'a page of an endpoint that names none', allowed: undefined, granted: undefined },
])('$what', ({ allowed, origin = APP, granted }) => {
  expect(corsHeaders(allowed, origin)['access-control-allow-origin']).toBe(granted)
  expect(preflightAnswer(allowed, asking({}, 'POST', origin))?.['access-control-allow-origin']).toBe(granted)
})

test('an answer that depends on the origin says so to caches, also where it allows nothing', () => {
  expect(corsHeaders([APP], APP)['vary']).toBe('origin')
  expect(corsHeaders([APP], undefined)).toEqual({ vary: 'origin' })
  expect(corsHeaders(undefined, APP)).toEqual({})
})

test('a preflight is told exactly what it asked for, and never that credentials may come along', () => {
  const answer = preflightAnswer(
    [APP],
    asking({ 'access-control-request-headers': 'authorization,content-type,x-stainless-os' }),
  )
  expect(answer).toMatchObject({
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': 'authorization,content-type,x-stainless-os',
  })
  expect(answer).not.toHaveProperty('access-control-allow-credentials')
})

test.for([
  { what: 'a method nobody has', method: 'TRACE', headers: {} },
  { what: 'names that are none', method: 'POST', headers: { 'access-control-request-headers': 'a b' } },
  {
    what: 'a list without end',
    method: 'POST',
    headers: { 'access-control-request-headers': 'a,'.repeat(2_000) },
  },
])('$what is refused', ({ method, headers }) => {
  expect(preflightAnswer(['*'], asking(headers, method))).toBeUndefined()
})

test('a page on the network at large reaches into this one only when it is listed', () => {
  const into = { 'access-control-request-private-network': 'true' }
  expect(preflightAnswer([APP], asking(into))).toHaveProperty('access-control-allow-private-network', 'true')
  expect(preflightAnswer(['*'], asking(into))).not.toHaveProperty('access-control-allow-private-network')
})
