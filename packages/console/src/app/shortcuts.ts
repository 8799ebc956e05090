/** Keys that work everywhere: one to search, and `g` followed by the first letter of a page to go there. */
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { useNamespace } from './namespace.ts'

const SEQUENCE_MS = 1_000

export function useShortcuts(isPaletteOpen: boolean, openPalette: () => void): void {
  const navigate = useNavigate()
  const namespace = useNamespace()
  const open = useRef(openPalette)
  open.current = openPalette
  const isSearching = useRef(isPaletteOpen)
  isSearching.current = isPaletteOpen

  useEffect(() => {
    let goSince = Number.NEGATIVE_INFINITY
    const listen = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        // What is typed before the palette is drawn is meant for it.
        isSearching.current = true
        open.current()
        return
      }
      if (isSearching.current || event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target))
        return
      const going = event.timeStamp - goSince < SEQUENCE_MS
      goSince = event.key === 'g' ? event.timeStamp : Number.NEGATIVE_INFINITY
      if (!going) {
        if (event.key === 'n') void navigate({ to: '/new/$namespace', params: { namespace } })
        if (event.key === '/') {
          const filter = document.querySelector<HTMLInputElement>('[data-filter]')
          if (!filter) return
          event.preventDefault()
          filter.focus()
        }
        return
      }
      if (event.key === 'e') void navigate({ to: '/endpoints/$namespace', params: { namespace } })
      if (event.key === 'c') void navigate({ to: '/catalog' })
      if (event.key === 'h') void navigate({ to: '/hardware' })
      if (event.key === 't') void navigate({ to: '/tokens' })
      if (event.key === 's') void navigate({ to: '/settings' })
    }
    window.addEventListener('keydown', listen)
    return () => window.removeEventListener('keydown', listen)
  }, [navigate, namespace])
}

const TAKES_LETTERS = 'input:not([type="checkbox"], [type="radio"]), textarea, select, [role="combobox"]'
/** Where letters choose what begins with them, or the page behind is not to be left. */
const OF_ITS_OWN = '[role="dialog"], [role="listbox"], [role="menu"]'

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches(TAKES_LETTERS) || target.closest(OF_ITS_OWN) !== null)
  )
}
