import fc from 'fast-check'
import { expect, test } from 'vitest'
import { START_TIMES_KEPT, startEstimate, timeLeft, timeLeftInWords, withStartTime } from './start-times.ts'

test('nothing is said before the first start was seen', () => {
  expect(startEstimate(undefined)).toBeUndefined()
  expect(startEstimate([])).toBeUndefined()
})

test('the newest are kept, and what is no time is left aside', () => {
  let times: readonly number[] = []
  for (let ms = 1; ms <= START_TIMES_KEPT + 5; ms++) times = withStartTime(times, ms)
  expect(times).toHaveLength(START_TIMES_KEPT)
  expect(times.at(-1)).toBe(START_TIMES_KEPT + 5)
  expect(withStartTime(times, Number.NaN)).toBe(times)
  expect(withStartTime(times, -5)).toBe(times)
})

test('the estimate is the middle of what was seen, with a band that narrows as more is seen', () => {
  expect(startEstimate([4_000])).toMatchObject({ usualMs: 4_000, earliestMs: 1_400, latestMs: 6_600 })
  const known = startEstimate(new Array(20).fill(4_000))!
  expect(known).toMatchObject({ usualMs: 4_000, earliestMs: 3_300, latestMs: 4_700 })
})

test('a history of two kinds of starts has both in its band', () => {
  const kinds = [...new Array(10).fill(3_000), ...new Array(10).fill(20_000)]
  const { earliestMs, latestMs } = startEstimate(kinds)!
  expect(earliestMs).toBeLessThanOrEqual(3_000)
  expect(latestMs).toBeGreaterThanOrEqual(20_000)
})

test('of starts that vary by chance alone, the next lies in the band more than four times in five', () => {
  let seed = 7
  const chance = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return seed / 2 ** 31
  }
  let seen: readonly number[] = []
  let inside = 0
  for (let start = 0; start < 2_020; start++) {
    const next = 1_000 * Math.exp(2 * (chance() + chance() + chance() - 1.5))
    const { earliestMs = 0, latestMs = 0 } = startEstimate(seen) ?? {}
    if (start >= START_TIMES_KEPT && next >= earliestMs && next <= latestMs) inside++
    seen = withStartTime(seen, next)
  }
  expect(inside / 2_000).toBeGreaterThan(0.8)
})

test('whatever was seen, the band holds the middle and lies after the beginning', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(600_000), { minLength: 1, maxLength: 30 }), (times) => {
      const { earliestMs, usualMs, latestMs } = startEstimate(times)!
      expect(earliestMs).toBeGreaterThanOrEqual(0)
      expect(earliestMs).toBeLessThanOrEqual(usualMs)
      expect(usualMs).toBeLessThanOrEqual(latestMs)
    }),
  )
})

const estimate = { usualMs: 10_000, earliestMs: 8_000, latestMs: 14_000 }

test.for([
  { when: 'nothing has begun', since: null, left: { etaMs: 10_000, rangeMs: [8_000, 14_000] } },
  { when: 'it began 3 s ago', since: 97_000, left: { etaMs: 7_000, rangeMs: [5_000, 11_000] } },
  { when: 'files come first', since: 120_000, left: { etaMs: 30_000, rangeMs: [28_000, 34_000] } },
  { when: 'it should be ready by now', since: 88_000, left: { etaMs: 1_000, rangeMs: [0, 2_000] } },
  { when: 'it never took so long', since: 80_000, left: undefined },
])('what is left when $when', ({ since, left }) => {
  expect(timeLeft({ ...estimate, since }, 100_000)).toEqual(left)
})

test('nothing known is nothing said', () => {
  expect(timeLeft(null, 0)).toBeUndefined()
})

test('people are told whole seconds', () => {
  expect(timeLeftInWords({ etaMs: 3_100, rangeMs: [1_900, 4_800] })).toBe('ready in about 3 s (2 to 5 s)')
  expect(timeLeftInWords({ etaMs: 200, rangeMs: [100, 300] })).toBe('ready in about 1 s')
})
