/**
 * The list itself. Only the rows that are seen are drawn, so five thousand scroll like five; on a narrow screen a row
 * is two lines instead of columns.
 */
import { useRouter } from '@tanstack/react-router'
import { ArrowDown, ArrowUp } from 'lucide-react'
import { type MouseEvent, memo, useLayoutEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { Checkbox } from '../../design/checkbox.tsx'
import { classNames } from '../../design/class-names.ts'
import { State } from '../../design/state.tsx'
import { useRowWindow } from '../../design/use-row-window.ts'
import { pricePerHour } from '../../text/quantities.ts'
import { useNow } from '../../text/time-ago.tsx'
import { endpointCell, endpointLink } from './endpoint-cell.tsx'
import type { Column, ColumnId, EndpointRow, ListView } from './endpoint-row.ts'

const ROW_PX = 40
const NARROW_ROW_PX = 68
/** How long ago something was is told anew this often, and not with every row that comes into sight. */
const NOW_MS = 15_000

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
  const rowPx = isNarrow ? NARROW_ROW_PX : ROW_PX
  const { first, drawn, isScrolling } = useRowWindow(scroller, rows.length, rowPx)
  const now = Math.ceil(useNow() / NOW_MS) * NOW_MS
  const follow = useFollowedLinks(isScrolling)
  const { grid, minWidth } = useMemo(() => gridOf(columns), [columns])

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
        {!isNarrow && (
          <Head
            rows={rows}
            columns={columns}
            view={view}
            selected={selected}
            grid={grid}
            onSort={onSort}
            onSelect={onSelect}
          />
        )}
        <tbody
          className="block"
          style={{ height: rows.length * rowPx, paddingTop: first * rowPx }}
          {...follow}
        >
          {drawn.map(
            ({ index, key }) =>
              // A list that has just become shorter is drawn once before its window is.
              index < rows.length && (
                <EndpointLine
                  key={key}
                  row={rows[index]!}
                  index={index}
                  columns={columns}
                  isNarrow={isNarrow}
                  isSelected={selected.has(rows[index]!.name)}
                  isScrolling={isScrolling}
                  grid={grid}
                  now={now}
                  onSelect={onSelect}
                />
              ),
          )}
        </tbody>
      </table>
    </div>
  )
}

const Head = memo(
  ({
    rows,
    columns,
    view,
    selected,
    grid,
    onSort,
    onSelect,
  }: EndpointTableProps & { readonly grid: string }) => {
    const names = useMemo(() => rows.map((row) => row.name), [rows])
    const selectedHere = useMemo(() => names.filter((name) => selected.has(name)).length, [names, selected])
    return (
      <thead className="sticky top-0 z-10 block">
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
    )
  },
)

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
  readonly isScrolling: boolean
  readonly grid: string
  readonly now: number
  readonly onSelect: (names: readonly string[], selected: boolean) => void
}

const EndpointLine = memo(
  ({ row, index, columns, isNarrow, isSelected, isScrolling, grid, now, onSelect }: LineProps) => {
    const line = useRef<HTMLTableRowElement>(null)
    // biome-ignore lint/correctness/useExhaustiveDependencies: whoever had the focus was in the row that stood here before
    useLayoutEffect(
      () => () => {
        const focused = document.activeElement
        if (focused instanceof HTMLElement && line.current?.contains(focused)) focused.blur()
      },
      [row.name],
    )
    return (
      <tr
        ref={line}
        aria-rowindex={index + 2}
        className={classNames(
          'relative grid items-center border-b border-line contain-strict focus-within:bg-hover hover:bg-hover',
          isSelected && 'bg-accent-soft focus-within:bg-accent-soft hover:bg-accent-soft',
        )}
        style={{
          height: isNarrow ? NARROW_ROW_PX : ROW_PX,
          gridTemplateColumns: isNarrow ? '2.25rem minmax(0,1fr)' : grid,
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
          <NarrowCell row={row} />
        ) : (
          columns.map(({ id }) => endpointCell(id, row, { now, isScrolling }))
        )}
      </tr>
    )
  },
)

function NarrowCell({ row }: { readonly row: EndpointRow }) {
  return (
    <td className="grid min-w-0 gap-0.5 pr-3">
      <span className="flex items-center justify-between gap-3">
        {endpointLink(row)}
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
  )
}

/**
 * The links of all rows, followed from one place: a link of the router's own watches the whole address, which is too
 * much for something that is used again sixty times a second.
 */
function useFollowedLinks(isScrolling: boolean) {
  const router = useRouter()
  const hrefAt = (event: MouseEvent) =>
    event.target instanceof Element
      ? (event.target.closest('a')?.getAttribute('href') ?? undefined)
      : undefined
  return {
    onMouseOver: (event: MouseEvent) => {
      const href = hrefAt(event)
      if (href !== undefined && !isScrolling) void router.preloadRoute({ to: href })
    },
    onClick: (event: MouseEvent) => {
      const href = hrefAt(event)
      const isPlain =
        event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
      if (href === undefined || !isPlain) return
      event.preventDefault()
      void router.navigate({ to: href })
    },
  }
}

const narrow = matchMedia('(max-width: 47.99rem)')

function followNarrow(listener: () => void): () => void {
  narrow.addEventListener('change', listener)
  return () => narrow.removeEventListener('change', listener)
}

const useIsNarrow = (): boolean => useSyncExternalStore(followNarrow, () => narrow.matches)
