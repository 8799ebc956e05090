/** What happened to the endpoint: lives of its replicas, why there are so many, revisions, and every event. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { client } from '../../api/client.ts'
import { Card } from '../../design/card.tsx'
import { ErrorNote } from '../../design/note.tsx'
import { Skeleton } from '../../design/skeleton.tsx'
import { Segmented } from '../../design/tabs.tsx'
import { berthNow } from '../../text/clock.ts'
import { fullTime } from '../../text/times.ts'
import { boundsOf, type LastRange, lastRanges, refreshMs } from './analytics/time-range.ts'
import { useEndpoint } from './endpoint-context.ts'
import { Decisions } from './timeline/decisions.tsx'
import { ReplicaBars } from './timeline/replica-bars.tsx'
import { Revisions } from './timeline/revisions.tsx'

const RANGES = lastRanges.map((value) => ({ value, label: value }))
const SHOWN_EVENTS = 200

export function TimelineTab() {
  const { namespace, name } = useEndpoint()
  const [last, setLast] = useState<LastRange>('1h')
  const range = { kind: 'last', last } as const
  const { data, error } = useQuery({
    queryKey: ['endpoint', namespace, name, 'timeline', last],
    queryFn: ({ signal }) => {
      const { from, to } = boundsOf(range, berthNow())
      return client.readTimeline({
        params: { namespace, name },
        query: { from: new Date(from).toISOString(), to: new Date(to).toISOString(), limit: SHOWN_EVENTS },
        signal,
      })
    },
    refetchInterval: refreshMs(range),
    placeholderData: keepPreviousData,
  })
  return (
    <div className="flex flex-col gap-4">
      <div>
        <Segmented label="Range" value={last} choices={RANGES} onValue={setLast} />
      </div>
      {error && !data && <ErrorNote error={error} />}
      <Card title="Replicas">
        {data ? <ReplicaBars timeline={data} /> : <Skeleton className="h-16 w-full" />}
      </Card>
      <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-2">
        <Decisions />
        <Revisions />
      </div>
      <Card title="Events" bodyClassName="divide-y divide-line">
        {data?.events.length === 0 && <p className="p-4 text-soft">Nothing happened in this time.</p>}
        {data?.events.map((event) => (
          <div key={event.sequence} className="flex flex-wrap items-baseline gap-x-4 gap-y-0.5 px-4 py-2">
            <time dateTime={event.at} className="text-xs text-soft tabular">
              {fullTime(Date.parse(event.at))}
            </time>
            <span className="min-w-48 flex-1">{event.message}</span>
            <span className="text-xs text-soft">{event.actor}</span>
            <Link
              to="/endpoints/$namespace/$name/logs"
              params={{ namespace, name }}
              search={{ at: Date.parse(event.at) }}
              className="text-xs text-accent hover:underline"
            >
              Log
            </Link>
          </div>
        ))}
      </Card>
    </div>
  )
}
