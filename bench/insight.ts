/**
 * What it costs to know what happened: asking for a day of ten replicas, keeping a month of a hundred endpoints, and
 * taking in five hundred requests a second and a thousand lines of output.
 *
 * The rooms themselves in this process, on a directory of its own and a clock that is moved: a month takes minutes.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { EndpointId, ReplicaId } from '../packages/server/src/domain/replica.ts'
import type { UsageRecord } from '../packages/server/src/domain/usage/usage-record.ts'
import { LogArchive } from '../packages/server/src/insight/logs/log-archive.ts'
import { LogKeeper } from '../packages/server/src/insight/logs/log-keeper.ts'
import { readMetrics } from '../packages/server/src/insight/metrics.ts'
import {
  encodeFrame,
  type Intervals,
  intervalOf,
  TOGETHER,
} from '../packages/server/src/insight/series/frame.ts'
import { LEVELS } from '../packages/server/src/insight/series/level.ts'
import { SeriesFiles } from '../packages/server/src/insight/series/series-files.ts'
import { TimeSeries } from '../packages/server/src/insight/series/time-series.ts'
import { UsageReception } from '../packages/server/src/insight/usage/usage-reception.ts'
import { systemClock } from '../packages/server/src/platform/clock.ts'
import { silentLog } from '../packages/server/src/platform/log.ts'
import { openSqliteStore } from '../packages/server/src/store/sql/sqlite-store.ts'
import { atMost, median, plain, report } from './report.ts'

const DAY_MS = 24 * 3_600_000
const MONTH_MS = 30 * DAY_MS
const NOW = Math.floor(Date.now() / DAY_MS) * DAY_MS
const ENDPOINTS = 100
const REPLICAS_OF_A_DAY = 10
const REQUESTS_PER_SECOND = 500
const LINES_PER_SECOND = 1_000
const RUN_MS = 20_000

/** Stands where it is put. */
const clock = { ...systemClock, now: () => NOW }

let seed = 7
const home = mkdtempSync(path.join(os.tmpdir(), 'berth-bench-insight-'))
try {
  report('Insight', [...(await queries()), ...(await month()), ...(await intake()), ...(await output())])
} finally {
  rmSync(home, { recursive: true })
}

/** The same numbers in every run. */
function chance(): number {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
  return seed / 2 ** 31
}

function record(endpointId: EndpointId, replicaId: ReplicaId, arrivedAt: number): UsageRecord {
  // Most answers are quick and a few are slow, as they are.
  const durationMs = Math.round(80 * Math.exp(1.2 * (chance() + chance() + chance() - 1.5)))
  return {
    requestId: 'aaaaaaaaaa',
    endpointId,
    replicaId,
    tokenId: null,
    arrivedAt,
    status: chance() < 0.01 ? 500 : 200,
    inputTokens: Math.round(500 * chance()),
    outputTokens: Math.round(200 * chance()),
    cachedTokens: 0,
    isEstimated: false,
    durationMs,
    heldMs: 0,
    firstTokenMs: Math.round(durationMs / 4),
    interTokenMs: 5 + 10 * chance(),
  }
}

/** One interval of so many replicas with so many requests each. */
function interval(endpoint: EndpointId, replicas: number, requests: number): Intervals {
  const intervals: Intervals = new Map()
  for (let r = 0; r < replicas; r++) {
    const replica = `aaaaaaaa-${String(r).padStart(5, 'a')}` as ReplicaId
    for (let i = 0; i < requests; i++) {
      const one = record(endpoint, replica, NOW)
      for (const key of [TOGETHER, replica]) intervalOf(intervals, key).count(one)
    }
    for (const key of [TOGETHER, replica]) {
      const its = intervalOf(intervals, key)
      its.look('cpu', 100 * chance())
      its.look('memory', 1e9 * chance())
      its.look('inFlight', Math.round(8 * chance()))
    }
  }
  const whole = intervalOf(intervals, TOGETHER)
  whole.look('pending', Math.round(3 * chance()))
  whole.look('ready', replicas)
  return intervals
}

async function fill(endpoint: EndpointId, replicas: number, requests: number, spanMs: number) {
  const files = new SeriesFiles(path.join(home, 'series', endpoint))
  for (const level of LEVELS) {
    const from = NOW - Math.min(spanMs, level.keptMs)
    for (let at = from; at < NOW; at += level.fileMs) {
      const frames: Buffer[] = []
      for (let t = at; t < Math.min(at + level.fileMs, NOW); t += level.widthMs) {
        frames.push(encodeFrame(t, interval(endpoint, replicas, requests)))
      }
      await files.append(level, at, Buffer.concat(frames))
    }
  }
  await files.tidy(clock)
}

async function queries() {
  const endpoint = 'day' as EndpointId
  await fill(endpoint, REPLICAS_OF_A_DAY, 10, DAY_MS)
  const series = new TimeSeries({ directory: path.join(home, 'series'), clock, log: silentLog })
  const rooms = {
    clock,
    series,
    markers: async () => [],
    limits: async () => ({ maxReplica: 10, cpus: 2, memoryBytes: 4e9, gpus: 0, gpuMemoryBytes: 0 }),
  }
  const ask = async (replica: 'each' | undefined) => {
    const took: number[] = []
    const spent: number[] = []
    for (let run = 0; run < 12; run++) {
      const cpu = process.cpuUsage()
      const begun = performance.now()
      const asked = { from: NOW - DAY_MS, to: NOW, stepMs: 300_000, ...(replica && { replica }) }
      JSON.stringify(await readMetrics(rooms, { id: endpoint } as never, asked))
      if (run <= 1) continue
      took.push(performance.now() - begun)
      const { user, system } = process.cpuUsage(cpu)
      spent.push((user + system) / 1_000)
    }
    return { took: median(took), spent: median(spent) }
  }
  const together = await ask(undefined)
  const each = await ask('each')
  rmSync(path.join(home, 'series', endpoint), { recursive: true })
  return [
    atMost('24 h of 10 replicas, all series, together', together.took, 'ms', 150),
    plain('of that, on a processor', together.spent, 'ms'),
    atMost('24 h of 10 replicas, all series, of each', each.took, 'ms', 150),
    plain('of that, on a processor (several in part)', each.spent, 'ms'),
  ]
}

/** One endpoint is filled and weighed; a hundred of them are a hundred times as much. */
async function month() {
  const endpoint = 'month' as EndpointId
  await fill(endpoint, 2, 20, MONTH_MS)
  const directory = path.join(home, 'series', endpoint)
  const bytes = sizeOf(directory)
  rmSync(directory, { recursive: true })
  return [
    atMost('30 days of 100 endpoints with 2 busy replicas each', (ENDPOINTS * bytes) / 2 ** 20, 'MiB', 1_024),
  ]
}

/** Real time: the processor is what is measured. */
async function intake() {
  const series = new TimeSeries({ directory: path.join(home, 'intake'), clock: systemClock, log: silentLog })
  const store = await openSqliteStore({ file: path.join(home, 'berth.db'), key: Buffer.alloc(32, 7) })
  const usage = new UsageReception({
    clock: systemClock,
    log: silentLog,
    store,
    acknowledge: () => {},
    consumers: [(batch) => series.count(batch)],
  })
  const stop = new AbortController()
  const running = series.run(stop.signal)
  const every = 250
  const records = Array.from({ length: 5_000 }, (_, i) =>
    record(`e${i % 20}` as EndpointId, `r${i % 40}` as ReplicaId, Date.now()),
  )
  const cpu = process.cpuUsage()
  const begun = performance.now()
  let sequence = 0
  for (let sent = 0; performance.now() - begun < RUN_MS; sent += (REQUESTS_PER_SECOND * every) / 1_000) {
    const from = sent % 4_000
    const batch = records.slice(from, from + (REQUESTS_PER_SECOND * every) / 1_000)
    usage.receive(
      'gw',
      ++sequence,
      batch.map((one) => ({ ...one, arrivedAt: Date.now() })),
    )
    await systemClock.sleep(every)
  }
  await usage.close()
  await series.flush({ all: true })
  const share = cpuShare(cpu, begun)
  stop.abort()
  await running
  await store.close()
  return [atMost('500 requests/s of 20 endpoints, stored and into series', 100 * share, '% of a core', 3)]
}

async function output() {
  const archive = new LogArchive(path.join(home, 'logs'), systemClock)
  const endpoint = 'out' as EndpointId
  const stop = new AbortController()
  let written = 0
  const text =
    'INFO 08-01 10:00:00 [engine.py:310] Avg prompt throughput: 12.1 tokens/s, running: 3 reqs, waiting: 0'
  async function* lines() {
    const begun = performance.now()
    while (performance.now() - begun < RUN_MS) {
      const due = Math.floor(((performance.now() - begun) * LINES_PER_SECOND) / 1_000)
      for (; written < due; written++) {
        yield {
          text: `${text} ${written}`,
          stream: 'output' as const,
          at: Date.now(),
          place: String(written),
        }
      }
      await systemClock.sleep(50)
    }
  }
  const driver = { list: async () => [], output: () => lines() }
  const keeper = new LogKeeper({ clock: systemClock, log: silentLog, driver, archive })
  const cpu = process.cpuUsage()
  const begun = performance.now()
  keeper.see([{ id: 'aaaaaaaa-aaaaa' as ReplicaId, endpointId: endpoint }])
  let seen = 0
  const following = (async () => {
    for await (const _ of archive.follow(endpoint, { tail: 0 }, stop.signal)) seen++
  })()
  await systemClock.sleep(RUN_MS)
  const share = cpuShare(cpu, begun)
  // What was written last is still on its way.
  await systemClock.sleep(1_000)
  stop.abort()
  await keeper.close()
  await following
  const searched = performance.now()
  const found = await archive.read(endpoint, { search: 'nobody printed this', limit: 100, from: 'newest' })
  const searchMs = performance.now() - searched
  return [
    plain('1,000 lines/s kept and followed', 100 * share, '% of a core'),
    plain('lines that the follower missed', written - seen, 'lines'),
    plain('bytes on the disk for each line of 105', sizeOf(path.join(home, 'logs')) / written, 'bytes'),
    plain(
      `a search through ${written.toLocaleString('en')} lines for what is not there`,
      searchMs + found.length,
      'ms',
    ),
  ]
}

function cpuShare(since: NodeJS.CpuUsage, begun: number): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1_000 / (performance.now() - begun)
}

function sizeOf(directory: string): number {
  mkdirSync(directory, { recursive: true })
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).reduce((sum, name) => {
    const found = statSync(path.join(directory, name))
    return sum + (found.isFile() ? found.size : 0)
  }, 0)
}
