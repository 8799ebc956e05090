import { describe, expect, test } from 'vitest'
import { advice, newBackTest, tested } from './back-test.ts'
import { type Batch, corrected, nothingLearned, withBatch } from './learned-capacity.ts'
import { binOf, missShares, noMisses, withOutcome } from './miss-curve.ts'
import { loadOfFlow, replicasNeeded } from './replicas-needed.ts'
import { promise, sloMeasure } from './scale-test-world.ts'

const prior = sloMeasure.kind === 'slo' ? sloMeasure.profile : undefined
if (!prior) throw new Error('The measure of the tests is no promise.')

describe('a learned capacity', () => {
  test('finds the real engine from what the gateway sees, and then predicts it', () => {
    const real = { ...prior, stepMs: 45, stepMsPerSequence: 0.9, prefillMsPerToken: 0.45 }
    const interTokenMs = (engine: typeof prior, batch: Omit<Batch, 'interTokenMs'>) => {
      const { sequences, contextTokens, prefillTokensPerSecond } = batch
      const perBatch = engine.stepMsPerSequence * sequences + engine.stepMsPerContextToken * contextTokens
      return (engine.stepMs + perBatch) / (1 - (engine.prefillMsPerToken * prefillTokensPerSecond) / 1_000)
    }
    const batches = Array.from({ length: 2_000 }, (_, i) => ({
      sequences: 5 + ((i * 7) % 40),
      contextTokens: (5 + ((i * 7) % 40)) * (400 + ((i * 13) % 900)),
      prefillTokensPerSecond: (i * 31) % 1_200,
    }))
    let learned = nothingLearned()
    for (const batch of batches) {
      learned = withBatch(learned, prior, { ...batch, interTokenMs: interTokenMs(real, batch) })
    }
    const off = (engine: typeof prior) => {
      const errors = batches.map((batch) =>
        Math.abs(interTokenMs(engine, batch) / interTokenMs(real, batch) - 1),
      )
      return errors.reduce((sum, error) => sum + error, 0) / errors.length
    }
    expect(off(prior)).toBeGreaterThan(0.3)
    expect(off(corrected(prior, learned))).toBeLessThan(0.06)
  })

  test('stays near the profile when nothing contradicts it, and bounded when everything does', () => {
    const batch = { sequences: 10, contextTokens: 8_000, prefillTokensPerSecond: 100 }
    const odd = withBatch(nothingLearned(), prior, { ...batch, interTokenMs: 1e9 })
    for (const factor of odd.factors) expect(factor).toBeLessThanOrEqual(5)
    const once = withBatch(nothingLearned(), prior, { ...batch, interTokenMs: 39.4 })
    for (const factor of once.factors) expect(factor).toBeCloseTo(1, 1)
  })
})

describe('the need', () => {
  const flow = { requestsPerSecond: 4, meanPromptTokens: 1_600, meanAnswerTokens: 200 }
  const needOf = (changes: Partial<typeof flow>) => {
    return replicasNeeded(loadOfFlow({ ...flow, ...changes }, promise), promise, prior).replicas
  }

  test('is in proportion to the requests and grows with each of their sizes', () => {
    expect(needOf({ requestsPerSecond: 40 })).toBeCloseTo(10 * needOf({}))
    expect(needOf({ meanPromptTokens: 3_200 })).toBeGreaterThan(1.5 * needOf({}))
    expect(needOf({ meanAnswerTokens: 400 })).toBeGreaterThan(needOf({}))
    expect(needOf({ requestsPerSecond: 0 })).toBe(0)
  })

  test('says that a promise below the time of one step cannot be kept', () => {
    const hasty = { ...promise, interTokenMs: 20 }
    expect(replicasNeeded(loadOfFlow(flow, hasty), hasty, prior).infeasible).toBe(true)
    expect(replicasNeeded(loadOfFlow(flow, promise), promise, prior).infeasible).toBe(false)
  })
})

describe('a miss curve', () => {
  test('never falls, and believes what it saw over what it assumed', () => {
    let curve = noMisses()
    curve = withOutcome(curve, 0.5, { seen: 10_000, missed: 1_500, fading: 1 })
    curve = withOutcome(curve, 0.8, { seen: 1_000, missed: 0, fading: 1 })
    const shares = missShares(curve)
    expect(shares.toSorted((a, b) => a - b)).toEqual(shares)
    expect(shares[binOf(0.5)]).toBeGreaterThan(0.12)
    expect(shares[binOf(0.3)]).toBeLessThan(0.01)
  })
})

describe('a back-test', () => {
  const judge = { slackMs: 1_500, target: 0.95 }
  /** Two hours of a need, each request missing its promise when the fleet is busier than `limit`. */
  function lived(need: (second: number) => number, limit: number) {
    let test = newBackTest(90_000, 0)
    for (let second = 1; second <= 7_200; second++) {
      const present = need(second)
      const ready = advice(test)
      const missed = present / ready > limit ? 10 : 0
      const seen = { need: present, arrivals: 10, ready, seen: 10, missed }
      test = tested(test, seen, { ...judge, at: second * 1_000 })
    }
    return test
  }

  test('follows a leaner rule where a busy fleet keeps its promises and a richer one where it does not', () => {
    const lean = lived(() => 6, 1)
    const rich = lived(() => 6, 0.4)
    expect(advice(lean)).toBeLessThanOrEqual(8)
    expect(advice(rich)).toBeGreaterThanOrEqual(14)
    expect(advice(rich)).toBeLessThanOrEqual(22)
    expect(rich.attainment).toBeGreaterThanOrEqual(0.9)
  })

  test('counts requests that meet a queue, which a smoothed utilisation does not show', () => {
    const bursts = lived((second) => (second % 60 < 8 ? 14 : 2), Number.POSITIVE_INFINITY)
    expect(advice(bursts)).toBeGreaterThanOrEqual(8)
  })

  test('holds for a load that comes and goes within a cold start', () => {
    const square = lived((second) => (Math.floor(second / 90) % 2 === 0 ? 2 : 10), 1)
    expect(advice(square)).toBeGreaterThanOrEqual(9)
  })
})
