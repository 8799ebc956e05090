/** What Berth found out about the model, and what should be known before it is deployed. */
import type { Recommendation } from '@berth/contract'
import type { ReactNode } from 'react'
import { Note } from '../../design/note.tsx'
import { Skeleton } from '../../design/skeleton.tsx'
import { bytes, count } from '../../text/quantities.ts'
import { sentenceOf } from '../../text/sentence-of.ts'

export function ModelFacts({
  judged,
  error,
}: {
  readonly judged: Recommendation | undefined
  readonly error: Error | null
}) {
  if (!judged) {
    if (error) return <Note tone="warn">{sentenceOf(error)}</Note>
    return <Skeleton className="h-16 w-full rounded-lg" />
  }
  const { model, context, concurrency, notes } = judged
  return (
    <>
      <dl className="flex flex-wrap gap-x-8 gap-y-3 rounded-lg border border-line bg-surface px-4 py-3">
        {model.task && <Figure name="Task">{model.task}</Figure>}
        {model.parameters !== null && <Figure name="Parameters">{parameters(model.parameters)}</Figure>}
        {model.dtype && <Figure name="Weights">{model.dtype}</Figure>}
        {model.weightBytes !== null && <Figure name="Size">{bytes(model.weightBytes)}</Figure>}
        {model.maxContext !== null && <Figure name="Context">{count(model.maxContext)}</Figure>}
        {context !== null && concurrency !== null && (
          <Figure name="Planned for">
            {concurrency} × {count(context)} tokens
          </Figure>
        )}
      </dl>
      {notes.map((note) => (
        <Note key={note} tone="calm">
          {note}
        </Note>
      ))}
    </>
  )
}

const Figure = ({ name, children }: { readonly name: string; readonly children: ReactNode }) => (
  <div>
    <dt className="text-xs text-soft">{name}</dt>
    <dd className="tabular font-medium">{children}</dd>
  </div>
)

function parameters(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)} B`
  return value >= 1e6 ? `${(value / 1e6).toFixed(1)} M` : count(value)
}
