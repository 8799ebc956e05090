/** One of a few, by the browser's own list: for toolbars, where it must cost nothing and work on every phone. */
import { ChevronDown } from 'lucide-react'
import { classNames } from './class-names.ts'
import { CONTROL } from './control.ts'

export function NativeSelect<Value extends string>({
  label,
  value,
  choices,
  onValue,
  className,
}: {
  readonly label: string
  readonly value: Value
  readonly choices: readonly { readonly value: Value; readonly label: string }[]
  readonly onValue: (value: Value) => void
  readonly className?: string
}) {
  return (
    <div className={classNames('relative', className)}>
      <select
        aria-label={label}
        value={value}
        onChange={({ currentTarget }) => {
          const chosen = choices.find((choice) => choice.value === currentTarget.value)
          if (chosen) onValue(chosen.value)
        }}
        className={classNames(CONTROL, 'w-full appearance-none pr-8')}
      >
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
      <ChevronDown
        className="pointer-events-none absolute top-1/2 right-2.5 size-3.5 -translate-y-1/2 text-faint"
        aria-hidden
      />
    </div>
  )
}
