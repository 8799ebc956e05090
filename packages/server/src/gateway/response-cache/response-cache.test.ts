import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EndpointId } from '../../domain/replica.ts'
import { hasOneAnswer } from './cacheable.ts'
import { type CacheKeyParts, cacheKey, ResponseCache } from './response-cache.ts'

const LIMITS = { cacheBytes: 10_000, cachedAnswerBytes: 4_000, cacheMs: 1_000 }
const answer = (bytes: number, keptAt = 0) => ({ lines: '', body: Buffer.alloc(bytes), keptAt })

test.for<[string, string | null, unknown, boolean]>([
  ['/v1/embeddings', null, {}, true],
  ['/embed?x=1', null, {}, true],
  ['/v1/rerank', null, {}, true],
  ['/predict', null, {}, true],
  ['/', 'text-classification', {}, true],
  ['/', null, {}, false],
  ['/', 'text-to-image', {}, false],
  ['/', 'text-generation', { inputs: 'x' }, false],
  ['/', 'text-generation', { inputs: 'x', parameters: { seed: 7 } }, true],
  ['/v1/chat/completions', null, { temperature: 0 }, true],
  ['/v1/chat/completions', null, { temperature: 0.0001 }, false],
  ['/v1/chat/completions', null, { temperature: '0' }, false],
  ['/v1/chat/completions', null, { seed: 1 }, true],
  ['/v1/chat/completions', null, { seed: null }, false],
  ['/v1/chat/completions', null, {}, false],
  ['/v1/chat/completions', null, undefined, false],
  ['/v1/completions', null, { temperature: 0 }, true],
  ['/generate', null, { inputs: 'x', parameters: { seed: 7 } }, true],
  ['/generate', null, { temperature: 0 }, false],
  ['/v1/audio/speech', null, { seed: 1 }, false],
  ['/tokenize', null, {}, false],
])('%s of %j with %j has one answer: %j', ([path, task, body, expected]) => {
  expect(hasOneAnswer(path, task, () => body)).toBe(expected)
})

test('a body is read only where it decides', () => {
  const never = () => expect.unreachable('the body was read')
  expect(hasOneAnswer('/v1/embeddings', null, never)).toBe(true)
  expect(hasOneAnswer('/v1/models', null, never)).toBe(false)
})

test('whatever an answer depends on makes another key, and how a body came in pieces does not', () => {
  const parts: CacheKeyParts = {
    endpointId: 'e' as EndpointId,
    revision: 1,
    method: 'POST',
    path: '/embed',
    tenant: 'user a',
    headers: [undefined, 'x'],
  }
  const body = [Buffer.from('{"input":"x"}')]
  const others: readonly [CacheKeyParts, readonly Buffer[]][] = [
    [{ ...parts, endpointId: 'f' as EndpointId }, body],
    [{ ...parts, revision: 2 }, body],
    [{ ...parts, method: 'PUT' }, body],
    [{ ...parts, path: '/embed?x' }, body],
    [{ ...parts, tenant: 'user b' }, body],
    [{ ...parts, headers: ['x', undefined] }, body],
    [parts, [Buffer.from('{"input":"y"}')]],
    [parts, []],
  ]
  const keys = [cacheKey(parts, body), ...others.map(([one, bytes]) => cacheKey(one, bytes))]
  expect(new Set(keys).size).toBe(keys.length)
  expect(cacheKey(parts, [body[0]!.subarray(0, 5), body[0]!.subarray(5)])).toBe(keys[0])
})

test('an answer is given until it is old', () => {
  const cache = new ResponseCache(LIMITS)
  cache.keep('k', answer(10))
  expect(cache.get('k', 999)?.body).toHaveLength(10)
  expect(cache.get('k', 1_000)).toBeUndefined()
  expect(cache.bytes).toBe(0)
})

test('the least recently used goes first, and what is too large is never kept', () => {
  const cache = new ResponseCache(LIMITS)
  for (const key of ['a', 'b', 'c']) cache.keep(key, answer(2_500))
  expect(cache.get('a', 1)).toBeDefined()
  cache.keep('d', answer(2_500))
  expect(cache.get('b', 1)).toBeUndefined()
  expect(cache.get('a', 1)).toBeDefined()
  cache.keep('e', answer(4_001))
  expect(cache.get('e', 1)).toBeUndefined()
})

test('it never holds more than it may, and counts what it holds', () => {
  const step = fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    bytes: fc.nat(5_000),
    now: fc.nat(2_000),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const cache = new ResponseCache(LIMITS)
      for (const { key, bytes, now } of steps) {
        if (!cache.get(key, now)) cache.keep(key, answer(bytes, now))
        expect(cache.bytes).toBeLessThanOrEqual(LIMITS.cacheBytes)
      }
      for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) cache.get(key, 1e9)
      expect(cache.bytes).toBe(0)
    }),
  )
})
