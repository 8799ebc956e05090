/** On or off, for what takes effect at once. */
import { Switch as BaseSwitch } from '@base-ui/react/switch'
import type { ReactNode } from 'react'

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
