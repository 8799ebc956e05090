/** What is asked about an endpoint's time series, and the answers. */
import type { AllGraphs, Marker, MetricName, MetricsAnswer } from '@berth/contract'
import type { EndpointRecord } from '../domain/endpoint.ts'
import type { EndpointId } from '../domain/replica.ts'
import type { Clock } from '../platform/clock.ts'
import { Distribution } from './series/distribution.ts'
import { type Part, TOGETHER } from './series/frame.ts'
import { allGraphs } from './series/graphs.ts'
import { FINEST } from './series/level.ts'
import { metricSeries, rangeSummary, replicasIn, stepTimes } from './series/metric-series.ts'
import { metricsRange } from './series/metrics-range.ts'
import type { TimeSeries } from './series/time-series.ts'

export type MetricsRooms = {
  readonly clock: Clock
  readonly series: TimeSeries
  /** What changed in the range. */
  markers(endpoint: EndpointRecord, range: { readonly from: number; readonly to: number }): Promise<Marker[]>
  limits(endpoint: EndpointRecord): Promise<MetricsAnswer['limits']>
}

export type MetricsAsk = {
  readonly names?: readonly MetricName[] | undefined
  /** In milliseconds since the epoch. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly stepMs?: number | undefined
  /** `each`, the id of one, or nothing for all together. */
  readonly replica?: string | undefined
}

const RECENT_MS = 5 * 60_000
const TIMES: ReadonlySet<MetricName> = new Set(['latency', 'timeToFirstToken', 'interToken'])

export async function readMetrics(
  rooms: MetricsRooms,
  endpoint: EndpointRecord,
  { names, from, to, stepMs, replica }: MetricsAsk,
): Promise<MetricsAnswer> {
  const range = metricsRange({ from, to, stepMs }, rooms.clock.now())
  const each = replica === 'each'
  const key = replica === undefined || each ? TOGETHER : replica
  const ofEach = names === undefined || names.some((name) => TIMES.has(name)) ? 'everything' : 'numbers'
  // The summary always speaks of times; of every replica they are read only if they are asked for.
  const part = (one: string): Part => (one === key ? 'everything' : each ? ofEach : 'presence')
  const [steps, markers, limits] = await Promise.all([
    rooms.series.read(endpoint.id, range.level, { ...range, part }, range.stepMs),
    rooms.markers(endpoint, range),
    rooms.limits(endpoint),
  ])
  const times = stepTimes(range)
  const replicaIds = replicasIn(steps)
  return {
    start: iso(range.from),
    stop: iso(range.to),
    stepSeconds: range.stepMs / 1_000,
    replicaIds,
    times,
    series: each
      ? replicaIds.flatMap((id) => metricSeries(steps, times, id, names))
      : metricSeries(steps, times, key, names),
    summary: rangeSummary(steps, key),
    limits,
    markers,
  }
}

export async function readGraphs(
  rooms: Pick<MetricsRooms, 'clock' | 'series'>,
  endpoint: EndpointRecord,
  asked: { readonly from: number; readonly to: number },
): Promise<AllGraphs> {
  const range = metricsRange({ ...asked, stepMs: undefined }, rooms.clock.now())
  const wanted = { ...range, part: () => 'everything' as const }
  const steps = await rooms.series.read(endpoint.id, range.level, wanted, range.stepMs)
  const times = stepTimes(range)
  const replicaIds = replicasIn(steps)
  return allGraphs(
    {
      start: iso(range.from),
      stop: iso(range.to),
      timeWindowSeconds: range.stepMs / 1_000,
      replicaIds,
    },
    times,
    metricSeries(steps, times, TOGETHER),
    replicaIds.flatMap((id) => metricSeries(steps, times, id, ['cpu', 'memory', 'gpu', 'gpuMemory'])),
  )
}

/** How long requests of the last minutes took; undefined when there was none. */
export async function recentLatency(
  { clock, series }: Pick<MetricsRooms, 'clock' | 'series'>,
  id: EndpointId,
): Promise<Distribution | undefined> {
  const now = clock.now()
  const part = (replica: string): Part => (replica === TOGETHER ? 'everything' : 'presence')
  const wanted = { from: now - RECENT_MS, to: now + FINEST.widthMs, part }
  const latency = new Distribution()
  for (const intervals of (await series.read(id, FINEST, wanted, FINEST.widthMs)).values()) {
    const its = intervals.get(TOGETHER)?.distributions.latency
    if (its) latency.merge(its)
  }
  return latency.count > 0 ? latency : undefined
}

const iso = (ms: number) => new Date(ms).toISOString()
