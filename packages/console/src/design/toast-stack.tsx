/** Where toasts stand. Fetched with the first of them: see `toast.tsx`. */
import { Toast as Base } from '@base-ui/react/toast'
import { CircleAlert, CircleCheck, X } from 'lucide-react'
import { useEffect, useRef } from 'react'
import { takeSaid } from './toast.tsx'

/** @param saidTimes grows with each thing said, so that it is taken. */
export function ToastStack({ saidTimes }: { readonly saidTimes: number }) {
  const manager = useRef(Base.createToastManager())
  useEffect(() => {
    if (saidTimes === 0) return
    for (const { title, why } of takeSaid()) {
      manager.current.add(
        why === undefined
          ? { title, type: 'done' }
          : { title, type: 'failed', description: why, timeout: 0, priority: 'high' },
      )
    }
  }, [saidTimes])
  return (
    <Base.Provider toastManager={manager.current} limit={3}>
      <Base.Portal>
        <Base.Viewport className="fixed right-4 bottom-4 z-50 flex w-[min(22rem,calc(100vw-2rem))] flex-col gap-2">
          <ToastList />
        </Base.Viewport>
      </Base.Portal>
    </Base.Provider>
  )
}

function ToastList() {
  const { toasts } = Base.useToastManager()
  return toasts.map((one) => (
    <Base.Root
      key={one.id}
      toast={one}
      className="floating flex items-start gap-2.5 px-3 py-2.5 transition-[opacity,translate] data-ending-style:opacity-0 data-starting-style:translate-y-2 data-starting-style:opacity-0 data-limited:hidden"
    >
      {one.type === 'failed' ? (
        <CircleAlert className="mt-0.5 size-4 shrink-0 text-bad" aria-hidden />
      ) : (
        <CircleCheck className="mt-0.5 size-4 shrink-0 text-good" aria-hidden />
      )}
      <div className="min-w-0 flex-1">
        <Base.Title className="text-sm font-medium" />
        <Base.Description className="mt-0.5 text-xs text-soft" />
      </div>
      <Base.Close aria-label="Close" className="rounded-sm p-0.5 text-soft hover:text-ink">
        <X className="size-3.5" aria-hidden />
      </Base.Close>
    </Base.Root>
  ))
}
