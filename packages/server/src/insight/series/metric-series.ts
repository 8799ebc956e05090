/** From intervals to the series that a graph draws, and to the sums of a whole range. Pure. */
import {
  type MetricName,
  type MetricSeries,
  type MetricsAnswer,
  metricNames,
  metricQuantiles,
} from '@berth/contract'
import { type Intervals, TOGETHER } from './frame.ts'
import { type DistributionName, distributionNames, type GaugeName, Interval } from './interval.ts'
import type { MetricsRange } from './metrics-range.ts'

type Steps = ReadonlyMap<number, Intervals>
type One = Omit<MetricSeries, 'name' | 'replica'>

/** What a replica alone has no series of. */
const OF_ALL_TOGETHER: ReadonlySet<MetricName> = new Set(['pending', 'replicas'])
const PHASES = ['starting', 'ready', 'draining', 'failed'] as const
const TOKENS = { input: 'inputTokens', output: 'outputTokens', cached: 'cachedTokens' } as const

export function stepTimes({ from, to, stepMs }: MetricsRange): number[] {
  return Array.from({ length: (to - from) / stepMs }, (_, i) => from + i * stepMs)
}

export function replicasIn(steps: Steps): string[] {
  const ids = new Set([...steps.values()].flatMap((intervals) => [...intervals.keys()]))
  ids.delete(TOGETHER)
  return [...ids].toSorted()
}

/** @param key a replica, or `TOGETHER`. */
export function metricSeries(
  steps: Steps,
  times: readonly number[],
  key: string,
  names: readonly MetricName[] = metricNames,
): MetricSeries[] {
  const column = times.map((time) => steps.get(time)?.get(key))
  const replica = key === TOGETHER ? null : key
  return names
    .filter((name) => replica === null || !OF_ALL_TOGETHER.has(name))
    .flatMap((name) => seriesOf(name, column).map((one) => ({ name, replica, ...one })))
}

type Column = readonly (Interval | undefined)[]

function seriesOf(name: MetricName, column: Column): One[] {
  switch (name) {
    case 'requests': {
      const seen = new Set(column.flatMap((interval) => [...(interval?.requests.keys() ?? [])]))
      return [...seen]
        .toSorted((a, b) => a - b)
        .map((status) => ({
          unit: 'count',
          labels: { status: String(status) },
          values: column.map((interval) => interval?.requests.get(status) ?? 0),
        }))
    }
    case 'tokens':
      return (['input', 'output', 'cached'] as const).map((kind) => ({
        unit: 'count',
        labels: { kind },
        values: column.map((interval) => interval?.[TOKENS[kind]] ?? 0),
      }))
    case 'latency':
    case 'timeToFirstToken':
    case 'interToken': {
      const rows = column.map((interval) => interval?.distributions[name]?.quantiles(metricQuantiles))
      return metricQuantiles.map((q, i) => ({
        unit: 'ms',
        labels: { quantile: String(q) },
        values: rows.map((row) => orNull(row?.[i])),
      }))
    }
    case 'replicas':
      return PHASES.map((phase) => ({
        unit: 'count',
        labels: { phase },
        values: column.map((interval) => mean(interval, phase) ?? 0),
      }))
    case 'pending':
    case 'inFlight':
      return looked(name, 'count', column, 0)
    case 'cpu':
    case 'gpu':
      return looked(name, 'percent', column, null)
    case 'memory':
    case 'gpuMemory':
      return looked(name, 'bytes', column, null)
    default:
      return name satisfies never
  }
}

function looked(name: GaugeName, unit: One['unit'], column: Column, absent: number | null): One[] {
  return [
    { unit, labels: { statistic: 'mean' }, values: column.map((interval) => mean(interval, name) ?? absent) },
    {
      unit,
      labels: { statistic: 'max' },
      values: column.map((interval) => orNull(interval?.gauges[name]?.max) ?? absent),
    },
  ]
}

function mean(interval: Interval | undefined, name: GaugeName): number | undefined {
  const gauge = interval?.gauges[name]
  return gauge && rounded(gauge.sum / gauge.looks)
}

/** Of one replica, or of all together, over everything that was read. */
export function rangeSummary(steps: Steps, key: string): MetricsAnswer['summary'] {
  const whole = new Interval()
  for (const intervals of steps.values()) {
    const interval = intervals.get(key)
    if (interval) whole.merge(interval)
  }
  const times = Object.fromEntries(distributionNames.map((name) => [name, quantilesOf(whole, name)])) as Pick<
    MetricsAnswer['summary'],
    DistributionName
  >
  const { inputTokens, outputTokens, cachedTokens } = whole
  const requests = Object.fromEntries([...whole.requests].toSorted(([a], [b]) => a - b))
  return { requests, ...times, inputTokens, outputTokens, cachedTokens }
}

function quantilesOf(interval: Interval, name: DistributionName): MetricsAnswer['summary'][DistributionName] {
  const distribution = interval.distributions[name]
  if (!distribution) return null
  const [p50, p90, p95, p99] = distribution.quantiles(metricQuantiles).map(rounded)
  return { p50: p50!, p90: p90!, p95: p95!, p99: p99!, mean: rounded(distribution.mean) }
}

const orNull = (value: number | undefined) =>
  value === undefined || Number.isNaN(value) ? null : rounded(value)

/** Three digits after the point: more is noise, and many bytes. */
const rounded = (value: number) => Math.round(value * 1_000) / 1_000
