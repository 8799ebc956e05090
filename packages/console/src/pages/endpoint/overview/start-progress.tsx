/** How far a start has come: its phases in order, the bytes that are here, and when it is expected to be ready. */

import { Progress } from '@base-ui/react/progress'
import type { EndpointStatus } from '@berth/contract'
import { Check } from 'lucide-react'
import { classNames } from '../../../design/class-names.ts'
import { bytes } from '../../../text/quantities.ts'
import { duration } from '../../../text/times.ts'

const PHASES = ['waiting', 'downloading', 'starting', 'loading'] as const
const WORDS = {
  waiting: 'Waiting for room',
  downloading: 'Fetching the weights',
  starting: 'Starting the engine',
  loading: 'Loading the model',
} as const

export function StartProgress({ status }: { readonly status: EndpointStatus }) {
  const { progress } = status
  if (!progress) return null
  const current = PHASES.indexOf(progress.phase)
  const share =
    progress.bytesDone !== undefined && progress.bytesTotal
      ? (progress.bytesDone / progress.bytesTotal) * 100
      : null
  return (
    <div className="flex flex-col gap-3 rounded-lg border border-line bg-surface p-4">
      <ol className="grid grid-cols-2 gap-x-6 gap-y-2 sm:grid-cols-4">
        {PHASES.map((phase, place) => (
          <li
            key={phase}
            aria-current={place === current ? 'step' : undefined}
            className={classNames(
              'flex items-center gap-2 border-t-2 pt-2 text-xs',
              place < current
                ? 'border-good text-soft'
                : place === current
                  ? 'border-busy font-medium'
                  : 'border-line text-faint',
            )}
          >
            {place < current && <Check className="size-3.5 text-good" aria-hidden />}
            {WORDS[phase]}
          </li>
        ))}
      </ol>
      {share !== null && (
        <Progress.Root value={share} aria-label={WORDS[progress.phase]}>
          <Progress.Track className="h-1.5 overflow-hidden rounded-full bg-well">
            <Progress.Indicator className="h-full rounded-full bg-busy transition-[width]" />
          </Progress.Track>
        </Progress.Root>
      )}
      <p className="text-xs text-soft tabular">{progressWords(progress)}</p>
    </div>
  )
}

function progressWords(progress: NonNullable<EndpointStatus['progress']>): string {
  const { bytesDone, bytesTotal, bytesPerSecond, etaMs, etaRangeMs } = progress
  const parts = [
    bytesDone !== undefined && bytesTotal !== undefined
      ? `${bytes(bytesDone)} of ${bytes(bytesTotal)}`
      : undefined,
    bytesPerSecond ? `${bytes(bytesPerSecond)}/s` : undefined,
    etaMs !== undefined ? `ready in about ${duration(Math.max(0, etaMs))}` : undefined,
    etaRangeMs
      ? `usually between ${duration(Math.max(0, etaRangeMs[0]))} and ${duration(Math.max(0, etaRangeMs[1]))}`
      : undefined,
  ].filter(Boolean)
  return parts.length > 0 ? parts.join(' · ') : 'How long it takes is known after its first start.'
}
