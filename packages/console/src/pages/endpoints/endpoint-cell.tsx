/**
 * One cell of the list. Everything in it is text.
 *
 * Cells are made by functions and not by components: a screenful of them is made anew in every frame of a long scroll,
 * and what React keeps for each component is then half of the work.
 */
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useEffect, useState } from 'react'
import { recentRequestsQuery } from '../../api/queries.ts'
import { Sparkline } from '../../charts/sparkline.tsx'
import { Badge } from '../../design/badge.tsx'
import { State } from '../../design/state.tsx'
import { count, pricePerHour } from '../../text/quantities.ts'
import { fullTime, relativeTime } from '../../text/times.ts'
import type { ColumnId, EndpointRow } from './endpoint-row.ts'

type Look = {
  /** Of Berth's clock, for what is said to be so long ago. */
  readonly now: number
  /** What only passes by asks for nothing. */
  readonly isScrolling: boolean
}

export function endpointCell(id: ColumnId, row: EndpointRow, { now, isScrolling }: Look): ReactNode {
  switch (id) {
    case 'name':
      return (
        <td key={id} className="min-w-0 px-2">
          {endpointLink(row)}
        </td>
      )
    case 'state':
      return (
        <td key={id} className="min-w-0 px-2">
          <State state={row.state} />
        </td>
      )
    case 'model':
      return quiet(id, row.model, true)
    case 'engine':
      return quiet(id, row.engine)
    case 'instance':
      return quiet(id, row.instance)
    case 'task':
      return quiet(id, row.task)
    case 'access':
      return quiet(id, row.access)
    case 'replicas':
      return <td key={id} className="px-2">{`${row.replicas} / ${row.maxReplicas}`}</td>
    case 'requests':
      return (
        <td key={id} className="min-w-0 px-2">
          <RecentRequests row={row} isScrolling={isScrolling} />
        </td>
      )
    case 'cost':
      return (
        <td key={id} className="px-2 text-soft">
          {row.costPerHour === undefined ? '' : pricePerHour(row.costPerHour)}
        </td>
      )
    case 'tags':
      return (
        <td key={id} className="flex min-w-0 gap-1 overflow-hidden px-2">
          {row.tags.map((tag) => (
            <Badge key={tag}>{tag}</Badge>
          ))}
        </td>
      )
    case 'url':
      return quiet(id, row.url, true)
    case 'created':
      return when(id, row.createdAt, now)
    case 'createdBy':
      return quiet(id, row.createdBy)
    case 'updated':
      return when(id, row.updatedAt, now)
    case 'updatedBy':
      return quiet(id, row.updatedBy)
    case 'lastUsed':
      return row.lastUsedAt === undefined ? quiet(id, 'never') : when(id, row.lastUsedAt, now)
  }
}

/** Over the whole row, but for what stands above it. */
export function endpointLink(row: EndpointRow): ReactNode {
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

function quiet(id: ColumnId, text: string, mono = false): ReactNode {
  return (
    <td
      key={id}
      title={text}
      className={mono ? 'truncate px-2 font-mono text-xs text-soft' : 'truncate px-2 text-soft'}
    >
      {text}
    </td>
  )
}

function when(id: ColumnId, at: number, now: number): ReactNode {
  return (
    <td key={id} title={fullTime(at)} className="truncate px-2 text-soft">
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
