/** The last hour at a glance. */
import type { MetricsAnswer } from '@berth/contract'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { client } from '../../../api/client.ts'
import { Sparkline } from '../../../charts/sparkline.tsx'
import { Card } from '../../../design/card.tsx'
import { count } from '../../../text/quantities.ts'
import { duration } from '../../../text/times.ts'
import { useEndpoint } from '../endpoint-context.ts'

const STEP_S = 120
const REFRESH_MS = 15_000

export function LastHour() {
  const { namespace, name } = useEndpoint()
  const { data } = useQuery({
    queryKey: ['endpoint', namespace, name, 'last-hour'],
    queryFn: ({ signal }) =>
      client.readMetrics({
        params: { namespace, name },
        query: { names: 'requests,latency,timeToFirstToken,tokens', step: STEP_S },
        signal,
      }),
    refetchInterval: REFRESH_MS,
    retry: false,
  })
  if (!data) return null
  const { summary } = data
  const requests = Object.values(summary.requests).reduce((sum, one) => sum + one, 0)
  const figures = [
    { name: 'Requests', value: count(requests), line: totals(data, 'requests') },
    {
      name: 'Latency p95',
      value: summary.latency ? duration(summary.latency.p95) : '–',
      line: quantile(data, 'latency'),
    },
    {
      name: 'First token p95',
      value: summary.timeToFirstToken ? duration(summary.timeToFirstToken.p95) : '–',
      line: quantile(data, 'timeToFirstToken'),
    },
    { name: 'Tokens out', value: count(summary.outputTokens), line: totals(data, 'tokens', 'output') },
  ]
  return (
    <Card
      title="The last hour"
      className="overflow-hidden lg:col-span-2"
      bodyClassName="grid grid-cols-2 gap-px bg-line sm:grid-cols-4"
      aside={
        <Link
          to="/endpoints/$namespace/$name/analytics"
          params={{ namespace, name }}
          className="text-accent hover:underline"
        >
          All graphs
        </Link>
      }
    >
      {figures.map((figure) => (
        <div key={figure.name} className="flex items-end justify-between gap-3 bg-surface px-4 py-3">
          <div>
            <div className="text-xs text-soft">{figure.name}</div>
            <div className="text-lg font-semibold tracking-tight tabular">{figure.value}</div>
          </div>
          <Sparkline values={figure.line} label={`${figure.name}, over the last hour`} />
        </div>
      ))}
    </Card>
  )
}

function totals({ series, times }: MetricsAnswer, name: 'requests' | 'tokens', kind?: 'output') {
  const own = series.filter((one) => one.name === name && (kind === undefined || one.labels.kind === kind))
  return times.map((_, at) => own.reduce((sum, one) => sum + (one.values[at] ?? 0), 0))
}

const quantile = ({ series }: MetricsAnswer, name: 'latency' | 'timeToFirstToken') =>
  series.find((one) => one.name === name && one.labels.quantile === '0.95')?.values ?? []
