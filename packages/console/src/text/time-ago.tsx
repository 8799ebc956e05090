/** A time, relative to now and kept so; the full time is in its tooltip. */
import { useSyncExternalStore } from 'react'
import { berthNow, useDeviceAheadMs } from './clock.ts'
import { fullTime, relativeTime } from './times.ts'

const TICK_MS = 15_000

/** One timer for every such text on the page. */
let ticks = 0
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    ticks++
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
export function useNow(): number {
  useSyncExternalStore(subscribe, () => ticks)
  useDeviceAheadMs()
  return berthNow()
}

export function TimeAgo({ at }: { readonly at: string | number }) {
  const now = useNow()
  const time = typeof at === 'number' ? at : Date.parse(at)
  return (
    <time dateTime={new Date(time).toISOString()} title={fullTime(time)} className="whitespace-nowrap">
      {relativeTime(time, now)}
    </time>
  )
}
