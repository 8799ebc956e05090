import type { Scaling } from '@berth/contract'
import { expect, test } from 'vitest'
import { fixed } from './baselines/baselines.ts'
import { learnedProfile, type SeenRequest } from './learned-profile.ts'
import { PROFILES } from './profiles.ts'
import { poisson } from './synthetic.ts'
import { bestOf, type WhatIfRow, whatIf } from './what-if.ts'
import { play } from './world.ts'

const slo = { firstTokenMs: 2_000, firstTokenMsPerPromptToken: 1, interTokenMs: 100, attainment: 0.95 }
const real = { ...PROFILES.small, stepMs: 20, stepMsPerSequence: 1, startMs: 40_000 }

/** What an endpoint's own requests look like after they ran on one replica, at times too few. */
function lived(): SeenRequest[] {
  const trace = poisson('lived', (at) => (at < 15 * 60_000 ? 0.4 : 1.6), 30 * 60_000, 5)
  const { requests } = play({ trace, profile: real, slo, policy: fixed(1), max: 1, beginWith: 1 })
  return [...trace.at].map((atMs, i) => ({
    atMs,
    inputTokens: trace.input[i]!,
    cachedTokens: 0,
    outputTokens: trace.output[i]!,
    heldMs: 0,
    durationMs: requests.finishedAt[i]! - atMs,
    firstTokenMs: requests.firstTokenAt[i]! - atMs,
    interTokenMs: (requests.finishedAt[i]! - requests.firstTokenAt[i]!) / Math.max(1, trace.output[i]! - 1),
    replica: 1,
  }))
}
const seen = lived()
const startTimesMs = [39_000, 44_000, 40_500]

const pending: Scaling = {
  minReplica: 1,
  maxReplica: 20,
  scaleToZeroTimeout: null,
  measure: { pendingRequests: 1.5 },
  strict: true,
}
const objective = { firstTokenMs: 2_000, firstTokenMsPerInputToken: 1, interTokenMs: 100, attainment: 0.95 }
const question = { requests: seen, beganAt: Date.UTC(2026, 5, 3), startTimesMs, pricePerHour: 2, objective }

test('the capacity of a replica is found from how its requests fared', () => {
  const profile = learnedProfile(seen, startTimesMs)
  const stepMsAt = ({ stepMs, stepMsPerSequence, stepMsPerContextToken }: typeof real, sequences: number) => {
    return stepMs + sequences * (stepMsPerSequence + 900 * stepMsPerContextToken)
  }
  for (const sequences of [4, 16]) {
    const share = stepMsAt(profile as typeof real, sequences) / stepMsAt(real, sequences)
    expect(share).toBeGreaterThan(0.7)
    expect(share).toBeLessThan(1.4)
  }
  expect(profile.startMs).toBe(40_500)
})

test('present, asked and suggested are played on the same requests, and the suggestion keeps the promise', () => {
  const asked = { ...pending, measure: { pendingRequests: 30 } }
  const { rows } = whatIf({ ...question, present: pending, asked })
  const [first, second, third] = rows
  expect(rows.map(({ role }) => role)).toEqual(['present', 'asked', 'suggested'])
  for (const { outcome, cost } of rows) {
    expect(outcome.requests).toBe(seen.length)
    expect(cost).toBeCloseTo(2 * outcome.replicaHours)
  }
  // Fewer replicas for each request cost less and keep less.
  expect(second!.cost).toBeLessThan(first!.cost)
  expect(second!.outcome.attainment).toBeLessThan(first!.outcome.attainment)
  expect(third!.outcome.attainment).toBeGreaterThanOrEqual(slo.attainment)
  expect(third!.cost).toBeLessThan(first!.cost)
})

test('an endpoint that may sleep sleeps in the replay too, and its first requests meet no replica', () => {
  const rare = [0, 3_600_000, 7_200_000].flatMap((hour) =>
    Array.from({ length: 10 }, (_, i) => ({ ...seen[i]!, atMs: hour + 1_000 * i })),
  )
  const sleepy = { ...pending, minReplica: 0, scaleToZeroTimeout: 1 }
  const { rows } = whatIf({ ...question, requests: rare, present: sleepy, asked: undefined })
  expect(rows[0]!.outcome.metNone).toBeGreaterThanOrEqual(3)
  expect(rows[0]!.outcome.replicaHours).toBeLessThan(0.2)
  expect(rows[0]!.outcome.unfinished).toBe(0)
})

test('where no policy keeps the promise, the one that keeps most of it is suggested', () => {
  const row = (attainment: number, replicaHours: number) =>
    ({ role: 'suggested', scaling: pending, outcome: { attainment, replicaHours }, cost: 0 }) as WhatIfRow
  expect(bestOf([row(0.5, 1), row(0.8, 9)], 0.95).outcome.attainment).toBe(0.8)
  expect(bestOf([row(0.96, 5), row(0.99, 4), row(0.9, 1)], 0.95).outcome.replicaHours).toBe(4)
})
