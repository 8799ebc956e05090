/** One cell of the list. Everything in it is text. */
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useEffect, useState } from 'react'
import { recentRequestsQuery } from '../../api/queries.ts'
import { Sparkline } from '../../charts/sparkline.tsx'
import { Badge } from '../../design/badge.tsx'
import { State } from '../../design/state.tsx'
import { count, pricePerHour } from '../../text/quantities.ts'
import { fullTime, relativeTime } from '../../text/times.ts'
import type { ColumnId, EndpointRow } from './endpoint-row.ts'

type CellProps = {
  readonly id: ColumnId
  readonly row: EndpointRow
  /** Of Berth's clock, for what is said to be so long ago. */
  readonly now: number
  /** What only passes by asks for nothing. */
  readonly isScrolling: boolean
}

export function EndpointCell({ id, row, now, isScrolling }: CellProps) {
  switch (id) {
    case 'name':
      return (
        <td className="min-w-0 px-2">
          <EndpointLink row={row} />
        </td>
      )
    case 'state':
      return (
        <td className="min-w-0 px-2">
          <State state={row.state} />
        </td>
      )
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
      return <td className="px-2">{`${row.replicas} / ${row.maxReplicas}`}</td>
    case 'requests':
      return (
        <td className="min-w-0 px-2">
          <RecentRequests row={row} isScrolling={isScrolling} />
        </td>
      )
    case 'cost':
      return (
        <td className="px-2 text-soft">
          {row.costPerHour === undefined ? '' : pricePerHour(row.costPerHour)}
        </td>
      )
    case 'tags':
      return (
        <td className="flex min-w-0 gap-1 overflow-hidden px-2">
          {row.tags.map((tag) => (
            <Badge key={tag}>{tag}</Badge>
          ))}
        </td>
      )
    case 'url':
      return <Quiet mono>{row.url}</Quiet>
    case 'created':
      return <When at={row.createdAt} now={now} />
    case 'createdBy':
      return <Quiet>{row.createdBy}</Quiet>
    case 'updated':
      return <When at={row.updatedAt} now={now} />
    case 'updatedBy':
      return <Quiet>{row.updatedBy}</Quiet>
    case 'lastUsed':
      return row.lastUsedAt === undefined ? <Quiet>never</Quiet> : <When at={row.lastUsedAt} now={now} />
  }
}

/** Over the whole row, but for what stands above it. */
export function EndpointLink({ row }: { readonly row: EndpointRow }) {
  const { namespace } = row.endpoint
  return (
    <a
      href={`/endpoints/${encodeURIComponent(namespace)}/${encodeURIComponent(row.name)}`}
      className="block truncate font-medium after:absolute after:inset-0 hover:underline"
    >
      {row.name}
    </a>
  )
}

function Quiet({ mono = false, children }: { readonly mono?: boolean; readonly children: string }) {
  return (
    <td
      title={children}
      className={mono ? 'truncate px-2 font-mono text-xs text-soft' : 'truncate px-2 text-soft'}
    >
      {children}
    </td>
  )
}

function When({ at, now }: { readonly at: number; readonly now: number }): ReactNode {
  return (
    <td title={fullTime(at)} className="truncate px-2 text-soft">
      {relativeTime(at, now)}
    </td>
  )
}

function RecentRequests({ row, isScrolling }: { readonly row: EndpointRow; readonly isScrolling: boolean }) {
  const [seen, setSeen] = useState<string>()
  useEffect(() => {
    if (!isScrolling) setSeen(row.name)
  }, [row.name, isScrolling])
  return seen === row.name ? <RequestsLine key={seen} row={row} /> : null
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
