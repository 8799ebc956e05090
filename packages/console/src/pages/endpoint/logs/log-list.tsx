/** Lines of a log: only those that are seen are drawn, and the newest stays in sight until somebody scrolls away. */
import type { LogLevel, LogLine } from '@berth/contract'
import { useVirtualizer } from '@tanstack/react-virtual'
import { ArrowDown } from 'lucide-react'
import { memo, useEffect, useRef, useState } from 'react'
import { Button } from '../../../design/button.tsx'
import { classNames } from '../../../design/class-names.ts'
import { berthNow } from '../../../text/clock.ts'
import { count } from '../../../text/quantities.ts'
import { lineTime, pieces, shownText, type TimeZone } from './log-text.ts'

const LINE_PX = 20
const OVERSCAN = 30
/** So near to the end counts as being there. */
const AT_END_PX = 40

type ListProps = {
  readonly lines: readonly LogLine[]
  readonly search: string
  readonly zone: TimeZone
  readonly wrap: boolean
  readonly withReplica: boolean
  readonly follows: boolean
}

export function LogList({ lines, search, zone, wrap, withReplica, follows }: ListProps) {
  const scroller = useRef<HTMLElement>(null)
  const [isAtEnd, setAtEnd] = useState(true)
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_PX,
    overscan: OVERSCAN,
    getItemKey: (index) => lines[index]!.id,
  })
  const toEnd = () => rows.scrollToIndex(lines.length - 1, { align: 'end' })
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is the new lines that the page follows
  useEffect(() => {
    if (follows && isAtEnd && lines.length > 0) toEnd()
  }, [lines, follows, isAtEnd])

  return (
    <div className="relative min-w-0">
      <section
        ref={scroller}
        aria-label="Log"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable
        tabIndex={0}
        className="h-[65vh] overflow-auto rounded-lg border border-line bg-surface font-mono text-xs leading-5"
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) =>
          setAtEnd(scrollHeight - scrollTop - clientHeight < AT_END_PX)
        }
      >
        <div className="relative min-w-full" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => (
            <div
              key={row.key}
              ref={rows.measureElement}
              data-index={row.index}
              className={classNames('absolute top-0 left-0 min-w-full', wrap && 'w-full')}
              style={{ transform: `translateY(${row.start}px)` }}
            >
              <Line
                line={lines[row.index]!}
                search={search}
                zone={zone}
                wrap={wrap}
                withReplica={withReplica}
              />
            </div>
          ))}
        </div>
      </section>
      {follows && !isAtEnd && (
        <Button icon={ArrowDown} size="sm" className="absolute right-5 bottom-4" onClick={toEnd}>
          Newest
        </Button>
      )}
    </div>
  )
}

const LEVELS: Readonly<Record<LogLevel, string>> = {
  error: 'border-bad bg-bad-soft',
  warn: 'border-warn',
  info: 'border-transparent',
  debug: 'border-transparent text-faint',
}

const Line = memo(function Line({
  line,
  search,
  zone,
  wrap,
  withReplica,
}: Pick<ListProps, 'search' | 'zone' | 'wrap' | 'withReplica'> & { readonly line: LogLine }) {
  const { text, cut } = shownText(line.line)
  return (
    <div className={classNames('flex gap-3 border-l-2 pr-3 pl-2.5', LEVELS[line.level ?? 'info'])}>
      <time dateTime={line.timestamp} className="shrink-0 text-faint select-none tabular">
        {lineTime(line.timestamp, zone, berthNow())}
      </time>
      {withReplica && <span className="shrink-0 text-faint select-none">{line.replica_id.slice(-6)}</span>}
      <span className={wrap ? 'min-w-0 break-all whitespace-pre-wrap' : 'whitespace-pre'}>
        {pieces(text, search).map((piece, place) =>
          place % 2 === 1 ? (
            <mark key={String(place)} className="rounded-sm bg-warn-soft text-warn">
              {piece}
            </mark>
          ) : (
            piece
          ),
        )}
        {cut > 0 && <span className="text-faint"> … {count(cut)} more characters, in the download</span>}
      </span>
    </div>
  )
})
