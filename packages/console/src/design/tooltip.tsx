/** A few words beside what the pointer or the focus is on. */
import { Tooltip as Base } from '@base-ui/react/tooltip'
import type { ReactElement } from 'react'

const DELAY_MS = 350

export function TooltipProvider({ children }: { readonly children: React.ReactNode }) {
  return <Base.Provider delay={DELAY_MS}>{children}</Base.Provider>
}

export function Tooltip({ text, children }: { readonly text: string; readonly children: ReactElement }) {
  return (
    <Base.Root>
      <Base.Trigger render={children} />
      <Base.Portal>
        <Base.Positioner sideOffset={6} className="z-50">
          <Base.Popup className="opens max-w-72 rounded-md bg-primary px-2 py-1 text-xs text-on-primary shadow-high">
            {text}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}
