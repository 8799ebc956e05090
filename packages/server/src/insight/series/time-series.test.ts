import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import type { UsageRecord } from '../../domain/usage/usage-record.ts'
import { silentLog } from '../../platform/log.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { TOGETHER } from './frame.ts'
import { LEVELS, type Level } from './level.ts'
import { TimeSeries } from './time-series.ts'

const [TEN_SECONDS, MINUTE, HOUR] = LEVELS
const CHAT = 'chat' as EndpointId
const DAY_MS = 24 * 3_600_000

let directory: string
let clock: FakeClock
beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'berth-series-'))
  clock = new FakeClock(Date.UTC(2026, 7, 1, 10))
})
afterEach(() => rmSync(directory, { recursive: true }))

const open = (maxBytes?: number) =>
  new TimeSeries({ directory, clock, log: silentLog, ...(maxBytes !== undefined && { maxBytes }) })

const record = (changes: Partial<UsageRecord> = {}): UsageRecord => ({
  requestId: 'r',
  endpointId: CHAT,
  replicaId: 'a' as ReplicaId,
  tokenId: null,
  arrivedAt: clock.now() - 40,
  status: 200,
  inputTokens: 10,
  outputTokens: 5,
  cachedTokens: 0,
  isEstimated: false,
  durationMs: 40,
  heldMs: 0,
  firstTokenMs: null,
  interTokenMs: null,
  ...changes,
})

const everything = { from: 0, to: Number.MAX_SAFE_INTEGER, part: () => 'everything' as const }

/** How many requests each step has, at this level. */
async function requests(series: TimeSeries, level: Level, key = TOGETHER, stepMs = level.widthMs) {
  const steps = await series.read(CHAT, level, everything, stepMs)
  return [...steps]
    .toSorted(([a], [b]) => a - b)
    .map(([at, intervals]) => [
      new Date(at).toISOString().slice(11, 19),
      intervals.get(key)?.requests.get(200) ?? 0,
    ])
}

/** One request every second, as the loop would write it. */
async function secondsOfTraffic(series: TimeSeries, seconds: number) {
  for (let second = 0; second < seconds; second++) {
    series.count([record()])
    await clock.advance(1_000)
    if (second % 10 === 9) await series.flush({ all: false })
  }
}

test('a minute of requests is seen at every level at once, before and after it is written', async () => {
  const series = open()
  await secondsOfTraffic(series, 70)
  expect(await requests(series, TEN_SECONDS)).toEqual([
    ...['00', '10', '20', '30', '40', '50'].map((second) => [`10:00:${second}`, 10]),
    ['10:01:00', 10],
  ])
  expect(await requests(series, MINUTE)).toEqual([
    ['10:00:00', 60],
    ['10:01:00', 10],
  ])
  expect(await requests(series, HOUR)).toEqual([['10:00:00', 70]])
  expect(await requests(series, MINUTE, TOGETHER, 600_000)).toEqual([['10:00:00', 70]])
  expect(await requests(series, HOUR, 'a')).toEqual([['10:00:00', 70]])
  expect(await requests(series, HOUR, 'nobody')).toEqual([['10:00:00', 0]])
})

test('a process that was killed loses the interval that was not written, and nothing of the wider ones', async () => {
  const killed = open()
  await secondsOfTraffic(killed, 135)
  const next = open()
  // Written are the intervals that ended two seconds before the last look, at 10:02:10.
  expect(await requests(next, HOUR)).toEqual([['10:00:00', 120]])
  expect(await requests(next, MINUTE)).toEqual([
    ['10:00:00', 60],
    ['10:01:00', 60],
  ])
  await secondsOfTraffic(next, 120)
  await clock.advance(3_000)
  await next.flush({ all: false })
  // Again the last interval was not written: five seconds of it.
  expect(await requests(open(), HOUR)).toEqual([['10:00:00', 235]])
})

test('a process that ends in order loses nothing', async () => {
  const first = open()
  await secondsOfTraffic(first, 35)
  await first.flush({ all: true })
  const second = open()
  expect(await requests(second, HOUR)).toEqual([['10:00:00', 35]])
  await secondsOfTraffic(second, 30)
  await second.flush({ all: true })
  expect(await requests(open(), MINUTE)).toEqual([
    ['10:00:00', 60],
    ['10:01:00', 5],
  ])
})

test('records that come late are counted where they belong', async () => {
  const series = open()
  await secondsOfTraffic(series, 90)
  series.count([record({ arrivedAt: Date.UTC(2026, 7, 1, 10, 0, 5), durationMs: 1_000 })])
  await clock.advance(10_000)
  await series.flush({ all: false })
  expect((await requests(series, TEN_SECONDS))[0]).toEqual(['10:00:00', 11])
  expect((await requests(series, MINUTE))[0]).toEqual(['10:00:00', 61])
  expect(await requests(series, HOUR)).toEqual([['10:00:00', 91]])
})

test('a request that claims to end in the future is counted now', async () => {
  const series = open()
  series.count([record({ arrivedAt: clock.now() + DAY_MS })])
  expect(await requests(series, TEN_SECONDS)).toEqual([['10:00:00', 1]])
})

test('what a kill left of a half written file is cut off, and the file goes on', async () => {
  const killed = open()
  await secondsOfTraffic(killed, 20)
  const [file] = readdirSync(path.join(directory, CHAT))
  appendFileSync(path.join(directory, CHAT, file!), Buffer.from([200, 0, 0, 0, 1, 2, 3]))
  const next = open()
  await secondsOfTraffic(next, 20)
  await next.flush({ all: true })
  expect((await requests(open(), HOUR)).map(([, count]) => count)).toEqual([30])
})

test('files that are over are compressed and still read, also with what came late', async () => {
  const series = open()
  await secondsOfTraffic(series, 60)
  await clock.advance(2 * 3_600_000)
  await series.flush({ all: false })
  await series.tidy()
  const names = () => readdirSync(path.join(directory, CHAT)).toSorted()
  expect(names().filter((name) => name.startsWith('10s'))).toEqual(['10s-1785578400.frames.zst'])
  expect(await requests(series, HOUR)).toEqual([['10:00:00', 60]])

  series.count([record({ arrivedAt: Date.UTC(2026, 7, 1, 10, 0, 5), durationMs: 1_000 })])
  await series.flush({ all: false })
  await series.tidy()
  expect(names().filter((name) => name.startsWith('10s'))).toEqual(['10s-1785578400.frames.zst'])
  expect((await requests(series, TEN_SECONDS))[0]).toEqual(['10:00:00', 11])
})

test('what is older than its level keeps is removed, the finest first', async () => {
  const series = open()
  await secondsOfTraffic(series, 60)
  const levels = async () => {
    await series.flush({ all: false })
    await series.tidy()
    return readdirSync(path.join(directory, CHAT)).map((name) => name.split('-')[0])
  }
  await clock.advance(8 * 3_600_000)
  expect((await levels()).toSorted()).toEqual(['1h', '1m'])
  await clock.advance(9 * DAY_MS)
  expect(await levels()).toEqual(['1h'])
  expect(await requests(series, HOUR)).toEqual([['10:00:00', 60]])
  await clock.advance(32 * DAY_MS)
  expect(await levels()).toEqual([])
})

test('all series together stay within their size', async () => {
  const series = open(2_000)
  await secondsOfTraffic(series, 600)
  await clock.advance(3 * 3_600_000)
  await series.flush({ all: false })
  await series.tidy()
  const bytes = readdirSync(path.join(directory, CHAT)).reduce(
    (sum, name) => sum + statSync(path.join(directory, CHAT, name)).size,
    0,
  )
  expect(bytes).toBeGreaterThan(0)
  expect(bytes).toBeLessThanOrEqual(2_000)
  expect(await requests(series, HOUR)).toEqual([['10:00:00', 600]])
})

test('the series of a deleted endpoint go with it', async () => {
  const series = open()
  await secondsOfTraffic(series, 20)
  await series.forget(CHAT)
  expect(readdirSync(directory)).toEqual([])
  expect(await requests(series, HOUR)).toEqual([])
})

test('gauges keep their mean and their highest value', async () => {
  const series = open()
  for (const value of [1, 2, 9]) series.look(CHAT, 'pending', value)
  series.look(CHAT, 'cpu', 50, 'a' as ReplicaId)
  await clock.advance(20_000)
  await series.flush({ all: false })
  const steps = await open().read(CHAT, TEN_SECONDS, everything, 10_000)
  const intervals = [...steps.values()][0]!
  expect(intervals.get(TOGETHER)!.gauges).toEqual({ pending: { sum: 12, looks: 3, max: 9 } })
  expect(intervals.get('a')!.gauges).toEqual({ cpu: { sum: 50, looks: 1, max: 50 } })
})
