/** The parts of a table: dense rows, a quiet head, numbers that stand under each other. */
import type { ComponentProps } from 'react'
import { classNames } from './class-names.ts'

export function Table({ className, ...rest }: ComponentProps<'table'>) {
  return (
    // A frame of its own, or what is only for screen readers would widen the page.
    <div
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard too
      tabIndex={0}
      className="relative overflow-x-auto rounded-lg border border-line bg-surface"
    >
      <table {...rest} className={classNames('w-full border-collapse text-left text-sm', className)} />
    </div>
  )
}

export function HeadCell({ className, ...rest }: ComponentProps<'th'>) {
  return (
    <th
      scope="col"
      {...rest}
      className={classNames(
        'h-8 border-b border-line bg-well px-3 text-xs font-medium whitespace-nowrap text-soft first:rounded-tl-lg last:rounded-tr-lg',
        className,
      )}
    />
  )
}

export function Row({ className, ...rest }: ComponentProps<'tr'>) {
  return <tr {...rest} className={classNames('border-b border-line last:border-0', className)} />
}

export function Cell({ className, ...rest }: ComponentProps<'td'>) {
  return <td {...rest} className={classNames('h-10 px-3 py-1.5 align-middle', className)} />
}
