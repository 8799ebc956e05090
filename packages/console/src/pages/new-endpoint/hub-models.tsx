/** What the Hub has by those words, where it can be reached; where it cannot, why, and everything else goes on. */
import type { HubModel } from '@berth/contract'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { hubSearchQuery } from '../../api/queries.ts'
import { Badge } from '../../design/badge.tsx'
import { SkeletonRows } from '../../design/skeleton.tsx'
import { count } from '../../text/quantities.ts'
import { TimeAgo } from '../../text/time-ago.tsx'

/** Nobody is asked while somebody types. */
const TYPED_MS = 300
const SHORTEST_WORDS = 2

export function HubModels({
  words,
  onChoose,
}: {
  readonly words: string
  readonly onChoose: (model: string) => void
}) {
  const settled = useSettled(words.length < SHORTEST_WORDS ? '' : words)
  const { data, error, isLoading } = useQuery(hubSearchQuery(settled))
  if (settled === '') return null
  const problem = data?.problem ?? error?.message
  return (
    <section aria-label="On the Hub" className="flex flex-col gap-2">
      <h2 className="text-sm font-medium">On the Hub</h2>
      {isLoading && <SkeletonRows rows={2} label="Searching the Hub" />}
      {problem && <p className="text-sm text-soft">{problem}</p>}
      {data && !problem && data.items.length === 0 && (
        <p className="text-sm text-soft">The Hub has nothing by that name.</p>
      )}
      {data && data.items.length > 0 && (
        <ul className="max-h-80 divide-y divide-line overflow-y-auto rounded-lg border border-line bg-surface">
          {data.items.map((model) => (
            <li key={model.repository}>
              <HubModelRow model={model} onChoose={onChoose} />
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function HubModelRow({
  model: { repository, task, downloads, gated, private: isPrivate, updatedAt },
  onChoose,
}: {
  readonly model: HubModel
  readonly onChoose: (model: string) => void
}) {
  return (
    <button
      type="button"
      onClick={() => onChoose(repository)}
      className="flex w-full flex-wrap items-baseline gap-x-3 gap-y-0.5 px-4 py-2 text-left transition-colors hover:bg-hover"
    >
      <span className="min-w-0 font-medium break-all">{repository}</span>
      {gated && <Badge tone="warn">gated</Badge>}
      {isPrivate && <Badge tone="plain">private</Badge>}
      <span className="ml-auto text-xs text-soft">
        {task && `${task} · `}
        {count(downloads)} downloads a month
        {updatedAt && (
          <>
            {' · changed '}
            <TimeAgo at={updatedAt} />
          </>
        )}
      </span>
    </button>
  )
}

/** The value once it has not changed for a moment. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), TYPED_MS)
    return () => clearTimeout(timer)
  }, [value])
  return settled
}
