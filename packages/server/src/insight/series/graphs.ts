/** The same series in the shape of the managed service's graphs. Pure. */
import type { AllGraphs, Graph, MetricName, MetricSeries } from '@berth/contract'

export type GraphFrame = Pick<AllGraphs, 'start' | 'stop' | 'timeWindowSeconds' | 'replicaIds'>

type Labels = Omit<Graph['series'][number], 'data'>

/** @param together of the endpoint; @param each of its replicas. */
export function allGraphs(
  frame: GraphFrame,
  times: readonly number[],
  together: readonly MetricSeries[],
  each: readonly MetricSeries[],
): AllGraphs {
  const x = times.map((time) => new Date(time).toISOString())
  const graph = (
    from: readonly MetricSeries[],
    name: MetricName,
    labels: (series: MetricSeries) => Labels | undefined,
  ): Graph => ({
    series: from.flatMap((series) => {
      const its = series.name === name ? labels(series) : undefined
      return its ? [{ ...its, data: pointsOf(x, series.values) }] : []
    }),
  })
  const mean = ({ labels, replica }: MetricSeries): Labels | undefined =>
    labels.statistic === 'mean' ? (replica === null ? {} : { replicaId: replica }) : undefined
  const percentile = ({ labels }: MetricSeries) => ({ percentile: `p${Number(labels.quantile) * 100}` })
  return {
    ...frame,
    hardwareCpu: graph(each, 'cpu', mean),
    hardwareMem: graph(each, 'memory', mean),
    hardwareGpu: graph(each, 'gpu', mean),
    hardwareGpuMem: graph(each, 'gpuMemory', mean),
    pendingRequest: graph(together, 'pending', mean),
    replicasRunning: graph(together, 'replicas', ({ labels }) => (labels.phase === 'ready' ? {} : undefined)),
    replicasStatus: graph(together, 'replicas', ({ labels }) => ({ status: STAGES[labels.phase!] })),
    responseElapsed: graph(together, 'latency', percentile),
    responseStatusCode: graph(together, 'requests', ({ labels }) => ({ statusCode: labels.status! })),
    responseStatusCodeGrouped: { series: byClass(x, together) },
    inference: {
      timeToFirstToken: graph(together, 'timeToFirstToken', percentile),
      interTokenLatency: graph(together, 'interToken', percentile),
    },
  }
}

/** The managed service's words for a replica's phases. */
const STAGES = { starting: 'initializing', ready: 'running', draining: 'draining', failed: 'failed' } as const

function byClass(x: readonly string[], together: readonly MetricSeries[]): Graph['series'] {
  const requests = together.filter(({ name }) => name === 'requests')
  const classes = Map.groupBy(requests, ({ labels }) => `${labels.status!.charAt(0)}xx`)
  return [...classes].map(([statusCode, members]) => ({
    statusCode,
    data: pointsOf(
      x,
      x.map((_, i) => members.reduce((sum, { values }) => sum + (values[i] ?? 0), 0)),
    ),
  }))
}

const pointsOf = (x: readonly string[], values: readonly (number | null)[]) =>
  values.flatMap((y, i) => (y === null ? [] : [{ x: x[i]!, y }]))
