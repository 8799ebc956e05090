/** The window of a dialog. Fetched when the first one opens: see `dialog.tsx`. Escape and the backdrop close it. */
import { Dialog as Base } from '@base-ui/react/dialog'
import { X } from 'lucide-react'
import { useState } from 'react'
import { Button } from './button.tsx'
import { classNames } from './class-names.ts'
import type { ConfirmProps, DialogProps } from './dialog.tsx'
import { Field, Input } from './field.tsx'
import { Problem } from './problem.tsx'

export function Dialog({ open, onClose, title, description, children, actions, wide = false }: DialogProps) {
  return (
    <Base.Root open={open} onOpenChange={(isOpen) => !isOpen && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-[oklch(0.15_0.02_240/0.42)] transition-opacity data-ending-style:opacity-0 data-starting-style:opacity-0" />
        <Base.Popup
          className={classNames(
            'floating opens fixed top-[12vh] left-1/2 z-40 flex max-h-[80vh] w-[calc(100vw-2rem)] -translate-x-1/2 flex-col',
            wide ? 'max-w-2xl' : 'max-w-md',
          )}
        >
          <div className="flex items-start gap-4 px-5 pt-4 pb-3">
            <div className="min-w-0 flex-1">
              <Base.Title className="text-lg font-semibold tracking-tight">{title}</Base.Title>
              {description && <Base.Description className="mt-1 text-soft">{description}</Base.Description>}
            </div>
            <Base.Close
              aria-label="Close"
              className="-mr-1.5 rounded-md p-1.5 text-soft hover:bg-hover hover:text-ink pointer-coarse:p-2.5"
            >
              <X className="size-4" aria-hidden />
            </Base.Close>
          </div>
          {children && <div className="min-h-0 flex-1 overflow-y-auto px-5 py-1">{children}</div>}
          {actions && <div className="flex flex-wrap justify-end gap-2 px-5 pt-3 pb-4">{actions}</div>}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  )
}

/** Asks before something that cannot be undone; with `typedName`, only to who types it. */
export function Confirm({
  open,
  onClose,
  title,
  description,
  action,
  danger = false,
  typedName,
  error,
  busy = false,
  onConfirm,
}: ConfirmProps) {
  const [typed, setTyped] = useState('')
  const close = () => {
    setTyped('')
    onClose()
  }
  const refusal = typedName === undefined || typed === typedName ? undefined : `Type ${typedName} to confirm.`
  return (
    <Dialog
      open={open}
      onClose={close}
      title={title}
      description={description}
      actions={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button look={danger ? 'danger' : 'primary'} refusal={refusal} busy={busy} onClick={onConfirm}>
            {action}
          </Button>
        </>
      }
    >
      {(typedName !== undefined || error !== undefined) && (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            if (refusal === undefined && !busy) onConfirm()
          }}
        >
          {typedName !== undefined && (
            <Field
              label={
                <>
                  Type <code className="font-mono text-xs">{typedName}</code> to confirm
                </>
              }
            >
              <Input value={typed} onValue={setTyped} mono autoFocus />
            </Field>
          )}
          <Problem text={error} className="mt-2" />
        </form>
      )}
    </Dialog>
  )
}
