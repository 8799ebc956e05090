/** Follows how far a list was scrolled, and says which of its rows to draw. */
import { type RefObject, useLayoutEffect, useState } from 'react'
import { flushSync } from 'react-dom'
import { drawnRows, NO_ROWS, rowWindow } from './row-window.ts'

/** So long after the last scroll it has come to rest. */
const REST_MS = 300

export function useRowWindow(scroller: RefObject<HTMLElement | null>, count: number, rowPx: number) {
  const [drawn, setDrawn] = useState(NO_ROWS)
  const [isScrolling, setScrolling] = useState(false)

  useLayoutEffect(() => {
    const element = scroller.current
    if (!element) return
    const look = () =>
      setDrawn((before) =>
        rowWindow(before, { topPx: element.scrollTop, heightPx: element.clientHeight, rowPx, count }),
      )
    let rest: ReturnType<typeof setTimeout> | undefined
    const scrolled = () => {
      clearTimeout(rest)
      rest = setTimeout(() => setScrolling(false), REST_MS)
      // In this very frame: later the reader would see a gap.
      flushSync(() => {
        setScrolling(true)
        look()
      })
    }
    look()
    const resizing = new ResizeObserver(look)
    resizing.observe(element)
    element.addEventListener('scroll', scrolled, { passive: true })
    return () => {
      clearTimeout(rest)
      resizing.disconnect()
      element.removeEventListener('scroll', scrolled)
    }
  }, [scroller, count, rowPx])

  return { first: drawn.first, drawn: drawnRows(drawn), isScrolling }
}
