/** The frame of a page: its heading, what can be done here, and the content below. */
import { type ReactNode, useEffect } from 'react'
import { classNames } from './class-names.ts'

export function Page({
  title,
  heading,
  aside,
  actions,
  children,
  narrow = false,
}: {
  /** In the window's title, and as the heading where none is given. */
  readonly title: string
  readonly heading?: ReactNode
  readonly aside?: ReactNode
  readonly actions?: ReactNode
  readonly children: ReactNode
  readonly narrow?: boolean
}) {
  useEffect(() => {
    document.title = `${title} · Berth`
  }, [title])
  return (
    <div
      className={classNames(
        'mx-auto w-full px-4 pt-5 pb-16 sm:px-7 sm:pt-7',
        narrow ? 'max-w-4xl' : 'max-w-[96rem]',
      )}
    >
      <div className="mb-5 flex flex-wrap items-center gap-x-3 gap-y-3">
        <h1 className="min-w-0 text-xl font-semibold tracking-tight">{heading ?? title}</h1>
        {aside && <div className="text-sm text-soft">{aside}</div>}
        {actions && <div className="ml-auto flex flex-wrap items-center gap-2">{actions}</div>}
      </div>
      {children}
    </div>
  )
}
