import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { AllGraphs, MetricsAnswer } from '@berth/contract'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { UsageRecord } from '../domain/usage/usage-record.ts'
import { silentLog } from '../platform/log.ts'
import { anEndpoint } from '../store/conformance.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { type MetricsAsk, type MetricsRooms, readGraphs, readMetrics } from './metrics.ts'
import { TimeSeries } from './series/time-series.ts'

const ID = 'aaaaaaaaaaaaaaaa' as EndpointId
const A = 'aaaaaaaa-aaaaa' as ReplicaId
const B = 'aaaaaaaa-bbbbb' as ReplicaId

let directory: string
let clock: FakeClock
let series: TimeSeries
let rooms: MetricsRooms
beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'berth-metrics-'))
  clock = new FakeClock(Date.UTC(2026, 7, 1, 10))
  series = new TimeSeries({ directory, clock, log: silentLog })
  rooms = {
    clock,
    series,
    markers: async () => [],
    limits: async () => ({ maxReplica: 2, cpus: 2, memoryBytes: 4e9, gpus: 0, gpuMemoryBytes: 0 }),
  }
})
afterEach(() => rmSync(directory, { recursive: true }))

const record = (changes: Partial<UsageRecord> = {}): UsageRecord => ({
  requestId: 'r',
  endpointId: ID,
  replicaId: A,
  tokenId: null,
  arrivedAt: clock.now() - (changes.durationMs ?? 100),
  status: 200,
  inputTokens: 10,
  outputTokens: 5,
  cachedTokens: 2,
  isEstimated: false,
  durationMs: 100,
  heldMs: 0,
  firstTokenMs: null,
  interTokenMs: null,
  ...changes,
})

const ask = (asked: MetricsAsk) => readMetrics(rooms, anEndpoint(ID), asked)
const at = (minute: number, second = 0) => Date.UTC(2026, 7, 1, 10, minute, second)

/** Two requests in the first ten seconds, one that failed in the next, nothing after. */
async function someTraffic() {
  series.count([record(), record({ replicaId: B, durationMs: 900, firstTokenMs: 40, interTokenMs: 7 })])
  await clock.advance(15_000)
  series.count([record({ replicaId: null, status: 503, inputTokens: 0, outputTokens: 0, cachedTokens: 0 })])
  series.look(ID, 'cpu', 50, A)
  series.look(ID, 'cpu', 100, B)
  series.look(ID, 'cpu', 50)
  series.look(ID, 'cpu', 100)
  series.look(ID, 'ready', 2)
  await clock.advance(20_000)
}

const valuesOf = (answer: MetricsAnswer, name: string, labels: object = {}) =>
  answer.series.find(
    (one) =>
      one.name === name &&
      Object.entries(labels).every(([key, value]) => (one.labels as Record<string, unknown>)[key] === value),
  )?.values

test('an answer has a column of times and a value of each series for every time', async () => {
  await someTraffic()
  const answer = await ask({ from: at(0), to: at(0, 30), stepMs: 10_000 })
  expect(MetricsAnswer.parse(answer)).toEqual(answer)
  expect(answer.times).toEqual([at(0), at(0, 10), at(0, 20)])
  expect(valuesOf(answer, 'requests', { status: '200' })).toEqual([2, 0, 0])
  expect(valuesOf(answer, 'requests', { status: '503' })).toEqual([0, 1, 0])
  expect(valuesOf(answer, 'tokens', { kind: 'input' })).toEqual([20, 0, 0])
  expect(valuesOf(answer, 'cpu', { statistic: 'mean' })).toEqual([null, 75, null])
  expect(valuesOf(answer, 'cpu', { statistic: 'max' })).toEqual([null, 100, null])
  expect(valuesOf(answer, 'replicas', { phase: 'ready' })).toEqual([0, 2, 0])
  expect(valuesOf(answer, 'pending', { statistic: 'mean' })).toEqual([0, 0, 0])
  const [p99] = valuesOf(answer, 'latency', { quantile: '0.99' })!
  expect(p99! / 100).toBeCloseTo(1, 1)
  expect(answer.replicaIds).toEqual([A, B])
})

test('the summary is of the whole range, with percentiles over all of it', async () => {
  await someTraffic()
  const { summary } = await ask({ from: at(0), to: at(1) })
  expect(summary).toMatchObject({
    requests: { 200: 2, 503: 1 },
    inputTokens: 20,
    outputTokens: 10,
    cachedTokens: 4,
  })
  expect(summary.timeToFirstToken!.p50 / 40).toBeCloseTo(1, 1)
  expect(summary.latency!.mean).toBeCloseTo((100 + 900 + 100) / 3, 0)
  const none = await ask({ from: at(30), to: at(40) })
  expect(none.summary).toMatchObject({ requests: {}, latency: null })
})

test('replicas are told apart when they are asked for', async () => {
  await someTraffic()
  const range = { from: at(0), to: at(0, 30), stepMs: 10_000 }
  const each = await ask({ ...range, replica: 'each', names: ['requests', 'cpu', 'latency', 'replicas'] })
  const requests = each.series.filter(({ name }) => name === 'requests')
  expect(requests.map(({ replica, values }) => [replica, values])).toEqual([
    [A, [1, 0, 0]],
    [B, [1, 0, 0]],
  ])
  expect(each.series.filter(({ name }) => name === 'latency')).toHaveLength(8)
  expect(each.series.filter(({ name }) => name === 'replicas')).toEqual([])
  expect(each.summary.requests).toEqual({ 200: 2, 503: 1 })

  const one = await ask({ ...range, replica: B })
  expect(valuesOf(one, 'latency', { quantile: '0.5' })![0]! / 900).toBeCloseTo(1, 1)
  expect(one.summary.requests).toEqual({ 200: 1 })
})

test('percentiles of a wide step are those of its requests, not of its intervals', async () => {
  for (let i = 0; i < 60; i++) {
    // Nine fast requests for each slow one, which has an interval of its own.
    const durationMs = i % 10 === 9 ? 1_000 : 10
    series.count(Array.from({ length: i % 10 === 9 ? 1 : 9 }, () => record({ durationMs })))
    await clock.advance(10_000)
    await series.flush({ all: false })
  }
  const answer = await ask({ from: at(0), to: at(10), stepMs: 600_000, names: ['latency'] })
  expect(answer.times).toHaveLength(1)
  expect(valuesOf(answer, 'latency', { quantile: '0.95' })![0]! / 10).toBeCloseTo(1, 1)
  expect(valuesOf(answer, 'latency', { quantile: '0.99' })![0]! / 1_000).toBeCloseTo(1, 1)
})

test.for<[string, MetricsAsk, { points: number; stepSeconds: number }]>([
  ['an hour by default', {}, { points: 120, stepSeconds: 30 }],
  ['a day', { from: at(0) - 24 * 3_600_000 }, { points: 144, stepSeconds: 600 }],
  ['a month', { from: at(0) - 30 * 24 * 3_600_000 }, { points: 181, stepSeconds: 14_400 }],
  [
    'finer than what is kept',
    { from: at(0) - 24 * 3_600_000, to: at(0) - 23 * 3_600_000, stepMs: 10_000 },
    { points: 60, stepSeconds: 60 },
  ],
  ['a step that is none of ours', { from: at(0), to: at(1), stepMs: 25_000 }, { points: 2, stepSeconds: 30 }],
])('the steps of %s', async ([, asked, expected]) => {
  await clock.advance(15_000)
  const answer = await ask({ to: at(0), ...asked })
  expect({ points: answer.times.length, stepSeconds: answer.stepSeconds }).toEqual(expected)
})

test.for<[string, MetricsAsk, string, RegExp]>([
  ['turned round', { from: at(5), to: at(1) }, 'from', /the range must end after it begins/],
  [
    'of too many points',
    { from: at(0) - 86_400_000 * 3, to: at(0), stepMs: 60_000 },
    'step',
    /4320 points .* 3000 is the most: .* 87 seconds/,
  ],
])('a range is refused that is %s', async ([, asked, field, message]) => {
  await expect(ask(asked)).rejects.toMatchObject({
    code: 'invalid',
    field,
    message: expect.stringMatching(message),
  })
})

test('the graphs of the managed service show the same numbers', async () => {
  await someTraffic()
  const graphs = await readGraphs(rooms, anEndpoint(ID), { from: at(0), to: at(0, 30) })
  expect(AllGraphs.parse(graphs)).toEqual(graphs)
  expect(graphs.timeWindowSeconds).toBe(10)
  const first = new Date(at(0)).toISOString()
  expect(graphs.responseStatusCodeGrouped.series).toMatchObject([
    { statusCode: '2xx', data: [{ x: first, y: 2 }, { y: 0 }, { y: 0 }] },
    { statusCode: '5xx', data: [{ y: 0 }, { y: 1 }, { y: 0 }] },
  ])
  expect(graphs.hardwareCpu.series).toMatchObject([
    { replicaId: A, data: [{ x: new Date(at(0, 10)).toISOString(), y: 50 }] },
    { replicaId: B, data: [{ y: 100 }] },
  ])
  expect(graphs.replicasStatus.series.map(({ status }) => status)).toEqual([
    'initializing',
    'running',
    'draining',
    'failed',
  ])
  expect(graphs.replicasRunning.series[0]!.data[1]).toMatchObject({ y: 2 })
  expect(graphs.responseElapsed.series.map(({ percentile }) => percentile)).toEqual([
    'p50',
    'p90',
    'p95',
    'p99',
  ])
  expect(graphs.inference.timeToFirstToken.series[0]!.data).toHaveLength(1)
})
