import { expect, test } from 'vitest'
import type { UsageRecord } from '../domain/usage/usage-record.ts'
import { EndpointDemandCount } from './endpoint-demand.ts'

const OBJECTIVE = { firstTokenMs: 1_000, firstTokenMsPerInputToken: 1, interTokenMs: 50, attainment: 0.95 }
const usage = (changes: Partial<UsageRecord> = {}) =>
  ({
    inputTokens: 100,
    outputTokens: 3,
    cachedTokens: 0,
    isEstimated: false,
    interTokenMs: 20,
    ...changes,
  }) as UsageRecord

test('a request is pending until the answer has a status, whatever comes twice', () => {
  const count = new EndpointDemandCount(0)
  const first = count.arrived(0, 400, undefined)
  const second = count.arrived(0, 400, undefined)
  expect(count.pending).toBe(2)
  first.sent(400)
  first.begun()
  first.begun()
  expect(count.pending).toBe(1)
  second.ended(usage({ inputTokens: 0, outputTokens: 0 }), 400, 5)
  second.ended(usage(), 400, 6)
  expect(count.pending).toBe(0)
  expect(count.arrivals).toBe(2)
})

test('tokens are counted as they pass, and at the end as the engine counted them', () => {
  const count = new EndpointDemandCount(0)
  const request = count.arrived(0, 400, OBJECTIVE)
  expect(count.takeTokens()).toMatchObject({ prompt: 100, unprefilled: 100, prefilled: 0, context: 0 })
  request.sent(400)
  request.begun()
  request.texts(1, undefined, 500)
  request.texts(2, 40, 580)
  expect(count.takeTokens()).toMatchObject({
    prompt: 0,
    unprefilled: 0,
    prefilled: 100,
    context: 103,
    generated: 3,
    gaps: 2,
    gapMsSum: 80,
    firstTokens: 1,
    lateFirstTokens: 0,
  })
  request.ended(usage({ outputTokens: 7 }), 400, 900)
  expect(count.takeTokens()).toMatchObject({ generated: 4, context: 0, answers: 1, slowAnswers: 0 })
})

test('what is later or slower than promised is counted', () => {
  const count = new EndpointDemandCount(0)
  const request = count.arrived(0, 400, OBJECTIVE)
  request.sent(400)
  request.texts(1, undefined, 1_101)
  request.ended(usage({ interTokenMs: 51 }), 400, 2_000)
  expect(count.takeTokens()).toMatchObject({ firstTokens: 1, lateFirstTokens: 1, answers: 1, slowAnswers: 1 })
})

test('an endpoint whose answers are no tokens says so', () => {
  const count = new EndpointDemandCount(0)
  count.arrived(0, 400, undefined).ended(usage({ inputTokens: 0, outputTokens: 0 }), 400, 5)
  expect(count.takeTokens()).toBeNull()
})

test('the estimate of a prompt follows what prompts turned out to be, less what a cache held', () => {
  const count = new EndpointDemandCount(0)
  for (let i = 0; i < 200; i++) {
    count.arrived(0, 1_000, undefined).ended(usage({ inputTokens: 500, cachedTokens: 400 }), 1_000, 5)
  }
  const { prompt, uncached } = count.estimate(1_000)
  expect(prompt).toBeCloseTo(500, -1)
  expect(uncached).toBeCloseTo(100, -1)
})

test('nothing is left of a request that was cut off before it was sent', () => {
  const count = new EndpointDemandCount(0)
  count.arrived(0, 0, OBJECTIVE).ended(usage({ inputTokens: 0, outputTokens: 0, interTokenMs: null }), 0, 5)
  expect(count.takeTokens()).toMatchObject({ context: 0, unprefilled: 0 })
  expect(count.pending).toBe(0)
})
