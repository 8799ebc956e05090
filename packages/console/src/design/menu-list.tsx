/** The list of a menu and what can stand in it. Fetched when the first menu is about to be opened: see `menu.tsx`. */
import { Menu as Base } from '@base-ui/react/menu'
import { Check, type LucideIcon } from 'lucide-react'
import type { ReactElement, ReactNode } from 'react'
import { classNames } from './class-names.ts'

const ITEM =
  'flex w-full items-center gap-2 rounded-sm px-2 py-1.5 text-left text-sm outline-none select-none data-highlighted:bg-hover data-disabled:opacity-50 pointer-coarse:py-2.5'

export function OpenMenu({
  trigger,
  children,
  align,
}: {
  readonly trigger: ReactElement
  readonly children: ReactNode
  readonly align: 'start' | 'end'
}) {
  return (
    <Base.Root defaultOpen>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner sideOffset={4} align={align} className="z-50">
          <Base.Popup className="floating opens max-h-(--available-height) min-w-48 overflow-y-auto p-1">
            {children}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}

export function MenuItem({
  icon: Icon,
  danger = false,
  refusal,
  onSelect,
  children,
}: {
  readonly icon?: LucideIcon
  readonly danger?: boolean
  readonly refusal?: string | undefined
  readonly onSelect: () => void
  readonly children: ReactNode
}) {
  return (
    <Base.Item
      disabled={refusal !== undefined}
      onClick={onSelect}
      className={classNames(ITEM, danger && 'text-bad')}
    >
      {Icon && <Icon className="size-3.5 shrink-0 text-soft" aria-hidden />}
      <span className="min-w-0">
        {children}
        {refusal && <span className="block text-xs">{refusal}</span>}
      </span>
    </Base.Item>
  )
}

export function MenuCheck({
  checked,
  onChange,
  children,
}: {
  readonly checked: boolean
  readonly onChange: (checked: boolean) => void
  readonly children: ReactNode
}) {
  return (
    <Base.CheckboxItem checked={checked} onCheckedChange={onChange} closeOnClick={false} className={ITEM}>
      <span className="grid size-4 place-items-center">
        <Base.CheckboxItemIndicator>
          <Check className="size-3.5 text-accent" aria-hidden />
        </Base.CheckboxItemIndicator>
      </span>
      {children}
    </Base.CheckboxItem>
  )
}

export function MenuChoice<Value extends string>({
  label,
  value,
  choices,
  onValue,
}: {
  readonly label: string
  readonly value: Value
  readonly choices: readonly { readonly value: Value; readonly label: string }[]
  readonly onValue: (value: Value) => void
}) {
  return (
    <Base.RadioGroup value={value} onValueChange={onValue}>
      <Base.Group>
        <Base.GroupLabel className="px-2 pt-1.5 pb-1 text-xs text-faint">{label}</Base.GroupLabel>
        {choices.map((choice) => (
          <Base.RadioItem key={choice.value} value={choice.value} className={ITEM}>
            <span className="grid size-4 place-items-center">
              <Base.RadioItemIndicator>
                <Check className="size-3.5 text-accent" aria-hidden />
              </Base.RadioItemIndicator>
            </span>
            {choice.label}
          </Base.RadioItem>
        ))}
      </Base.Group>
    </Base.RadioGroup>
  )
}

export const MenuLine = () => <Base.Separator className="my-1 h-px bg-line" />
