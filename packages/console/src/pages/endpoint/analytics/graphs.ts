/** What the series of a metrics answer look like as graphs: which ones, in which order and colour. Pure. */
import type { MetricName, MetricSeries, MetricsAnswer } from '@berth/contract'
import type { ChartSeries } from '../../../charts/chart-series.ts'
import { bytes, count } from '../../../text/quantities.ts'
import { duration } from '../../../text/times.ts'

export type Graph = {
  readonly name: MetricName
  readonly title: string
  readonly kind: 'lines' | 'bars'
  readonly format: (value: number) => string
  readonly series: readonly ChartSeries[]
  readonly ceiling?: number
}

type Recipe = {
  readonly title: string
  readonly kind: 'lines' | 'bars'
  readonly format: (value: number) => string
  readonly label: (series: MetricSeries) => string
  /** Which of the series are drawn when they are shown together; every one without it. */
  readonly drawn?: (series: MetricSeries) => boolean
  readonly colour?: (series: MetricSeries) => string | undefined
}

const COLOURS = ['series-1', 'series-2', 'series-3', 'series-4', 'series-5', 'series-6'] as const

const QUANTILE_LABELS: Readonly<Record<string, string>> = {
  '0.5': 'p50',
  '0.9': 'p90',
  '0.95': 'p95',
  '0.99': 'p99',
}
const quantile = ({ labels }: MetricSeries) =>
  QUANTILE_LABELS[labels.quantile ?? ''] ?? labels.quantile ?? 'all'
const statistic = ({ labels }: MetricSeries) => labels.statistic ?? 'now'
const isMean = ({ labels }: MetricSeries) => labels.statistic === undefined || labels.statistic === 'mean'
const percent = (value: number) => `${value < 10 ? value.toFixed(1) : Math.round(value)} %`
const number = (value: number) => (value < 10 ? String(Number(value.toFixed(2))) : count(Math.round(value)))

/** By the hundred: what went well, what the caller did wrong, what we did. */
const STATUS_COLOURS: Readonly<Record<string, string>> = {
  2: 'series-2',
  3: 'series-1',
  4: 'series-3',
  5: 'series-4',
}
const PHASE_COLOURS: Readonly<Record<string, string>> = {
  ready: 'series-2',
  starting: 'series-5',
  draining: 'series-3',
  failed: 'series-4',
}

const RECIPES: Readonly<Record<MetricName, Recipe>> = {
  requests: {
    title: 'Requests',
    kind: 'bars',
    format: number,
    label: ({ labels }) => labels.status ?? 'all',
    colour: ({ labels }) => STATUS_COLOURS[labels.status?.[0] ?? ''],
  },
  latency: { title: 'Latency', kind: 'lines', format: duration, label: quantile },
  timeToFirstToken: { title: 'Time to first token', kind: 'lines', format: duration, label: quantile },
  interToken: { title: 'Between two tokens', kind: 'lines', format: duration, label: quantile },
  tokens: {
    title: 'Tokens',
    kind: 'bars',
    format: number,
    label: ({ labels }) => labels.kind ?? 'all',
    // What was cached is a part of the input.
    drawn: ({ labels }) => labels.kind !== 'cached',
  },
  pending: { title: 'Waiting for a replica', kind: 'lines', format: number, label: statistic },
  inFlight: { title: 'In flight', kind: 'lines', format: number, label: statistic },
  replicas: {
    title: 'Replicas',
    kind: 'bars',
    format: number,
    label: ({ labels }) => labels.phase ?? 'all',
    colour: ({ labels }) => PHASE_COLOURS[labels.phase ?? ''],
  },
  cpu: { title: 'CPU', kind: 'lines', format: percent, label: statistic, drawn: isMean },
  memory: { title: 'Memory', kind: 'lines', format: bytes, label: statistic, drawn: isMean },
  gpu: { title: 'GPU', kind: 'lines', format: percent, label: statistic, drawn: isMean },
  gpuMemory: { title: 'GPU memory', kind: 'lines', format: bytes, label: statistic, drawn: isMean },
}

const ORDER: readonly MetricName[] = [
  'requests',
  'latency',
  'timeToFirstToken',
  'interToken',
  'tokens',
  'pending',
  'inFlight',
  'replicas',
  'cpu',
  'memory',
  'gpu',
  'gpuMemory',
]

/** Graphs that have something to show; what an endpoint never has, such as a GPU, is left out. */
export function graphsOf({ series, limits }: MetricsAnswer, of: 'all' | 'each'): readonly Graph[] {
  return ORDER.flatMap((name) => {
    const recipe = RECIPES[name]
    const own = series.filter((one) => one.name === name && hasValue(one))
    const drawn = of === 'each' ? own.filter((one) => one.replica !== null && representative(one)) : own
    const shown = drawn.filter((one) => of === 'each' || recipe.drawn?.(one) !== false)
    if (shown.length === 0) return []
    const ceiling = ceilingOf(name, limits)
    return [
      {
        name,
        title: recipe.title,
        kind: of === 'each' ? 'lines' : recipe.kind,
        format: recipe.format,
        series: shown.map((one, place) => ({
          label: of === 'each' ? one.replica! : recipe.label(one),
          colour: (of === 'all' ? recipe.colour?.(one) : undefined) ?? COLOURS[place % COLOURS.length]!,
          values: one.values,
        })),
        ...(ceiling === undefined ? {} : { ceiling }),
      },
    ]
  })
}

/** Of each replica one line is enough: the mean, the 95th percentile, what went out. */
function representative({ labels }: MetricSeries): boolean {
  if (labels.quantile !== undefined) return labels.quantile === '0.95'
  if (labels.kind !== undefined) return labels.kind === 'output'
  if (labels.status !== undefined) return labels.status === '200'
  return labels.statistic === undefined || labels.statistic === 'mean'
}

const hasValue = ({ values }: MetricSeries) => values.some((value) => value !== null)

/** A line that is near enough to be worth drawing. */
function ceilingOf(name: MetricName, limits: MetricsAnswer['limits']): number | undefined {
  switch (name) {
    case 'replicas':
      return limits.maxReplica
    case 'memory':
      return limits.memoryBytes ?? undefined
    case 'gpuMemory':
      return limits.gpuMemoryBytes ?? undefined
    default:
      return undefined
  }
}
