import { describe, expect, test } from 'vitest'
import { firstEstimate, needsOf, withDemand } from './demand-estimate.ts'
import { firstHeadRoom, SMALLEST_HEAD_ROOM, withOutcomes } from './head-room.ts'
import { type Batch, corrected, nothingLearned, withBatch } from './learned-capacity.ts'
import { loadOfFlow, replicasNeeded } from './replicas-needed.ts'
import { promise, sample, sloMeasure, tokens } from './scale-test-world.ts'

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

describe('a head-room', () => {
  /** So many seconds of ten requests each, of which `missed` miss their promise, on a fleet of ten. */
  function lived(seconds: number, { need, missed }: { need: number; missed: number }) {
    let headRoom = firstHeadRoom(0, promise.attainment)
    for (let second = 1; second <= seconds; second++) {
      const facts = { need, ready: 10, attainment: promise.attainment, canTeach: true, at: second * 1_000 }
      headRoom = withOutcomes(headRoom, { seen: 10, missed }, facts)
    }
    return headRoom
  }

  test('grows while a busy fleet misses promises, faster the more it misses, and not without bound', () => {
    const some = lived(600, { need: 8, missed: 1 }).factor
    const many = lived(600, { need: 8, missed: 3 }).factor
    expect(some).toBeGreaterThan(SMALLEST_HEAD_ROOM)
    expect(many).toBeGreaterThan(some)
    expect(lived(50_000, { need: 8, missed: 10 }).factor).toBe(4)
  })

  test('stays where it is while promises are kept as they should be', () => {
    expect(lived(5_000, { need: 8, missed: 0.2 }).factor).toBe(SMALLEST_HEAD_ROOM)
  })

  test('shrinks again when hardly any promise is missed any more', () => {
    let headRoom = lived(600, { need: 8, missed: 3 })
    const grown = headRoom.factor
    const facts = { need: 8, ready: 10, attainment: promise.attainment, canTeach: true }
    for (let second = 601; second <= 20_000; second++) {
      headRoom = withOutcomes(headRoom, { seen: 10, missed: 0 }, { ...facts, at: second * 1_000 })
    }
    expect(headRoom.factor).toBeLessThan(grown)
    expect(headRoom.factor).toBeGreaterThanOrEqual(SMALLEST_HEAD_ROOM)
  })

  test('learns nothing from an idle fleet, a hopeless one or one that is still starting', () => {
    expect(lived(600, { need: 2, missed: 10 }).factor).toBe(SMALLEST_HEAD_ROOM)
    expect(lived(600, { need: 40, missed: 10 }).factor).toBe(SMALLEST_HEAD_ROOM)
    const starting = { need: 8, ready: 10, attainment: promise.attainment, canTeach: false, at: 1_000 }
    const before = firstHeadRoom(0, promise.attainment)
    expect(withOutcomes(before, { seen: 100, missed: 100 }, starting).factor).toBe(before.factor)
  })
})

describe('the demand', () => {
  const flow = { prompt: 4_000, answers: 4, generated: 800, firstTokens: 4, prefilled: 4_000 }
  const profile = prior
  function needed(seconds: number, arrivals: (second: number) => number, sizes = (_: number) => 1_000) {
    let estimate = firstEstimate(0)
    let last = { usual: 0, surge: 0, certainSurge: 0, infeasible: false }
    for (let second = 1; second <= seconds; second++) {
      const count = arrivals(second)
      const flowing = tokens({
        ...flow,
        answers: count,
        generated: 200 * count,
        prompt: count * sizes(second),
      })
      estimate = withDemand(estimate, count, flowing, { at: second * 1_000, elapsedMs: 1_000 })
      const measured = sample({ arrivals: count, inFlight: 0, ready: 2, tokens: flowing })
      last = needsOf(estimate, measured, flowing, { slo: promise, profile: profile! })
    }
    return last
  }

  test('eight times the load shows within three seconds, all of it, and is certain', () => {
    const step = (second: number) => (second > 600 ? 8 : 1)
    const before = needed(600, step)
    const after = needed(603, step)
    expect(after.surge).toBeGreaterThan(7 * before.usual)
    expect(after.certainSurge).toBeGreaterThan(3 * before.usual)
    expect(needed(660, step).usual).toBeCloseTo(after.surge, 1)
  })

  test('a second of many arrivals is no surge', () => {
    const blip = (second: number) => (second === 602 ? 12 : 1)
    expect(needed(603, blip).certainSurge).toBeLessThan(1.6 * needed(600, blip).usual)
  })

  test('a prompt that has more time for being long is not counted as if it were short', () => {
    const waiting = (sizes: (second: number) => number) => {
      let estimate = firstEstimate(0)
      for (let second = 1; second <= 600; second++) {
        const flowing = tokens({ prompt: sizes(second), answers: 1, generated: 200 })
        estimate = withDemand(estimate, 1, flowing, { at: second * 1_000, elapsedMs: 1_000 })
      }
      const flowing = tokens({ unprefilled: 30_000 })
      const measured = sample({ inFlight: 1, ready: 20, tokens: flowing })
      return needsOf(estimate, measured, flowing, { slo: promise, profile: profile! }).usual
    }
    const even = waiting(() => 1_500)
    const uneven = waiting((second) => (second % 20 === 0 ? 20_500 : 500))
    expect(uneven).toBeLessThan(even / 2.5)
  })
})
