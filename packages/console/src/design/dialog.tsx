/**
 * A question or a form that the page waits for.
 *
 * The window itself is fetched when the first dialog opens; a page that asks nothing carries none.
 */
import { lazy, type ReactNode, Suspense, useState } from 'react'

export type DialogProps = {
  readonly open: boolean
  readonly onClose: () => void
  readonly title: ReactNode
  readonly description?: ReactNode
  readonly children?: ReactNode
  readonly actions?: ReactNode
  readonly wide?: boolean
}

export type ConfirmProps = {
  readonly open: boolean
  readonly onClose: () => void
  readonly title: ReactNode
  readonly description: ReactNode
  /** The button's words: what will be done. */
  readonly action: string
  readonly danger?: boolean
  readonly typedName?: string
  readonly error?: string | undefined
  readonly busy?: boolean
  readonly onConfirm: () => void
}

const load = () => import('./dialog-window.tsx')
const DialogWindow = lazy(() => load().then((module) => ({ default: module.Dialog })))
const ConfirmWindow = lazy(() => load().then((module) => ({ default: module.Confirm })))

export function Dialog(props: DialogProps) {
  return useWasOpen(props.open) ? (
    <Suspense>
      <DialogWindow {...props} />
    </Suspense>
  ) : null
}

/** Asks before something that cannot be undone; with `typedName`, only to who types it. */
export function Confirm(props: ConfirmProps) {
  return useWasOpen(props.open) ? (
    <Suspense>
      <ConfirmWindow {...props} />
    </Suspense>
  ) : null
}

/** What was open once stays, so that it can leave as it came. */
function useWasOpen(open: boolean): boolean {
  const [wasOpen, setWasOpen] = useState(open)
  if (open && !wasOpen) setWasOpen(true)
  return open || wasOpen
}
