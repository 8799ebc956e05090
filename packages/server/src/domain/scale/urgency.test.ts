import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chatting, first, play, sample, sloMeasure, spec, times } from './scale-test-world.ts'
import { firstScaleState, type ScaleState, step } from './step.ts'
import { arrivalsUntilSurge, PRIOR_SCATTER, surgeOf, withArrivals } from './surge.ts'
import { emptyAverage, withValue } from './time-average.ts'
import { isUrgent } from './urgency.ts'

const NOTHING = { arrivals: 0, pending: 0, waiting: 0 }
const later = ({ clock }: ScaleState, ms = 250) => clock + ms

describe('what does not wait for the next look', () => {
  test('whoever waits while nothing runs', () => {
    const asleep = firstScaleState(0, 0)
    expect(isUrgent(asleep, spec(), { ...NOTHING, waiting: 1 }, 0)).toBe(true)
    expect(isUrgent(asleep, spec(), { ...NOTHING, arrivals: 1 }, 0)).toBe(false)
  })

  test('twice as many pending as the threshold allows, once', () => {
    const calm = play(first(2), times(60, sample({ pending: 2, ready: 2 })), spec()).state
    const urgent = (pending: number, state = calm, wanted = spec()) =>
      isUrgent(state, wanted, { ...NOTHING, pending }, later(state))
    expect([6, 7].map((pending) => urgent(pending))).toEqual([false, true])
    const judged = step(calm, sample({ pending: 7, ready: 2 }), spec(), later(calm)).state
    expect(judged.count).toBe(2)
    expect(urgent(7, judged)).toBe(false)
    const oneByOne = spec({ measure: { kind: 'pendingRequests', perReplica: 1.5, oneAtATime: true } })
    expect(urgent(700, play(first(2), times(60, sample({ ready: 2 })), oneByOne).state, oneByOne)).toBe(false)
  })

  test('so many arrivals that they may be a surge; and it is one when the next report says the same', () => {
    const wanted = spec({ measure: sloMeasure, max: 50 })
    const chat = (arrivals: number, ready: number) => ({ ...chatting(10, { ready }), arrivals })
    const calm = play(
      first(2),
      times(600, (ready: number) => chat(1, ready)),
      wanted,
    ).state
    const urgent = (state: ScaleState, arrivals: number) =>
      isUrgent(state, wanted, { ...NOTHING, arrivals }, later(state))
    expect(urgent(calm, 2)).toBe(false)
    expect(urgent(calm, 12)).toBe(true)
    const once = step(calm, chat(12, 2), wanted, later(calm, 1_000))
    expect(once.decision.term).not.toBe('sloSurge')
    expect(urgent(once.state, 3)).toBe(true)
    const twice = step(once.state, chat(3, 2), wanted, later(once.state))
    expect(twice.decision.term).toBe('sloSurge')
  })

  test('never what two gateways say at the same moment, nor anything when the clock went back', () => {
    const calm = play(first(2), times(60, sample({ pending: 2, ready: 2 })), spec()).state
    const urgent = (ms: number) => isUrgent(calm, spec(), { ...NOTHING, pending: 99 }, later(calm, ms))
    expect([-60_000, 0, 50, 250].map(urgent)).toEqual([false, false, false, true])
  })
})

describe('a surge', () => {
  const lived = fc.array(fc.nat({ max: 12 }), { minLength: 30, maxLength: 90 })

  test('is never made certain by fewer arrivals than it was said to take', () => {
    const someRate = fc.double({ min: 0.1, max: 40, noNaN: true })
    const someAnswerMs = fc.integer({ min: 100, max: 200_000 })
    const passedMs = fc.integer({ min: 200, max: 2_000 })
    fc.assert(
      fc.property(
        lived,
        someRate,
        someAnswerMs,
        passedMs,
        fc.nat({ max: 300 }),
        (counts, rate, answerMs, ms, more) => {
          let arrivals = emptyAverage(120_000, 0)
          let scatter = PRIOR_SCATTER
          counts.forEach((count, second) => {
            arrivals = withValue(arrivals, count, 1_000 * (second + 1))
            scatter = withArrivals(scatter, count, 4)
          })
          const known = { arrivals, scatter, lastRate: 1e9, rateBefore: 1e9 }
          const least = arrivalsUntilSurge(known, answerMs, rate)
          const at = 1_000 * counts.length + ms
          const then = { ...known, arrivals: withValue(arrivals, (1_000 * more) / ms, at) }
          if (surgeOf(then, answerMs).certain >= rate) expect(Math.max(1, more)).toBeGreaterThanOrEqual(least)
        },
      ),
    )
  })

  test('takes more arrivals where they have always come in crowds', () => {
    const until = (crowd: number) => {
      let scatter = PRIOR_SCATTER
      for (let second = 0; second < 3_000; second++) {
        scatter = withArrivals(scatter, second % crowd === 0 ? crowd : 0, 1)
      }
      const arrivals = withValue(emptyAverage(120_000, 0), 1, 60_000)
      return arrivalsUntilSurge({ arrivals, scatter, lastRate: 1, rateBefore: 1 }, 18_000, 4)
    }
    expect(until(1)).toBeLessThan(until(4))
  })

  test('of any size is bounded in time and a number', () => {
    const known = { arrivals: emptyAverage(120_000, 0), scatter: PRIOR_SCATTER, lastRate: 0, rateBefore: 0 }
    for (const rate of [0, 1e-300, 1e6, 1e300, Number.POSITIVE_INFINITY]) {
      expect(arrivalsUntilSurge(known, 18_000, rate)).toBeGreaterThanOrEqual(1)
    }
  })
})
