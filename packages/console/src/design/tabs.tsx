/** Two ways to choose a view: links under a heading, each with an address of its own, and a switch between a few. */
import { Toggle } from '@base-ui/react/toggle'
import { ToggleGroup } from '@base-ui/react/toggle-group'
import { Link, type LinkProps, useRouterState } from '@tanstack/react-router'
import { type ReactNode, useEffect, useRef } from 'react'

export function TabLinks({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  const bar = useRef<HTMLElement>(null)
  const path = useRouterState({ select: (state) => state.resolvedLocation?.pathname })
  // biome-ignore lint/correctness/useExhaustiveDependencies: on a narrow screen the tab that one went to comes into sight
  useEffect(() => {
    const current = bar.current?.querySelector('[aria-current="page"]')
    current?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [path])
  return (
    <nav ref={bar} aria-label={label} className="-mb-px flex gap-5 overflow-x-auto border-b border-line">
      {children}
    </nav>
  )
}

export function TabLink({ children, ...link }: LinkProps & { readonly children: ReactNode }) {
  return (
    <Link
      {...link}
      className="-mb-px border-b-2 border-transparent py-2 text-sm whitespace-nowrap text-soft transition-colors hover:text-ink focus-visible:outline-offset-[-2px] aria-[current=page]:border-accent aria-[current=page]:font-medium aria-[current=page]:text-ink pointer-coarse:py-3"
    >
      {children}
    </Link>
  )
}

export function Segmented<Value extends string>({
  label,
  value,
  choices,
  onValue,
}: {
  readonly label: string
  readonly value: Value
  readonly choices: readonly { readonly value: Value; readonly label: ReactNode }[]
  readonly onValue: (value: Value) => void
}) {
  return (
    <ToggleGroup
      aria-label={label}
      value={[value]}
      onValueChange={(pressed) => {
        const [chosen] = pressed
        const choice = choices.find((one) => one.value === chosen)
        if (choice) onValue(choice.value)
      }}
      className="inline-flex gap-0.5 rounded-md bg-well p-0.5 ring-1 ring-line ring-inset"
    >
      {choices.map((choice) => (
        <Toggle
          key={choice.value}
          value={choice.value}
          className="h-7 rounded-sm px-2.5 text-xs font-medium whitespace-nowrap text-soft hover:text-ink data-pressed:bg-raised data-pressed:text-ink data-pressed:shadow-low data-pressed:ring-1 data-pressed:ring-line pointer-coarse:h-9"
        >
          {choice.label}
        </Toggle>
      ))}
    </ToggleGroup>
  )
}
