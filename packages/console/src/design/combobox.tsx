/** One of many, found by typing. The choices may come from elsewhere: `onQuery` hears what is typed. */
import { Combobox as Base } from '@base-ui/react/combobox'
import { Search } from 'lucide-react'
import type { ReactNode } from 'react'
import { classNames } from './class-names.ts'
import { CONTROL } from './control.ts'

export type ComboboxChoice = {
  readonly value: string
  readonly label: string
  readonly hint?: ReactNode
}

export function Combobox({
  query,
  onQuery,
  choices,
  onChoose,
  placeholder,
  empty,
  busy = false,
  autoFocus = false,
}: {
  readonly query: string
  readonly onQuery: (query: string) => void
  readonly choices: readonly ComboboxChoice[]
  readonly onChoose: (choice: ComboboxChoice) => void
  readonly placeholder?: string
  /** Said when nothing matches. */
  readonly empty: ReactNode
  readonly busy?: boolean
  readonly autoFocus?: boolean
}) {
  return (
    <Base.Root
      items={choices}
      filter={null}
      value={null}
      inputValue={query}
      onInputValueChange={(value, details) => {
        // Choosing empties the input; the page that asked says itself what it shows then.
        if (details.reason !== 'item-press') onQuery(value)
      }}
      onValueChange={(choice: ComboboxChoice | null) => choice && onChoose(choice)}
    >
      <div className="relative">
        <Search
          className="pointer-events-none absolute top-1/2 left-2.5 size-3.5 -translate-y-1/2 text-faint"
          aria-hidden
        />
        <Base.Input
          placeholder={placeholder}
          autoFocus={autoFocus}
          spellCheck={false}
          className={classNames(CONTROL, 'w-full pl-8')}
        />
      </div>
      <Base.Portal>
        <Base.Positioner sideOffset={4} className="z-50">
          <Base.Popup className="floating opens max-h-[min(var(--available-height),24rem)] w-(--anchor-width) overflow-y-auto p-1">
            <Base.Empty className="px-2 py-1.5 text-sm text-soft empty:hidden">
              {busy ? 'Searching…' : empty}
            </Base.Empty>
            <Base.List>
              {(choice: ComboboxChoice) => (
                <Base.Item
                  key={choice.value}
                  value={choice}
                  className="rounded-sm px-2 py-1.5 outline-none select-none data-highlighted:bg-hover pointer-coarse:py-2.5"
                >
                  <span className="block truncate font-mono text-xs">{choice.label}</span>
                  {choice.hint && <span className="block truncate text-xs text-soft">{choice.hint}</span>}
                </Base.Item>
              )}
            </Base.List>
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}
