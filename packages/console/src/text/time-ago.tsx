/** A time, relative to now and kept so; the full time is in its tooltip. */
import { useSyncExternalStore } from 'react'
import { fullTime, relativeTime } from './times.ts'

const TICK_MS = 15_000

/** One timer for every such text on the page. */
let now = Date.now()
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const one of listeners) one()
  }, TICK_MS)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** The time, as often as a relative one changes. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => now)

export function TimeAgo({ at }: { readonly at: string | number }) {
  const current = useNow()
  const time = typeof at === 'number' ? at : Date.parse(at)
  return (
    <time dateTime={new Date(time).toISOString()} title={fullTime(time)} className="whitespace-nowrap">
      {relativeTime(time, Math.max(current, Date.now()))}
    </time>
  )
}
