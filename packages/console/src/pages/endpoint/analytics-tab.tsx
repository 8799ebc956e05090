/** How the endpoint did: requests, times, tokens, replicas and hardware over a stretch of time, all graphs in step. */
import type { MetricsAnswer } from '@berth/contract'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Activity } from 'lucide-react'
import { useMemo, useState } from 'react'
import { client } from '../../api/client.ts'
import { TimeChart } from '../../charts/time-chart.tsx'
import { Button } from '../../design/button.tsx'
import { Card } from '../../design/card.tsx'
import { EmptyState } from '../../design/empty-state.tsx'
import { ErrorNote } from '../../design/note.tsx'
import { Skeleton } from '../../design/skeleton.tsx'
import { Segmented } from '../../design/tabs.tsx'
import { berthNow } from '../../text/clock.ts'
import { count } from '../../text/quantities.ts'
import { duration, fullTime } from '../../text/times.ts'
import { graphsOf } from './analytics/graphs.ts'
import {
  boundsOf,
  chosenRange,
  type LastRange,
  lastRanges,
  refreshMs,
  stepSeconds,
  type TimeRange,
} from './analytics/time-range.ts'
import { useEndpoint } from './endpoint-context.ts'

const RANGES = lastRanges.map((value) => ({ value, label: value }))
const OF = [
  { value: 'all', label: 'All replicas' },
  { value: 'each', label: 'Each replica' },
] as const

export function AnalyticsTab() {
  const { namespace, name } = useEndpoint()
  const [range, setRange] = useState<TimeRange>({ kind: 'last', last: '1h' })
  const [of, setOf] = useState<'all' | 'each'>('all')
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ['endpoint', namespace, name, 'metrics', range, of],
    queryFn: ({ signal }) => {
      const { from, to } = boundsOf(range, berthNow())
      return client.readMetrics({
        params: { namespace, name },
        query: {
          from: new Date(from).toISOString(),
          to: new Date(to).toISOString(),
          step: stepSeconds(range),
          ...(of === 'each' ? { replica: 'each' } : {}),
        },
        signal,
      })
    },
    refetchInterval: refreshMs(range),
    placeholderData: keepPreviousData,
  })
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center gap-3">
        <Segmented
          label="Range"
          value={range.kind === 'last' ? range.last : ''}
          choices={RANGES}
          onValue={(last) => setRange({ kind: 'last', last: last as LastRange })}
        />
        <Segmented label="Of" value={of} choices={OF} onValue={setOf} />
        {range.kind === 'between' ? (
          <span className="flex items-center gap-2 text-xs text-soft tabular">
            {fullTime(range.from)} to {fullTime(range.to)}
            <Button size="sm" onClick={() => setRange({ kind: 'last', last: '1h' })}>
              Back to the last hour
            </Button>
          </span>
        ) : (
          <span className="text-xs text-faint">Drag over a graph to look closer.</span>
        )}
      </div>
      {error && !data && <ErrorNote error={error} />}
      {!data && !error && <Skeleton className="h-72 w-full rounded-lg" />}
      {data && (
        <div className={isPlaceholderData ? 'opacity-60 transition-opacity' : undefined}>
          <Summary answer={data} />
          <Graphs answer={data} of={of} onRange={(from, to) => setRange(chosenRange(from, to))} />
          <Markers answer={data} />
        </div>
      )}
    </div>
  )
}

function Summary({ answer: { summary } }: { readonly answer: MetricsAnswer }) {
  const all = Object.values(summary.requests).reduce((sum, one) => sum + one, 0)
  const failed = Object.entries(summary.requests).reduce(
    (sum, [status, one]) => sum + (status >= '500' ? one : 0),
    0,
  )
  const figures = [
    ['Requests', count(all)],
    ['Failed', all === 0 ? '–' : `${((failed / all) * 100).toFixed(failed === 0 ? 0 : 2)} %`],
    ['Latency p95', summary.latency ? duration(summary.latency.p95) : '–'],
    ['First token p95', summary.timeToFirstToken ? duration(summary.timeToFirstToken.p95) : '–'],
    ['Tokens in', count(summary.inputTokens)],
    ['Tokens out', count(summary.outputTokens)],
  ] as const
  return (
    <dl className="mb-4 grid grid-cols-2 gap-px overflow-hidden rounded-lg border border-line bg-line sm:grid-cols-3 lg:grid-cols-6">
      {figures.map(([name, value]) => (
        <div key={name} className="bg-surface px-4 py-3">
          <dt className="text-xs text-soft">{name}</dt>
          <dd className="text-lg font-semibold tracking-tight tabular">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Graphs({
  answer,
  of,
  onRange,
}: {
  readonly answer: MetricsAnswer
  readonly of: 'all' | 'each'
  readonly onRange: (from: number, to: number) => void
}) {
  // A chart draws again whenever it is given something else.
  const graphs = useMemo(() => graphsOf(answer, of), [answer, of])
  const marks = useMemo(
    () => answer.markers.map((marker) => ({ at: Date.parse(marker.at), label: marker.message })),
    [answer],
  )
  if (graphs.length === 0) {
    return (
      <EmptyState icon={Activity} title="Nothing was measured in this time">
        Graphs appear with the first request, or when a replica runs.
      </EmptyState>
    )
  }
  return (
    <div className="grid grid-cols-1 gap-4 xl:grid-cols-2">
      {graphs.map((graph) => (
        <Card key={graph.name} title={graph.title} bodyClassName="px-3 pt-3 pb-2.5">
          <TimeChart
            label={graph.title}
            times={answer.times}
            series={graph.series}
            format={graph.format}
            kind={graph.kind}
            marks={marks}
            group="analytics"
            onRange={onRange}
            {...(graph.ceiling === undefined ? {} : { ceiling: graph.ceiling })}
          />
        </Card>
      ))}
    </div>
  )
}

/** What the dashed lines stand for. */
function Markers({ answer: { markers } }: { readonly answer: MetricsAnswer }) {
  if (markers.length === 0) return null
  return (
    <Card title="What changed" className="mt-4" bodyClassName="divide-y divide-line">
      {markers.toReversed().map((marker) => (
        <div key={marker.sequence} className="flex flex-wrap items-baseline gap-x-4 px-4 py-2">
          <time dateTime={marker.at} className="text-xs text-soft tabular">
            {fullTime(Date.parse(marker.at))}
          </time>
          <span className="min-w-0 flex-1">{marker.message}</span>
          <span className="text-xs text-soft">{marker.actor}</span>
        </div>
      ))}
    </Card>
  )
}
