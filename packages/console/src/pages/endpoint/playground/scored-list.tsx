/** Texts or labels with a score from 0 to 1, the best first. */
import { Meter } from '@base-ui/react/meter'

export type Scored = { readonly name: string; readonly score: number }

export function ScoredList({ items }: { readonly items: readonly Scored[] }) {
  return (
    <ol className="flex flex-col gap-3">
      {items.map(({ name, score }, place) => (
        <li key={String(place)}>
          <Meter.Root value={Math.max(0, Math.min(1, score)) * 100} className="flex flex-col gap-1">
            <div className="flex items-baseline justify-between gap-4">
              <Meter.Label className="min-w-0">{name}</Meter.Label>
              <span className="text-xs text-soft tabular">{score.toFixed(4)}</span>
            </div>
            <Meter.Track className="h-1.5 overflow-hidden rounded-full bg-well">
              <Meter.Indicator className="h-full rounded-full bg-accent" />
            </Meter.Track>
          </Meter.Root>
        </li>
      ))}
    </ol>
  )
}
