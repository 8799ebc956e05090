/** The shape of what is being loaded, so that nothing jumps when it comes. */
import { classNames } from './class-names.ts'

export function Skeleton({ className }: { readonly className?: string }) {
  return <span aria-hidden="true" className={classNames('skeleton block h-4', className)} />
}

/** Several rows of a table or list. It says so once to those who cannot see it. */
export function SkeletonRows({ rows, label }: { readonly rows: number; readonly label: string }) {
  return (
    <div role="status" aria-label={label} className="flex flex-col">
      {Array.from({ length: rows }, (_, row) => `row-${row}`).map((key, row) => (
        <div key={key} className="flex h-10 items-center gap-6 border-b border-line px-3 last:border-0">
          <Skeleton className={WIDTHS[row % WIDTHS.length]!} />
          <Skeleton className="w-20" />
          <Skeleton className="hidden w-28 sm:block" />
          <Skeleton className="ml-auto w-16" />
        </div>
      ))}
    </div>
  )
}

const WIDTHS = ['w-40', 'w-28', 'w-36', 'w-24'] as const
