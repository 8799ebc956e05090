/** A part of a page with a heading: a frame with content, or a settings-like section. */
import type { ReactNode } from 'react'
import { classNames } from './class-names.ts'

export function Card({
  title,
  aside,
  children,
  className,
  bodyClassName = 'p-4',
}: {
  readonly title?: ReactNode
  /** Beside the heading: a count, a link, a button. */
  readonly aside?: ReactNode
  readonly children: ReactNode
  readonly className?: string
  readonly bodyClassName?: string
}) {
  return (
    <section className={classNames('min-w-0 rounded-lg border border-line bg-surface', className)}>
      {title && (
        <div className="flex min-h-10 flex-wrap items-center justify-between gap-x-4 border-b border-line px-4 py-1.5">
          <h2 className="text-sm font-semibold">{title}</h2>
          {aside && <div className="text-xs text-soft">{aside}</div>}
        </div>
      )}
      <div className={bodyClassName}>{children}</div>
    </section>
  )
}

/** Names and values, in two columns that line up. */
export function Facts({ children }: { readonly children: ReactNode }) {
  return <dl className="grid grid-cols-[minmax(6rem,auto)_1fr] gap-x-6 gap-y-2 text-sm">{children}</dl>
}

export function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <>
      <dt className="text-soft">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </>
  )
}
