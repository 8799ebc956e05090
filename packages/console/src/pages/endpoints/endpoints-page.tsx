/** The endpoints of a namespace: found, put in order, and acted on, one or many. */
import type { VendorList } from '@berth/contract'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { Columns3, Plus, Search } from 'lucide-react'
import { useDeferredValue, useMemo, useState } from 'react'
import { endpointsQuery, vendorsQuery } from '../../api/queries.ts'
import { Button, ButtonLink } from '../../design/button.tsx'
import { EmptyState } from '../../design/empty-state.tsx'
import { FilterField } from '../../design/filter-field.tsx'
import { Menu } from '../../design/menu.tsx'
import { NativeSelect } from '../../design/native-select.tsx'
import { ErrorNote } from '../../design/note.tsx'
import { Page } from '../../design/page.tsx'
import { SkeletonRows } from '../../design/skeleton.tsx'
import { STATE_LOOKS } from '../../design/state.tsx'
import { count } from '../../text/quantities.ts'
import { BulkActions } from './bulk-actions.tsx'
import { type ChosenColumns, useChosenColumns } from './chosen-columns.ts'
import { COLUMNS, type ColumnId, type EndpointRow, endpointRow, visibleRows } from './endpoint-row.ts'
import { EndpointTable } from './endpoint-table.tsx'
import { FirstEndpoint } from './first-endpoint.tsx'
import { isState, type ListSearch, viewOf } from './list-search.ts'

export function EndpointsPage() {
  const { namespace } = useParams({ from: '/endpoints/$namespace' })
  const { data, error } = useQuery(endpointsQuery(namespace))
  const { data: hardware } = useQuery(vendorsQuery(namespace))
  const prices = useMemo(() => pricesOf(hardware), [hardware])
  const rows = useMemo(() => (data?.items ?? []).map((one) => endpointRow(one, prices)), [data, prices])
  return (
    <Page
      title="Endpoints"
      aside={data && <span className="tabular">{count(data.totalItems)}</span>}
      actions={
        <ButtonLink look="primary" icon={Plus} to="/new/$namespace" params={{ namespace }}>
          New endpoint
        </ButtonLink>
      }
    >
      {error && !data && <ErrorNote error={error} />}
      {!error && !data && (
        <div className="overflow-hidden rounded-lg border border-line bg-surface">
          <SkeletonRows rows={8} label="Loading the endpoints" />
        </div>
      )}
      {data && rows.length === 0 && <FirstEndpoint namespace={namespace} />}
      {rows.length > 0 && <EndpointList namespace={namespace} rows={rows} />}
    </Page>
  )
}

function EndpointList({
  namespace,
  rows,
}: {
  readonly namespace: string
  readonly rows: readonly EndpointRow[]
}) {
  const search = useSearch({ from: '/endpoints/$namespace' })
  const navigate = useNavigate({ from: '/endpoints/$namespace' })
  const columns = useChosenColumns()
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const view = viewOf(search)
  const deferred = useDeferredValue(search)
  const shown = useMemo(() => visibleRows(rows, viewOf(deferred)), [rows, deferred])
  const chosen = rows.filter((row) => selected.has(row.name))

  const change = (next: ListSearch) => void navigate({ search: next, replace: true })
  const sortBy = (sort: ColumnId) => {
    const descending = view.sort === sort ? !view.descending : false
    const { order, ...rest } = search
    change({ ...rest, sort, ...(descending && { order: 'desc' }) })
  }
  const select = (names: readonly string[], isSelected: boolean) =>
    setSelected((before) => {
      const next = new Set(before)
      for (const name of names) {
        if (isSelected) next.add(name)
        else next.delete(name)
      }
      return next
    })

  return (
    <>
      <div className="mb-3 flex min-h-8 flex-wrap items-center gap-2">
        {chosen.length > 0 ? (
          <BulkActions namespace={namespace} rows={chosen} onClear={() => setSelected(new Set())} />
        ) : (
          <Toolbar search={search} onChange={change} columns={columns} />
        )}
      </div>
      {shown.length === 0 ? (
        <EmptyState
          icon={Search}
          title="No endpoint matches"
          actions={<Button onClick={() => change({})}>Show all {count(rows.length)}</Button>}
        />
      ) : (
        <EndpointTable
          rows={shown}
          columns={columns.columns}
          view={view}
          selected={selected}
          onSort={sortBy}
          onSelect={select}
        />
      )}
    </>
  )
}

function Toolbar({
  search,
  onChange,
  columns,
}: {
  readonly search: ListSearch
  readonly onChange: (search: ListSearch) => void
  readonly columns: ChosenColumns
}) {
  const { q, state, ...rest } = search
  return (
    <>
      <FilterField
        placeholder="Filter by name, model, task, tag…"
        value={q ?? ''}
        onValue={(value) => onChange({ ...rest, ...(state && { state }), ...(value !== '' && { q: value }) })}
      />
      <NativeSelect
        label="State"
        className="min-w-36"
        value={state ?? 'all'}
        choices={[{ value: 'all', label: 'Any state' }, ...STATE_CHOICES]}
        onValue={(value) => onChange({ ...rest, ...(q && { q }), ...(isState(value) && { state: value }) })}
      />
      <div className="ml-auto max-md:hidden">
        <Menu
          align="end"
          trigger={
            <Button look="quiet" icon={Columns3}>
              Columns
            </Button>
          }
          items={({ MenuCheck }) =>
            COLUMNS.filter((column) => column.id !== 'name').map((column) => (
              <MenuCheck
                key={column.id}
                checked={columns.isChosen(column.id)}
                onChange={(checked) => columns.choose(column.id, checked)}
              >
                {column.title}
              </MenuCheck>
            ))
          }
        />
      </div>
    </>
  )
}

const STATE_CHOICES = Object.entries(STATE_LOOKS).map(([value, { word }]) => ({ value, label: word }))

function pricesOf(hardware: VendorList | undefined): ReadonlyMap<string, number> {
  const offers =
    hardware?.vendors.flatMap((vendor) => vendor.regions.flatMap((region) => region.computes)) ?? []
  return new Map(offers.map((offer) => [offer.id, offer.pricePerHour]))
}
