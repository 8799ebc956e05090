/** Where one types to find something on the page; the key `/` goes there. */
import { Search } from 'lucide-react'
import { classNames } from './class-names.ts'
import { CONTROL } from './control.ts'

export function FilterField({
  value,
  onValue,
  placeholder,
}: {
  readonly value: string
  readonly onValue: (value: string) => void
  readonly placeholder: string
}) {
  return (
    <div className="relative w-full sm:w-72">
      <Search
        className="pointer-events-none absolute top-1/2 left-2.5 size-3.5 -translate-y-1/2 text-faint"
        aria-hidden
      />
      <input
        data-filter
        type="search"
        aria-label="Filter"
        spellCheck={false}
        autoComplete="off"
        placeholder={placeholder}
        value={value}
        onChange={(event) => onValue(event.currentTarget.value)}
        className={classNames(CONTROL, 'w-full pl-8')}
      />
    </div>
  )
}
