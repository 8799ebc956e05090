/** A sentence that must be seen: a failure and what to do, a warning, something to know. */
import { CircleAlert, Info, type LucideIcon, TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { sentenceOf } from '../text/sentence-of.ts'
import { classNames } from './class-names.ts'

type Tone = 'bad' | 'warn' | 'busy' | 'calm'

const LOOKS: Readonly<Record<Tone, { readonly classes: string; readonly icon: LucideIcon }>> = {
  bad: { classes: 'bg-bad-soft [&>svg]:text-bad', icon: CircleAlert },
  warn: { classes: 'bg-warn-soft [&>svg]:text-warn', icon: TriangleAlert },
  busy: { classes: 'bg-busy-soft [&>svg]:text-busy', icon: Info },
  calm: { classes: 'bg-calm-soft [&>svg]:text-calm', icon: Info },
}

export function Note({
  tone,
  children,
  actions,
  className,
}: {
  readonly tone: Tone
  readonly children: ReactNode
  readonly actions?: ReactNode
  readonly className?: string
}) {
  const { classes, icon: Icon } = LOOKS[tone]
  return (
    <div
      role={tone === 'bad' ? 'alert' : undefined}
      className={classNames('flex items-start gap-2.5 rounded-lg px-3.5 py-2.5 text-sm', classes, className)}
    >
      <Icon className="mt-0.5 size-4 shrink-0" aria-hidden />
      <div className="min-w-0 flex-1">{children}</div>
      {actions && <div className="flex shrink-0 gap-2">{actions}</div>}
    </div>
  )
}

/** What went wrong, in the server's own words. */
export function ErrorNote({ error, actions }: { readonly error: unknown; readonly actions?: ReactNode }) {
  return (
    <Note tone="bad" actions={actions}>
      {sentenceOf(error)}
    </Note>
  )
}
