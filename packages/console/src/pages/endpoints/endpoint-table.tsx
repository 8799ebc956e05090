/**
 * The list itself. Only the rows that are seen are drawn, so five thousand scroll like five; on a narrow screen a row
 * is two lines instead of columns.
 */
import { useVirtualizer } from '@tanstack/react-virtual'
import { ArrowDown, ArrowUp } from 'lucide-react'
import { memo, useMemo, useRef, useSyncExternalStore } from 'react'
import { Checkbox } from '../../design/checkbox.tsx'
import { classNames } from '../../design/class-names.ts'
import { State } from '../../design/state.tsx'
import { pricePerHour } from '../../text/quantities.ts'
import { endpointCell } from './endpoint-cell.tsx'
import type { Column, ColumnId, EndpointRow, ListView } from './endpoint-row.ts'

const ROW_PX = 40
const NARROW_ROW_PX = 68
const OVERSCAN_ROWS = 8

export type EndpointTableProps = {
  readonly rows: readonly EndpointRow[]
  readonly columns: readonly Column[]
  readonly view: ListView
  readonly selected: ReadonlySet<string>
  readonly onSort: (column: ColumnId) => void
  readonly onSelect: (names: readonly string[], selected: boolean) => void
}

export function EndpointTable({ rows, columns, view, selected, onSort, onSelect }: EndpointTableProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const isNarrow = useIsNarrow()
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (isNarrow ? NARROW_ROW_PX : ROW_PX),
    overscan: OVERSCAN_ROWS,
    getItemKey: (index) => rows[index]!.name,
  })
  const { grid, minWidth } = useMemo(() => gridOf(columns), [columns])
  const names = useMemo(() => rows.map((row) => row.name), [rows])
  const selectedHere = useMemo(() => names.filter((name) => selected.has(name)).length, [names, selected])

  return (
    <div
      ref={scroller}
      className="max-h-[calc(100dvh-11rem)] overflow-auto rounded-lg border border-line bg-surface"
    >
      <table
        aria-label="Endpoints"
        aria-rowcount={rows.length + 1}
        className="block"
        style={isNarrow ? {} : { minWidth }}
      >
        <thead className={classNames('sticky top-0 z-10', isNarrow ? 'hidden' : 'block')}>
          <tr
            className="grid items-center border-b border-line bg-well text-left text-xs text-soft"
            style={{ gridTemplateColumns: grid }}
          >
            <th scope="col" className="flex h-8 items-center pl-3">
              <Checkbox
                label="Select all"
                checked={selectedHere > 0 && selectedHere === names.length}
                indeterminate={selectedHere > 0 && selectedHere < names.length}
                onChange={(checked) => onSelect(names, checked)}
              />
            </th>
            {columns.map((column) => (
              <ColumnHead key={column.id} column={column} view={view} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody className="relative block" style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map((item) => (
            <EndpointLine
              key={item.key}
              row={rows[item.index]!}
              index={item.index}
              columns={columns}
              isNarrow={isNarrow}
              isSelected={selected.has(rows[item.index]!.name)}
              grid={grid}
              topPx={item.start}
              onSelect={onSelect}
            />
          ))}
        </tbody>
      </table>
    </div>
  )
}

const CHECKBOX_REM = 2.25

/** Columns keep their width; what is left over goes to those that grow. */
function gridOf(columns: readonly Column[]) {
  const tracks = columns.map(({ widthRem, grow }) =>
    grow ? `minmax(${widthRem}rem, ${grow}fr)` : `${widthRem}rem`,
  )
  const minimumRem = columns.reduce((sum, column) => sum + column.widthRem, CHECKBOX_REM)
  return { grid: [`${CHECKBOX_REM}rem`, ...tracks].join(' '), minWidth: `${minimumRem}rem` }
}

function ColumnHead({
  column,
  view,
  onSort,
}: {
  readonly column: Column
  readonly view: ListView
  readonly onSort: (column: ColumnId) => void
}) {
  const isSorted = view.sort === column.id
  const Arrow = view.descending ? ArrowDown : ArrowUp
  return (
    <th
      scope="col"
      aria-sort={isSorted ? (view.descending ? 'descending' : 'ascending') : undefined}
      className="min-w-0 px-2 font-medium whitespace-nowrap"
    >
      {column.order ? (
        <button
          type="button"
          onClick={() => onSort(column.id)}
          className="-mx-1 inline-flex h-8 items-center gap-1 rounded-sm px-1 hover:text-ink focus-visible:-outline-offset-2"
        >
          {column.title}
          {isSorted && <Arrow className="size-3" aria-hidden />}
        </button>
      ) : (
        column.title
      )}
    </th>
  )
}

type LineProps = {
  readonly row: EndpointRow
  readonly index: number
  readonly columns: readonly Column[]
  readonly isNarrow: boolean
  readonly isSelected: boolean
  readonly grid: string
  readonly topPx: number
  readonly onSelect: (names: readonly string[], selected: boolean) => void
}

const EndpointLine = memo(
  ({ row, index, columns, isNarrow, isSelected, grid, topPx, onSelect }: LineProps) => (
    <tr
      aria-rowindex={index + 2}
      className={classNames(
        'absolute inset-x-0 top-0 grid items-center border-b border-line transition-none hover:bg-hover has-[a:focus-visible]:bg-hover',
        isSelected && 'bg-accent-soft hover:bg-accent-soft',
      )}
      style={{
        height: isNarrow ? NARROW_ROW_PX : ROW_PX,
        gridTemplateColumns: isNarrow ? '2.25rem minmax(0,1fr)' : grid,
        transform: `translateY(${topPx}px)`,
      }}
    >
      <td className="z-[1] flex items-center pl-3">
        <Checkbox
          label={`Select ${row.name}`}
          checked={isSelected}
          onChange={(checked) => onSelect([row.name], checked)}
        />
      </td>
      {isNarrow ? (
        <td className="grid min-w-0 gap-0.5 pr-3">
          <span className="flex items-center justify-between gap-3">
            {endpointCell('name', row)}
            <State state={row.state} className="shrink-0 text-xs" />
          </span>
          <span className="flex justify-between gap-3 text-xs text-soft">
            <span className="truncate font-mono">{row.model}</span>
            <span className="tabular shrink-0">
              {row.replicas} / {row.maxReplicas}
              {row.costPerHour ? ` · ${pricePerHour(row.costPerHour)}` : ''}
            </span>
          </span>
        </td>
      ) : (
        columns.map((column) => (
          <td key={column.id} className="flex min-w-0 items-center px-2">
            {endpointCell(column.id, row)}
          </td>
        ))
      )}
    </tr>
  ),
)

const NARROW = '(max-width: 47.99rem)'

function useIsNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      const query = matchMedia(NARROW)
      query.addEventListener('change', listener)
      return () => query.removeEventListener('change', listener)
    },
    () => matchMedia(NARROW).matches,
  )
}
