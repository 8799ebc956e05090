/** The pages that Prometheus reads: one for each endpoint, with the managed service's names, and one for the process. */
import { metricQuantiles } from '@berth/contract'
import type { ReplicaPhase } from '../domain/replica.ts'
import { type Histogram, type Labels, MetricsPage, type Summary } from '../platform/prometheus.ts'
import type { ReplicaTotals } from './endpoint-totals.ts'
import type { Present, ReplicaUse } from './observer.ts'
import type { Distribution } from './series/distribution.ts'

export type EndpointFigures = {
  readonly totals: ReadonlyMap<string, ReplicaTotals>
  readonly present: Present
  /** Of the last minutes; undefined when nobody asked anything. */
  readonly latency: Distribution | undefined
}

export function endpointPage({ totals, present, latency }: EndpointFigures): string {
  const page = new MetricsPage()
  const replicas = [...totals].map(([id, its]) => ({ labels: { replica_id: id }, its }))
  const sums = [...totals.values()]
  page.summary('latency_distribution', 'Seconds from the arrival of a request to the end of its answer.', [
    [
      {},
      {
        quantiles: metricQuantiles.map(
          (q) => [q, latency ? latency.quantile(q) / 1_000 : Number.NaN] as const,
        ),
        sum: sums.reduce((sum, { durationSeconds }) => sum + durationSeconds, 0),
        count: sums.reduce((sum, { requests }) => sum + requests, 0),
      },
    ],
  ])
  page.counter(
    'http_requests_total',
    'Requests answered, by replica and status.',
    replicas.flatMap(({ labels, its }) =>
      [...its.byStatus].map(
        ([status, count]) => [{ ...labels, status_code: String(status) }, count] as const,
      ),
    ),
  )
  page.counter(
    'tokens_total',
    'Tokens read and written, by replica.',
    replicas.flatMap(({ labels, its }) => [
      [{ ...labels, kind: 'input' }, its.inputTokens] as const,
      [{ ...labels, kind: 'output' }, its.outputTokens] as const,
    ]),
  )
  page.gauge('http_requests_pending', 'Requests that wait for a replica now.', [[{}, present.pending]])
  page.gauge('http_requests_in_flight', 'Requests on a replica now.', [[{}, present.inFlight]])
  page.gauge('replicas', 'Replicas by phase.', phasesIn(present.phases))
  const use = (pick: (its: ReplicaUse) => number | undefined) =>
    [...present.use].flatMap(([id, its]) => {
      const value = pick(its)
      return value === undefined ? [] : [[{ replica_id: id }, value] as const]
    })
  page.gauge(
    'cpu_usage_percent',
    'Of the processors that the replica may use.',
    use((its) => its.cpuPercent),
  )
  page.gauge(
    'memory_usage_bytes',
    'Memory in use.',
    use((its) => its.memoryBytes),
  )
  page.gauge(
    'gpu_usage_percent',
    'Mean over the GPUs of the replica.',
    use((its) => its.gpuPercent),
  )
  page.gauge(
    'gpu_memory_usage_bytes',
    'Memory of its GPUs in use.',
    use((its) => its.gpuMemoryBytes),
  )
  return page.text
}

export type ProcessFigures = {
  readonly endpointStates: Readonly<Record<string, number>>
  /** Of endpoints that the reader may know of. */
  readonly endpoints: readonly { readonly key: string; readonly present: Present }[]
  readonly lookSeconds: Histogram
  readonly failedLooks: number
  readonly fetchesUnderWay: number
  readonly eventLoopLag: Summary
  readonly gateways: number
  readonly startedAt: number
}

export function controlPage(figures: ProcessFigures): string {
  const page = new MetricsPage()
  const one = (value: number) => [[{}, value]] as const
  page.gauge(
    'berth_control_endpoints',
    'Endpoints by state.',
    Object.entries(figures.endpointStates).map(([state, count]) => [{ state }, count]),
  )
  page.gauge(
    'berth_control_replicas',
    'Replicas by endpoint and phase.',
    figures.endpoints.flatMap(({ key, present }) =>
      phasesIn(present.phases).map(([labels, count]) => [{ endpoint: key, ...labels }, count] as const),
    ),
  )
  page.gauge('berth_control_gateways', 'Gateways that are connected.', one(figures.gateways))
  page.histogram('berth_control_look_seconds', 'How long a look of the reconciler at an endpoint took.', [
    [{}, figures.lookSeconds],
  ])
  page.counter(
    'berth_control_failed_looks_total',
    'Looks that ended with an error.',
    one(figures.failedLooks),
  )
  page.gauge(
    'berth_control_fetches',
    'Models that are being downloaded or checked.',
    one(figures.fetchesUnderWay),
  )
  page.summary('berth_control_event_loop_lag_seconds', 'How late the process was, since the last scrape.', [
    [{}, figures.eventLoopLag],
  ])
  const { user, system } = process.cpuUsage()
  page.gauge('process_start_time_seconds', 'When the process began.', one(figures.startedAt / 1_000))
  page.gauge('process_resident_memory_bytes', 'Resident memory.', one(process.memoryUsage.rss()))
  page.counter('process_cpu_seconds_total', 'User and system time.', one((user + system) / 1_000_000))
  return page.text
}

function phasesIn(phases: Readonly<Record<ReplicaPhase, number>>): (readonly [Labels, number])[] {
  return Object.entries(phases).map(([phase, count]) => [{ phase }, count])
}
