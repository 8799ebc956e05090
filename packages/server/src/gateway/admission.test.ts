import { expect, test } from 'vitest'
import type { UsageLimits } from '../domain/limits/usage-limits.ts'
import type { EndpointId } from '../domain/replica.ts'
import type { RoutedEndpoint, TokenGrant } from '../link/messages.ts'
import { Admission } from './admission.ts'
import { fieldsIn } from './http1/field-lines.ts'
import type { FieldName } from './http1/field-names.ts'
import type { Pass } from './pass.ts'
import { asDuration } from './rate-headers.ts'

const NOW = 1_000_000

const endpoint = (limits?: UsageLimits): RoutedEndpoint => ({
  id: 'e' as EndpointId,
  namespace: 'acme',
  name: 'chat',
  access: 'public',
  state: 'running',
  message: '',
  failure: null,
  start: null,
  replicas: [],
  ...(limits ? { limits } : {}),
})

const grant = (tokenId: string, limits?: UsageLimits): TokenGrant => ({
  hash: tokenId,
  tokenId,
  user: 'me',
  role: 'read',
  namespaces: [],
  expiresAt: null,
  ...(limits ? { limits } : {}),
})

const ignore = () => {}

/** What a caller is told of its rates, by name. */
const said = (pass: Pass | undefined) =>
  Object.fromEntries(
    pass?.rates.names.map((name) => [name, fieldsIn(pass.rates.lines)[name as FieldName]]) ?? [],
  )

test('where nothing is limited nothing is kept', () => {
  const admission = new Admission(2_000)
  for (let i = 0; i < 10; i++) expect(admission.enter(endpoint(), grant('a'), NOW, ignore)).toBeUndefined()
  expect(admission.enter(endpoint(), undefined, NOW, ignore)).toBeUndefined()
  expect(admission.accounts).toBe(0)
})

test('each token has an account of its own, and one that is told by the same id has the same', () => {
  const admission = new Admission(2_000)
  const limits = { requestsPerMinute: 1 }
  admission.enter(endpoint(), grant('a', limits), NOW, ignore)
  admission.enter(endpoint(), grant('b', limits), NOW, ignore)
  expect(() => admission.enter(endpoint(), grant('a', { ...limits }), NOW, ignore)).toThrow('for this token')
})

test('a token and an endpoint of the same id are not the same holder', () => {
  const admission = new Admission(2_000)
  const limits = { requestsPerMinute: 1 }
  admission.enter(endpoint(), grant('e', limits), NOW, ignore)
  expect(admission.enter(endpoint(limits), undefined, NOW, ignore)).toBeDefined()
})

test('the headers tell of the limit that will be reached first', () => {
  const admission = new Admission(2_000)
  const pass = admission.enter(
    endpoint({ requestsPerMinute: 10, tokensPerMinute: 70 }),
    grant('a', { requestsPerMinute: 100, tokensPerMinute: 60 }),
    NOW,
    ignore,
  )
  expect(said(pass)).toEqual({
    'x-ratelimit-limit-requests': '10',
    'x-ratelimit-remaining-requests': '9',
    'x-ratelimit-reset-requests': '6s',
    'x-ratelimit-limit-tokens': '60',
    'x-ratelimit-remaining-tokens': '60',
    'x-ratelimit-reset-tokens': '0ms',
  })
})

test('a refusal is told with its kind, and whom it refuses used up nothing', () => {
  const admission = new Admission(2_000)
  const told: string[] = []
  const limits = { concurrentRequests: 1 }
  const pass = admission.enter(endpoint(limits), undefined, NOW, ignore)
  const token = grant('a', { requestsPerMinute: 2 })
  for (let i = 0; i < 5; i++) {
    expect(() => admission.enter(endpoint(limits), token, NOW, (kind) => told.push(kind))).toThrow(
      'The limit of 1 requests at a time for endpoint "acme/chat" is reached. Try again in 2 s.',
    )
  }
  expect(told).toEqual(Array(5).fill('concurrency'))
  pass?.leave(0, NOW)
  expect(said(admission.enter(endpoint(limits), token, NOW, ignore))).toMatchObject({
    'x-ratelimit-remaining-requests': '1',
  })
})

test('the smaller of two limits on a body counts', () => {
  const bodyBytes = (token: UsageLimits, own: UsageLimits) =>
    new Admission(1).enter(endpoint(own), grant('a', token), NOW, ignore)?.bodyBytes
  expect(bodyBytes({ bodyBytes: 5 }, { bodyBytes: 7 })).toBe(5)
  expect(bodyBytes({}, { bodyBytes: 7 })).toBe(7)
  expect(bodyBytes({ bodyBytes: 0 }, {})).toBe(0)
  expect(bodyBytes({}, {})).toBeUndefined()
})

test('accounts that have nothing to remember are forgotten, however many tokens come by', () => {
  const admission = new Admission(1)
  const limits = { requestsPerMinute: 600 }
  for (let i = 0; i < 5_000; i++) {
    admission.enter(endpoint(), grant(`t${i}`, limits), NOW + i * 1_000, ignore)?.leave(0, NOW + i * 1_000)
  }
  expect(admission.accounts).toBeLessThanOrEqual(512)
})

test('whoever was forgotten counts again when they come back', () => {
  const admission = new Admission(1)
  const token = grant('back', { concurrentRequests: 1 })
  const limits = { requestsPerMinute: 600 }
  admission.enter(endpoint(), token, NOW, ignore)?.leave(0, NOW)
  for (let i = 0; i < 1_000; i++) {
    admission.enter(endpoint(), grant(`t${i}`, limits), NOW + i * 1_000, ignore)?.leave(0, NOW + i * 1_000)
  }
  admission.enter(endpoint(), token, NOW, ignore)
  expect(admission.standingCharges().map(({ key }) => key)).toEqual(['token back'])
})

test('an account in use is not forgotten', () => {
  const admission = new Admission(1)
  const limits = { concurrentRequests: 1 }
  admission.enter(endpoint(), grant('busy', limits), NOW, ignore)
  for (let i = 0; i < 2_000; i++)
    admission.enter(endpoint(), grant(`t${i}`, limits), NOW, ignore)?.leave(0, NOW)
  expect(() => admission.enter(endpoint(), grant('busy', limits), NOW, ignore)).toThrow('at a time')
})

test.for([
  [0, '0ms'],
  [120, '120ms'],
  [1_000, '1s'],
  [8_640, '8.64s'],
  [360_000, '6m0s'],
  [90_951, '1m30.951s'],
] as const)('%i ms is written as %s', ([ms, text]) => {
  expect(asDuration(ms)).toBe(text)
})

test('another worker is asked for a place only where it may be one of the last', async () => {
  const asked: string[] = []
  const admission = new Admission(2_000)
  const wide = endpoint({ concurrentRequests: 501 })
  const narrow = grant('a', { concurrentRequests: 500 })
  expect(admission.isShared(wide, narrow)).toBe(false)
  admission.others = () => 1
  admission.keptElsewhere = async (key, _account, take) => {
    asked.push(key)
    take()
    return 'taken'
  }
  expect(admission.isShared(wide, narrow)).toBe(true)
  expect(admission.isShared(endpoint({ requestsPerMinute: 1 }), undefined)).toBe(false)
  const places = await admission.reserve(wide, narrow, NOW)
  expect(asked).toEqual(['token a'])
  expect(places).toEqual(new Map([['token a', 'taken']]))
})

test('a place that was taken counts once, and is given back with a refusal', async () => {
  const admission = new Admission(2_000)
  const limited = endpoint({ concurrentRequests: 5, requestsPerMinute: 1 })
  admission.others = () => 1
  admission.keptElsewhere = async (_key, _account, take) => {
    take()
    return 'taken'
  }
  const inside = () => admission.standingCharges().map((charge) => charge.inside)
  const pass = admission.enter(
    limited,
    undefined,
    NOW,
    ignore,
    await admission.reserve(limited, undefined, NOW),
  )
  expect(inside()).toEqual([1])
  const places = await admission.reserve(limited, undefined, NOW)
  expect(() => admission.enter(limited, undefined, NOW, ignore, places)).toThrow('1 requests a minute')
  expect(inside()).toEqual([1])
  pass?.leave(0, NOW)
  expect(inside()).toEqual([])
})
