/** A few words beside what the pointer or the focus is on. Escape takes them away. */
import {
  cloneElement,
  type FocusEvent,
  type HTMLAttributes,
  type PointerEvent,
  type ReactElement,
  useCallback,
  useEffect,
  useId,
  useState,
} from 'react'
import { createPortal } from 'react-dom'

const DELAY_MS = 350
const GAP_PX = 6
const EDGE_PX = 8

export function Tooltip({
  text,
  children,
}: {
  readonly text: string
  readonly children: ReactElement<HTMLAttributes<HTMLElement>>
}) {
  const id = useId()
  const [anchor, setAnchor] = useState<DOMRect>()
  const [waiting, setWaiting] = useState<HTMLElement>()

  useEffect(() => {
    if (!waiting) return
    const timer = setTimeout(() => setAnchor(waiting.getBoundingClientRect()), DELAY_MS)
    return () => clearTimeout(timer)
  }, [waiting])
  const hide = useCallback(() => {
    setWaiting(undefined)
    setAnchor(undefined)
  }, [])
  useEffect(() => {
    if (!anchor) return
    const leave = (event: Event) => {
      if (!(event instanceof KeyboardEvent) || event.key === 'Escape') hide()
    }
    window.addEventListener('keydown', leave)
    window.addEventListener('scroll', leave, { capture: true, passive: true })
    return () => {
      window.removeEventListener('keydown', leave)
      window.removeEventListener('scroll', leave, { capture: true })
    }
  }, [anchor, hide])

  const { props } = children
  const described = cloneElement(children, {
    ...(anchor && { 'aria-describedby': id }),
    onPointerEnter: (event: PointerEvent<HTMLElement>) => {
      props.onPointerEnter?.(event)
      // A finger has no place where it hovers.
      if (event.pointerType === 'mouse') setWaiting(event.currentTarget)
    },
    onPointerLeave: (event: PointerEvent<HTMLElement>) => {
      props.onPointerLeave?.(event)
      hide()
    },
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      props.onPointerDown?.(event)
      hide()
    },
    onFocus: (event: FocusEvent<HTMLElement>) => {
      props.onFocus?.(event)
      if (event.currentTarget.matches(':focus-visible'))
        setAnchor(event.currentTarget.getBoundingClientRect())
    },
    onBlur: (event: FocusEvent<HTMLElement>) => {
      props.onBlur?.(event)
      hide()
    },
  })
  return (
    <>
      {described}
      {anchor &&
        createPortal(
          <div
            id={id}
            role="tooltip"
            ref={(element) => {
              if (element) place(element, anchor)
            }}
            className="pointer-events-none fixed z-50 max-w-72 rounded-md bg-primary px-2 py-1 text-xs text-on-primary shadow-high"
          >
            {text}
          </div>,
          document.body,
        )}
    </>
  )
}

/** Above what it speaks of, or below where there is no room; never beyond the edge of the page. */
function place(element: HTMLElement, anchor: DOMRect): void {
  const { width, height } = element.getBoundingClientRect()
  const middle = anchor.left + anchor.width / 2 - width / 2
  const left = Math.max(EDGE_PX, Math.min(innerWidth - width - EDGE_PX, middle))
  const above = anchor.top - height - GAP_PX
  element.style.left = `${left}px`
  element.style.top = `${above < EDGE_PX ? anchor.bottom + GAP_PX : above}px`
}
