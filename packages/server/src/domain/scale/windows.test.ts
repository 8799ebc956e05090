import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { emptyExtremes, largestOf, smallestOf, withExtreme } from './extreme-window.ts'
import { covers, emptyAverage, meanOver, withValue } from './time-average.ts'
import { type WarmHours, warmMinimum } from './warm-hours.ts'

describe('a time average', () => {
  test('is the mean of what was measured, weighted by how long it lasted', () => {
    let average = emptyAverage(20_000, 500)
    average = withValue(average, 10, 4_000)
    average = withValue(average, 0, 6_000)
    expect(meanOver(average, 20_000)).toBeCloseTo(35 / 5.5)
    expect(meanOver(average, 2_000)).toBe(0)
    expect(meanOver(average, 4_000)).toBeCloseTo(5)
    expect(covers(average, 5_500)).toBe(true)
    expect(covers(average, 5_501)).toBe(false)
  })

  test('forgets what is older than its window, whatever the gaps', () => {
    const steps = fc.array(fc.tuple(fc.nat({ max: 100 }), fc.integer({ min: 1, max: 40_000 })), {
      minLength: 1,
    })
    fc.assert(
      fc.property(steps, fc.nat({ max: 5_000 }), (values, start) => {
        let average = emptyAverage(20_000, start)
        let at = start
        const told: { from: number; to: number; value: number }[] = []
        for (const [value, passedMs] of values) {
          told.push({ from: at, to: at + passedMs, value })
          at += passedMs
          average = withValue(average, value, at)
        }
        const windowMs = Math.min(20_000, at - start)
        const from = at - windowMs
        const exact = told.reduce((sum, part) => {
          return sum + part.value * Math.max(0, Math.min(part.to, at) - Math.max(part.from, from))
        }, 0)
        // A window that begins within a second takes that second as even: off by less than its 100 × 1 s.
        expect(Math.abs(meanOver(average, windowMs) - exact / windowMs)).toBeLessThanOrEqual(
          100_000 / windowMs,
        )
      }),
    )
  })
})

describe('an extreme window', () => {
  test('keeps the largest and the smallest for its time and then lets go', () => {
    let extremes = emptyExtremes(60_000, 12, 0)
    extremes = withExtreme(extremes, 9, 1_000)
    extremes = withExtreme(extremes, 2, 30_000)
    expect([largestOf(extremes), smallestOf(extremes)]).toEqual([9, 2])
    extremes = withExtreme(extremes, 5, 59_000)
    expect(largestOf(extremes)).toBe(9)
    extremes = withExtreme(extremes, 5, 71_000)
    expect([largestOf(extremes), smallestOf(extremes)]).toEqual([5, 2])
    extremes = withExtreme(extremes, 4, 600_000)
    expect([largestOf(extremes), smallestOf(extremes)]).toEqual([4, 4])
  })
})

describe('warm hours', () => {
  const night: WarmHours = {
    days: ['Fri'],
    fromHour: 22,
    toHour: 2,
    minReplicas: 3,
    timeZone: 'Asia/Kolkata',
  }
  const at = (text: string) => warmMinimum([night], Date.parse(text), null)?.minReplicas

  test('are read in their own time zone and go on past midnight', () => {
    expect(at('2026-06-05T16:29:59Z')).toBe(0)
    expect(at('2026-06-05T16:30:00Z')).toBe(3)
    expect(at('2026-06-05T20:29:59Z')).toBe(3)
    expect(at('2026-06-05T20:30:00Z')).toBe(0)
    expect(at('2026-06-06T16:30:00Z')).toBe(0)
  })

  test('follow the summer time of their zone', () => {
    const office: WarmHours = {
      days: ['Mon'],
      fromHour: 9,
      toHour: 10,
      minReplicas: 1,
      timeZone: 'Europe/Paris',
    }
    const minimum = (text: string) => warmMinimum([office], Date.parse(text), null)?.minReplicas
    expect([minimum('2026-03-23T08:00:00Z'), minimum('2026-03-23T07:00:00Z')]).toEqual([1, 0])
    expect([minimum('2026-03-30T08:00:00Z'), minimum('2026-03-30T07:00:00Z')]).toEqual([0, 1])
  })

  test('are not worked out again within a quarter of an hour, and never for a zone that does not exist', () => {
    const now = Date.parse('2026-06-05T17:01:00Z')
    const known = warmMinimum([night], now, null)
    expect(warmMinimum([night], now + 60_000, known)).toBe(known)
    expect(warmMinimum([night], now - 3_600_000, known)).not.toBe(known)
    expect(warmMinimum([{ ...night, timeZone: 'Mars/Olympus' }], now, null)?.minReplicas).toBe(0)
  })
})
