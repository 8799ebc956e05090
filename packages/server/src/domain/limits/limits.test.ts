import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LimitAccount } from './limit-account.ts'
import { RateBucket } from './rate-bucket.ts'

const NOW = 1_000_000
const steps = fc.array(fc.record({ afterMs: fc.nat(20_000), amount: fc.integer({ min: 1, max: 500 }) }), {
  maxLength: 60,
})

const standing = (bucket: RateBucket | undefined) =>
  bucket && { limit: bucket.perMinute, remaining: bucket.remaining(NOW), resetMs: bucket.msUntilFull(NOW) }

describe('a rate bucket', () => {
  test('begins full and is full again when its own forecast says so', () => {
    const bucket = new RateBucket(60, NOW)
    expect(bucket.remaining(NOW)).toBe(60)
    bucket.take(10, NOW)
    expect(bucket.remaining(NOW)).toBe(50)
    expect(bucket.msUntilFull(NOW)).toBe(10_000)
    expect(bucket.remaining(NOW + 9_999)).toBe(59)
    expect(bucket.remaining(NOW + 10_000)).toBe(60)
    expect(bucket.remaining(NOW + 999_999)).toBe(60)
  })

  test('in debt it has nothing until the debt is paid', () => {
    const bucket = new RateBucket(60, NOW)
    bucket.take(160, NOW)
    expect(bucket.remaining(NOW)).toBe(0)
    expect(bucket.msUntilOne(NOW)).toBe(101_000)
    expect(bucket.remaining(NOW + 100_999)).toBe(0)
    expect(bucket.remaining(NOW + 101_000)).toBe(1)
  })

  test('a clock that is set back gives nothing away and takes nothing', () => {
    const bucket = new RateBucket(60, NOW)
    bucket.take(60, NOW)
    expect(bucket.remaining(NOW - 50_000)).toBe(0)
    expect(bucket.remaining(NOW - 49_000)).toBe(1)
  })

  test('what was used stays used when the rate changes', () => {
    const bucket = new RateBucket(60, NOW)
    bucket.take(50, NOW)
    bucket.changeTo(100, NOW)
    expect(bucket.remaining(NOW)).toBe(50)
    bucket.changeTo(40, NOW)
    expect(bucket.remaining(NOW)).toBe(0)
    expect(bucket.msUntilFull(NOW)).toBe(75_000)
  })

  test('a rate of zero never has anything', () => {
    const bucket = new RateBucket(0, NOW)
    expect(bucket.remaining(NOW + 1e9)).toBe(0)
    expect(bucket.msUntilOne(NOW)).toBe(Number.POSITIVE_INFINITY)
  })

  test('between any two moments no more is granted than the rate and one full bucket', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), steps, (perMinute, asked) => {
        const bucket = new RateBucket(perMinute, NOW)
        const granted: number[] = []
        let now = NOW
        for (const { afterMs, amount } of asked) {
          now += afterMs
          for (let i = 0; i < amount && bucket.remaining(now) >= 1; i++) {
            bucket.take(1, now)
            granted.push(now)
          }
        }
        const tooMuch = granted.some((from, first) =>
          granted
            .slice(first)
            .some((to, others) => others + 1 > perMinute + ((to - from) * perMinute) / 60_000),
        )
        expect(tooMuch).toBe(false)
      }),
      { numRuns: 25 },
    )
  })

  test('a forecast is right to the millisecond, whatever happened before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6_000 }), steps, (perMinute, taken) => {
        const bucket = new RateBucket(perMinute, NOW)
        let now = NOW
        for (const { afterMs, amount } of taken) {
          now += afterMs
          bucket.take(amount, now)
        }
        const waitMs = bucket.msUntilOne(now)
        if (waitMs > 0) expect(bucket.remaining(now + waitMs - 1)).toBe(0)
        expect(bucket.remaining(now + waitMs)).toBeGreaterThanOrEqual(1)
      }),
    )
  })

  test('over any time what is charged stays within the rate, but for the one request that crossed it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), steps, (perMinute, asked) => {
        const bucket = new RateBucket(perMinute, NOW)
        let now = NOW
        let charged = 0
        for (const { afterMs, amount } of asked) {
          now += afterMs
          if (bucket.remaining(now) < 1) continue
          expect(charged).toBeLessThanOrEqual(perMinute + ((now - NOW) * perMinute) / 60_000)
          bucket.take(amount, now)
          charged += amount
        }
      }),
    )
  })
})

describe('a limit account', () => {
  test('refuses the request after the last one of the minute, and says when to come back', () => {
    const account = new LimitAccount({ requestsPerMinute: 2 }, NOW)
    for (let i = 0; i < 2; i++) {
      expect(account.refusal(NOW)).toBeUndefined()
      account.enter(NOW)
    }
    expect(account.refusal(NOW)).toEqual({ kind: 'requests', limit: 2, retryAfterMs: 30_000 })
    expect(account.refusal(NOW + 30_000)).toBeUndefined()
  })

  test('asking changes nothing', () => {
    const account = new LimitAccount({ requestsPerMinute: 1 }, NOW)
    for (let i = 0; i < 5; i++) expect(account.refusal(NOW)).toBeUndefined()
    expect(standing(account.requests)).toEqual({ limit: 1, remaining: 1, resetMs: 0 })
  })

  test('a request holds its place until it leaves', () => {
    const account = new LimitAccount({ concurrentRequests: 1 }, NOW)
    account.enter(NOW)
    expect(account.refusal(NOW)).toEqual({ kind: 'concurrency', limit: 1, retryAfterMs: undefined })
    account.leave(1_000, NOW)
    expect(account.refusal(NOW)).toBeUndefined()
    expect(account.inside).toBe(0)
  })

  test('the answer that crosses the token limit is paid for by those who come after it', () => {
    const account = new LimitAccount({ tokensPerMinute: 100 }, NOW)
    account.enter(NOW)
    expect(account.refusal(NOW)).toBeUndefined()
    account.leave(250, NOW)
    expect(standing(account.tokens)).toEqual({ limit: 100, remaining: 0, resetMs: 150_000 })
    expect(account.refusal(NOW)).toEqual({ kind: 'tokens', limit: 100, retryAfterMs: 90_600 })
    expect(account.refusal(NOW + 90_600)).toBeUndefined()
  })

  test('a limit of zero is refused without a time to come back', () => {
    expect(new LimitAccount({ requestsPerMinute: 0 }, NOW).refusal(NOW)).toEqual({
      kind: 'requests',
      limit: 0,
      retryAfterMs: undefined,
    })
  })

  test('limits can be changed, added and lifted under way', () => {
    const account = new LimitAccount({ requestsPerMinute: 10 }, NOW)
    account.enter(NOW)
    account.changeTo({ requestsPerMinute: 1, tokensPerMinute: 5 }, NOW)
    expect(account.refusal(NOW)).toMatchObject({ kind: 'requests', limit: 1 })
    account.changeTo({ tokensPerMinute: 5 }, NOW)
    expect(account.refusal(NOW)).toBeUndefined()
    expect(account.requests).toBeUndefined()
    expect(standing(account.tokens)).toEqual({ limit: 5, remaining: 5, resetMs: 0 })
  })

  test('is fresh only when nobody is inside and nothing is used up', () => {
    const account = new LimitAccount({ requestsPerMinute: 60, tokensPerMinute: 60 }, NOW)
    expect(account.isFresh(NOW)).toBe(true)
    account.enter(NOW)
    expect(account.isFresh(NOW + 60_000)).toBe(false)
    account.leave(2, NOW)
    expect(account.isFresh(NOW + 1_999)).toBe(false)
    expect(account.isFresh(NOW + 2_000)).toBe(true)
  })
})
