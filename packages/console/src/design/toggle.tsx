/** Yes or no: a box to tick, and a switch for what takes effect at once. */
import { Checkbox as BaseCheckbox } from '@base-ui/react/checkbox'
import { Switch as BaseSwitch } from '@base-ui/react/switch'
import { Check, Minus } from 'lucide-react'
import type { ReactNode } from 'react'

export function Checkbox({
  checked,
  indeterminate = false,
  onChange,
  label,
}: {
  readonly checked: boolean
  readonly indeterminate?: boolean
  readonly onChange: (checked: boolean) => void
  readonly label: string
}) {
  return (
    <BaseCheckbox.Root
      aria-label={label}
      checked={checked}
      indeterminate={indeterminate}
      onCheckedChange={onChange}
      className="relative grid size-4 place-items-center rounded-sm border border-line-field bg-surface after:absolute after:-inset-2 data-checked:border-primary data-checked:bg-primary data-indeterminate:border-primary data-indeterminate:bg-primary"
    >
      <BaseCheckbox.Indicator className="text-on-primary">
        {indeterminate ? (
          <Minus className="size-3" strokeWidth={3} aria-hidden />
        ) : (
          <Check className="size-3" strokeWidth={3} aria-hidden />
        )}
      </BaseCheckbox.Indicator>
    </BaseCheckbox.Root>
  )
}

export function Switch({
  checked,
  onChange,
  children,
}: {
  readonly checked: boolean
  readonly onChange: (checked: boolean) => void
  readonly children: ReactNode
}) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the switch inside brings its own input
    <label className="inline-flex items-center gap-2 text-sm select-none">
      <BaseSwitch.Root
        checked={checked}
        onCheckedChange={onChange}
        className="inline-flex h-4.5 w-8 shrink-0 items-center rounded-full bg-line-field p-0.5 transition-colors data-checked:bg-accent"
      >
        <BaseSwitch.Thumb className="size-3.5 rounded-full bg-surface shadow-low transition-transform data-checked:translate-x-3.5" />
      </BaseSwitch.Root>
      {children}
    </label>
  )
}
