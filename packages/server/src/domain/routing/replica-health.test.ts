import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  afterAnswer,
  afterFailure,
  afterStatus,
  isAvoided,
  NO_PACE,
  newHealth,
  paced,
  type ReplicaHealth,
  slowness,
} from './replica-health.ts'

const T = 1_000_000
const HOUR_MS = 3_600_000

function after(health: ReplicaHealth, times: number, change: (health: ReplicaHealth) => ReplicaHealth) {
  let changed = health
  for (let i = 0; i < times; i++) changed = change(changed)
  return changed
}
/** How long the next failure keeps others away. */
const pauseMs = (health: ReplicaHealth, now: number) => afterFailure(health, now).avoidUntil - now

describe('a new replica', () => {
  test('is given more as it answers', () => {
    const fresh = newHealth(T)
    expect([0, 1, 2].map((inFlight) => isAvoided(fresh, inFlight, T))).toEqual([false, false, true])
    const answered = after(fresh, 2, (health) => afterAnswer(health, 1_000, 100, T))
    expect([5, 6].map((inFlight) => isAvoided(answered, inFlight, T))).toEqual([false, true])
  })

  test('is given everything after a while even if its first answers take long', () => {
    expect(isAvoided(newHealth(T), 50, T + 29_999)).toBe(true)
    expect(isAvoided(newHealth(T), 50, T + 30_000)).toBe(false)
  })
})

describe('a replica that fails', () => {
  test('is avoided longer each time, and at most for a minute', () => {
    let health = newHealth(T)
    const pauses = Array.from({ length: 9 }, () => {
      const pause = pauseMs(health, health.avoidUntil)
      health = afterFailure(health, health.avoidUntil)
      return pause
    })
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
  })

  test('counts requests that fail together as one failure', () => {
    const once = afterFailure(newHealth(T), T)
    expect(after(once, 20, (health) => afterFailure(health, T + 5))).toEqual(once)
  })

  test('begins again as if it were new when its pause is over', () => {
    const warm = after(newHealth(T - HOUR_MS), 100, (health) => afterAnswer(health, 1_000, 100, T))
    expect(isAvoided(warm, 50, T)).toBe(false)
    const failed = afterFailure(warm, T)
    expect(isAvoided(failed, 0, T + 999)).toBe(true)
    expect([0, 1, 2].map((inFlight) => isAvoided(failed, inFlight, T + 1_000))).toEqual([false, false, true])
  })

  test('is forgiven for an answer', () => {
    const failed = after(newHealth(T), 4, (health) => afterFailure(health, health.avoidUntil))
    expect(pauseMs(afterAnswer(failed, 1_000, 100, T + HOUR_MS), T + HOUR_MS)).toBe(1_000)
  })

  test('may answer with errors now and then, but not five times in a row', () => {
    const four = after(newHealth(T), 4, (health) => afterStatus(health, 500, T))
    expect(isAvoided(four, 0, T)).toBe(false)
    expect(isAvoided(afterStatus(four, 503, T), 0, T)).toBe(true)
    expect(isAvoided(afterStatus(four, 429, T), 0, T)).toBe(true)
    const interrupted = afterStatus(afterStatus(four, 404, T), 500, T)
    expect(isAvoided(interrupted, 0, T)).toBe(false)
  })
})

describe('a slow replica', () => {
  const paceOf = (ms: number, times: number) => {
    let pace = NO_PACE
    for (let i = 0; i < times; i++) pace = paced(pace, 1_000, ms, T)
    return pace
  }
  const slow = (ms: number, times: number): ReplicaHealth => ({ ...newHealth(T), pace: paceOf(ms, times) })
  const usual = paceOf(100, 50)

  test('counts as busier the slower it is, up to a bound', () => {
    expect(slowness(slow(400, 20), usual, T)).toBeCloseTo(2)
    expect(slowness(slow(800, 20), usual, T)).toBeCloseTo(4)
    expect(slowness(slow(60_000, 20), usual, T)).toBe(8)
  })

  test('is not told from the others by a little, nor by a few answers', () => {
    expect(slowness(slow(190, 20), usual, T)).toBe(1)
    expect(slowness(slow(5, 20), usual, T)).toBe(1)
    expect(slowness(slow(60_000, 7), usual, T)).toBe(1)
  })

  test('is tried again when what is known of it is old', () => {
    const health = slow(60_000, 20)
    expect(slowness(health, usual, T + 60_000)).toBeCloseTo(4.5)
    expect(slowness(health, usual, T + HOUR_MS)).toBeCloseTo(1)
  })

  test('never counts as less than it is, nor as more than the bound', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000), { maxLength: 30 }), fc.nat(100_000), (times, ms) => {
        const health = times.reduce((before, took) => afterAnswer(before, 500, took, T), newHealth(T))
        const factor = slowness(health, paceOf(ms, 10), T)
        expect(factor).toBeGreaterThanOrEqual(1)
        expect(factor).toBeLessThanOrEqual(8)
      }),
    )
  })
})
