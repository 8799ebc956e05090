/** One cell of the list. Everything in it is text. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { type ReactNode, useEffect, useState } from 'react'
import { recentRequestsQuery } from '../../api/queries.ts'
import { Sparkline } from '../../charts/sparkline.tsx'
import { Badge } from '../../design/badge.tsx'
import { State } from '../../design/state.tsx'
import { count, pricePerHour } from '../../text/quantities.ts'
import { TimeAgo } from '../../text/time-ago.tsx'
import type { ColumnId, EndpointRow } from './endpoint-row.ts'

export function endpointCell(id: ColumnId, row: EndpointRow): ReactNode {
  switch (id) {
    case 'name':
      return (
        <Link
          to="/endpoints/$namespace/$name"
          params={{ namespace: row.endpoint.namespace, name: row.name }}
          className="truncate font-medium after:absolute after:inset-0 hover:underline"
        >
          {row.name}
        </Link>
      )
    case 'state':
      return <State state={row.state} />
    case 'model':
      return <Quiet mono>{row.model}</Quiet>
    case 'engine':
      return <Quiet>{row.engine}</Quiet>
    case 'instance':
      return <Quiet>{row.instance}</Quiet>
    case 'task':
      return <Quiet>{row.task}</Quiet>
    case 'access':
      return <Quiet>{row.access}</Quiet>
    case 'replicas':
      return (
        <span className="tabular">
          {row.replicas}
          <span className="text-faint"> / {row.maxReplicas}</span>
        </span>
      )
    case 'requests':
      return <RecentRequests row={row} />
    case 'cost':
      return (
        <span className="tabular text-soft">
          {row.costPerHour === undefined ? '' : pricePerHour(row.costPerHour)}
        </span>
      )
    case 'tags':
      return (
        <span className="flex min-w-0 gap-1 overflow-hidden">
          {row.tags.map((tag) => (
            <Badge key={tag}>{tag}</Badge>
          ))}
        </span>
      )
    case 'url':
      return <Quiet mono>{row.url}</Quiet>
    case 'created':
      return <When at={row.createdAt} />
    case 'createdBy':
      return <Quiet>{row.createdBy}</Quiet>
    case 'updated':
      return <When at={row.updatedAt} />
    case 'updatedBy':
      return <Quiet>{row.updatedBy}</Quiet>
    case 'lastUsed':
      return row.lastUsedAt === undefined ? <Quiet>never</Quiet> : <When at={row.lastUsedAt} />
  }
}

function Quiet({ mono = false, children }: { readonly mono?: boolean; readonly children: string }) {
  return (
    <span title={children} className={mono ? 'truncate font-mono text-xs text-soft' : 'truncate text-soft'}>
      {children}
    </span>
  )
}

const When = ({ at }: { readonly at: number }) => (
  <span className="text-soft">
    <TimeAgo at={at} />
  </span>
)

/** A row that is only scrolled past asks for nothing. */
const LOOKED_AT_MS = 200

function RecentRequests({ row }: { readonly row: EndpointRow }) {
  const [isLookedAt, setLookedAt] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLookedAt(true), LOOKED_AT_MS)
    return () => clearTimeout(timer)
  }, [])
  return isLookedAt ? <RequestsLine row={row} /> : null
}

function RequestsLine({ row }: { readonly row: EndpointRow }) {
  const { data } = useQuery(recentRequestsQuery(row.endpoint.namespace, row.name))
  if (!data) return null
  const all = data.times.map((_, index) =>
    data.series.reduce((sum, one) => (one.name === 'requests' ? sum + (one.values[index] ?? 0) : sum), 0),
  )
  const total = all.reduce((sum, value) => sum + value, 0)
  if (total === 0) return <span className="text-faint">none</span>
  return <Sparkline values={all} label={`${count(total)} requests in the last hour`} />
}
