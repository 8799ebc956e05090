/** What is wrong with something that no single field can say it of. */
import { classNames } from './class-names.ts'

export function Problem({
  text,
  className,
}: {
  readonly text: string | undefined
  readonly className?: string
}) {
  return (
    text && (
      <p role="alert" className={classNames('text-xs text-bad', className)}>
        {text}
      </p>
    )
  )
}
