/** What happened last, and where to see more of it. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { eventsQuery } from '../../../api/queries.ts'
import { Card } from '../../../design/card.tsx'
import { TimeAgo } from '../../../text/time-ago.tsx'
import { useEndpoint } from '../endpoint-context.ts'

const SHOWN = 6

export function LastChanges() {
  const { namespace, name } = useEndpoint()
  const { data } = useQuery(eventsQuery(namespace, name, SHOWN))
  if (!data || data.items.length === 0) return null
  return (
    <Card
      title="Last changes"
      className="lg:col-span-2"
      bodyClassName="divide-y divide-line"
      aside={
        <Link
          to="/endpoints/$namespace/$name/timeline"
          params={{ namespace, name }}
          className="text-accent hover:underline"
        >
          Timeline
        </Link>
      }
    >
      {data.items.map((event) => (
        <div key={event.sequence} className="flex flex-wrap items-baseline gap-x-4 px-4 py-2">
          <span className="min-w-48 flex-1">{event.message}</span>
          <span className="text-xs text-soft">{event.actor}</span>
          <span className="text-xs text-soft">
            <TimeAgo at={event.at} />
          </span>
        </div>
      ))}
    </Card>
  )
}
