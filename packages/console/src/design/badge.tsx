/** A word in a frame: an engine, a tag, a role. */
import type { ReactNode } from 'react'
import { classNames } from './class-names.ts'

export type Tone = 'plain' | 'good' | 'busy' | 'warn' | 'bad' | 'calm' | 'accent'

const TONES: Readonly<Record<Tone, string>> = {
  plain: 'bg-well text-soft ring-line',
  good: 'bg-good-soft text-good ring-transparent',
  busy: 'bg-busy-soft text-busy ring-transparent',
  warn: 'bg-warn-soft text-warn ring-transparent',
  bad: 'bg-bad-soft text-bad ring-transparent',
  calm: 'bg-calm-soft text-calm ring-transparent',
  accent: 'bg-accent-soft text-accent ring-transparent',
}

export function Badge({
  tone = 'plain',
  className,
  children,
}: {
  readonly tone?: Tone
  readonly className?: string
  readonly children: ReactNode
}) {
  return (
    <span
      className={classNames(
        'inline-flex max-w-full items-center gap-1 truncate rounded-sm px-1.5 py-px text-xs ring-1 ring-inset',
        TONES[tone],
        className,
      )}
    >
      {children}
    </span>
  )
}
