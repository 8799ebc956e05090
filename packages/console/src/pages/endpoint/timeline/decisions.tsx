/** Why the endpoint has as many replicas as it has. */
import { useQuery } from '@tanstack/react-query'
import { client } from '../../../api/client.ts'
import { Card } from '../../../design/card.tsx'
import { ErrorNote, Note } from '../../../design/note.tsx'
import { TimeAgo } from '../../../text/time-ago.tsx'
import { useEndpoint } from '../endpoint-context.ts'

const SHOWN = 50
const REFRESH_MS = 5_000

export function Decisions() {
  const { namespace, name } = useEndpoint()
  const { data, error } = useQuery({
    queryKey: ['endpoint', namespace, name, 'decisions'],
    queryFn: ({ signal }) =>
      client.listDecisions({ params: { namespace, name }, query: { limit: SHOWN }, signal }),
    refetchInterval: REFRESH_MS,
    retry: false,
  })
  if (error && !data) return <ErrorNote error={error} />
  if (!data) return null
  return (
    <Card title="Why so many replicas" bodyClassName="flex flex-col">
      {data.present && (
        <div className="p-3 pb-0">
          <Note tone={data.present.infeasible ? 'warn' : 'calm'}>{data.present.sentence}</Note>
        </div>
      )}
      {data.items.length === 0 ? (
        <p className="p-4 text-soft">The count has not been changed yet.</p>
      ) : (
        <ol className="divide-y divide-line">
          {data.items.map((decision) => (
            <li
              key={decision.sequence ?? decision.at}
              className="flex flex-wrap items-baseline gap-x-4 gap-y-0.5 px-4 py-2"
            >
              <span className="w-14 shrink-0 font-medium tabular">
                {decision.from === decision.to ? decision.to : `${decision.from} → ${decision.to}`}
              </span>
              <span className="min-w-48 flex-1">{decision.sentence}</span>
              <span className="text-xs text-soft">
                <TimeAgo at={decision.at} />
              </span>
            </li>
          ))}
        </ol>
      )}
    </Card>
  )
}
