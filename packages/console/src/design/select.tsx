/** One of a few. Inside a `Field` it takes the field's label. */
import { Select as Base } from '@base-ui/react/select'
import { Check, ChevronDown } from 'lucide-react'
import type { ReactNode } from 'react'
import { classNames } from './class-names.ts'
import { CONTROL } from './control.ts'

export type Choice<Value extends string> = {
  readonly value: Value
  readonly label: string
  readonly hint?: ReactNode
}

export function Select<Value extends string>({
  value,
  choices,
  onValue,
  label,
  className = 'w-full',
}: {
  readonly value: Value
  readonly choices: readonly Choice<Value>[]
  readonly onValue: (value: Value) => void
  /** Needed outside a `Field`. */
  readonly label?: string
  readonly className?: string
}) {
  return (
    <Base.Root
      items={choices.map((choice) => ({ value: choice.value, label: choice.label }))}
      value={value}
      onValueChange={(chosen) => chosen !== null && onValue(chosen)}
    >
      <Base.Trigger
        aria-label={label}
        className={classNames(CONTROL, 'flex items-center justify-between gap-2 text-left', className)}
      >
        <Base.Value className="truncate" />
        <Base.Icon>
          <ChevronDown className="size-3.5 text-faint" aria-hidden />
        </Base.Icon>
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner sideOffset={4} alignItemWithTrigger={false} className="z-50">
          <Base.Popup className="floating opens max-h-(--available-height) min-w-(--anchor-width) overflow-y-auto p-1">
            {choices.map((choice) => (
              <Base.Item
                key={choice.value}
                value={choice.value}
                className="grid grid-cols-[1rem_1fr] items-center gap-2 rounded-sm px-2 py-1.5 text-sm outline-none select-none data-highlighted:bg-hover pointer-coarse:py-2.5"
              >
                <Base.ItemIndicator className="col-start-1">
                  <Check className="size-3.5 text-accent" aria-hidden />
                </Base.ItemIndicator>
                <span className="col-start-2">
                  <Base.ItemText>{choice.label}</Base.ItemText>
                  {choice.hint && <span className="block text-xs text-soft">{choice.hint}</span>}
                </span>
              </Base.Item>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}
