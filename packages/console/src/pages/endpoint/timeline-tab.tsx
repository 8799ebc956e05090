/** What happened to the endpoint, newest first. */
import { useQuery } from '@tanstack/react-query'
import { eventsQuery } from '../../api/queries.ts'
import { ErrorNote } from '../../design/note.tsx'
import { SkeletonRows } from '../../design/skeleton.tsx'
import { TimeAgo } from '../../text/time-ago.tsx'
import { useEndpoint } from './endpoint-context.ts'

const SHOWN_EVENTS = 200

export function TimelineTab() {
  const { namespace, name } = useEndpoint()
  const { data, error } = useQuery(eventsQuery(namespace, name, SHOWN_EVENTS))
  if (error && !data) return <ErrorNote error={error} />
  if (!data) return <SkeletonRows rows={6} label="Loading what happened" />
  return (
    <ol className="divide-y divide-line rounded-lg border border-line bg-surface">
      {data.items.map((event) => (
        <li key={event.sequence} className="flex flex-wrap items-baseline gap-x-4 px-4 py-2">
          <span className="min-w-0 flex-1">{event.message}</span>
          <span className="text-xs text-soft">{event.actor}</span>
          <span className="text-xs text-soft">
            <TimeAgo at={event.at} />
          </span>
        </li>
      ))}
    </ol>
  )
}
