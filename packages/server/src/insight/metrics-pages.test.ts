import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { UsageRecord } from '../domain/usage/usage-record.ts'
import { EventLoopLag } from '../platform/event-loop.ts'
import { Histogram } from '../platform/prometheus.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { EndpointTotals } from './endpoint-totals.ts'
import { controlPage, type EndpointFigures, endpointPage, type ProcessFigures } from './metrics-pages.ts'
import { Distribution } from './series/distribution.ts'

const CHAT = 'chat' as EndpointId
/** Hostile, as names of replicas never are. */
const REPLICA = 'a"\\\n' as ReplicaId

const record = (changes: Partial<UsageRecord> = {}): UsageRecord => ({
  requestId: 'r',
  endpointId: CHAT,
  replicaId: REPLICA,
  tokenId: null,
  arrivedAt: 0,
  status: 200,
  inputTokens: 10,
  outputTokens: 5,
  cachedTokens: 2,
  isEstimated: false,
  durationMs: 1_500,
  heldMs: 0,
  firstTokenMs: null,
  interTokenMs: null,
  ...changes,
})

const present = {
  pending: 3,
  inFlight: 4,
  phases: { starting: 1, ready: 2, draining: 0, failed: 0 },
  use: new Map([
    [REPLICA, { cpuPercent: 40, memoryBytes: 512, gpuPercent: undefined, gpuMemoryBytes: undefined }],
  ]),
}

function figures(): EndpointFigures {
  const totals = new EndpointTotals()
  totals.count([record(), record({ status: 503, replicaId: null, durationMs: 500 })])
  const latency = new Distribution()
  latency.add(1_500)
  return { totals: totals.of(CHAT), present, latency }
}

function processFigures(): ProcessFigures {
  const lookSeconds = new Histogram([0.01, 0.1])
  lookSeconds.observe(0.05)
  const lag = new EventLoopLag(new FakeClock())
  const eventLoopLag = lag.take()
  lag.close()
  return {
    endpointStates: { running: 2 },
    endpoints: [{ key: 'admin/chat', present }],
    lookSeconds,
    failedLooks: 1,
    fetchesUnderWay: 0,
    eventLoopLag,
    gateways: 1,
    startedAt: 1_800_000_000_000,
  }
}

test("an endpoint's page has the managed service's names", () => {
  const page = endpointPage(figures())
  expect(page).toContain('http_requests_total{replica_id="a\\"\\\\\\n",status_code="200"} 1\n')
  expect(page).toContain('http_requests_total{replica_id="",status_code="503"} 1\n')
  expect(page).toMatch(/^latency_distribution\{quantile="0.99"\} 1\.[45]\d*$/m)
  expect(page).toContain('latency_distribution_sum 2\nlatency_distribution_count 2\n')
  expect(page).toContain('cpu_usage_percent{replica_id="a\\"\\\\\\n"} 40\n')
  expect(page).toContain('memory_usage_bytes{replica_id="a\\"\\\\\\n"} 512\n')
  expect(page).toContain('replicas{phase="ready"} 2\n')
  expect(page).not.toContain('gpu_usage_percent{')
})

test('the page of an endpoint that nobody asked anything has no percentile that is a number', () => {
  const quiet = endpointPage({ ...figures(), latency: undefined })
  expect(quiet).toContain('latency_distribution{quantile="0.5"} NaN\n')
})

test("the process's page says how the reconciler fares and what runs", () => {
  const page = controlPage(processFigures())
  expect(page).toContain('berth_control_endpoints{state="running"} 2\n')
  expect(page).toContain('berth_control_replicas{endpoint="admin/chat",phase="starting"} 1\n')
  expect(page).toContain('berth_control_look_seconds_bucket{le="0.1"} 1\n')
  expect(page).toContain('berth_control_event_loop_lag_seconds_count ')
})

test('of one endpoint the counters of no more than so many replicas are kept', () => {
  const totals = new EndpointTotals()
  totals.count(Array.from({ length: 300 }, (_, i) => record({ replicaId: `r${i}` as ReplicaId })))
  expect(totals.of(CHAT).size).toBe(200)
  expect(totals.of(CHAT).has('r299')).toBe(true)
  totals.forget(CHAT)
  expect(totals.of(CHAT).size).toBe(0)
})

const promtool = spawnSync('promtool', ['--version']).status === 0

/** The managed service calls them percent, where Prometheus would rather have a ratio. */
const THEIR_NAMES = /^(?:cpu|gpu)_usage_percent /

test.skipIf(!promtool).for([
  ['endpoint', () => endpointPage(figures())],
  ['control', () => controlPage(processFigures())],
] as const)("Prometheus' own tool finds nothing wrong with the %s page", ([, page]) => {
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: page(), encoding: 'utf8' })
  const complaints = `${checked.stdout}${checked.stderr}`
    .split('\n')
    .filter((line) => line.trim() !== '' && !THEIR_NAMES.test(line))
  expect(complaints).toEqual([])
})
