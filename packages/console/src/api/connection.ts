/** Whether Berth answers. While it does not, this asks until it does, and then everything on the page is read anew. */
import { useSyncExternalStore } from 'react'

const PROBE_MS = 1_500

let isReachable = true
let probing = false
const listeners = new Set<() => void>()
const returns = new Set<() => void>()

export const useIsReachable = (): boolean =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => isReachable,
  )

/** Calls back each time that Berth answers again. */
export function onReturn(callback: () => void): void {
  returns.add(callback)
}

export function reachable(): void {
  if (!isReachable && !probing) change(true)
}

export function unreachable(): void {
  change(false)
  if (probing) return
  probing = true
  setTimeout(probe, PROBE_MS)
}

async function probe(): Promise<void> {
  if (await answers()) {
    probing = false
    change(true)
    for (const callback of returns) callback()
  } else setTimeout(probe, PROBE_MS)
}

async function answers(): Promise<boolean> {
  try {
    const response = await fetch('/readyz', { signal: AbortSignal.timeout(PROBE_MS * 2) })
    const body: unknown = await response.json()
    return (
      response.ok &&
      typeof body === 'object' &&
      body !== null &&
      'control' in body &&
      body.control === 'connected'
    )
  } catch {
    return false
  }
}

function change(value: boolean): void {
  if (isReachable === value) return
  isReachable = value
  for (const listener of listeners) listener()
}
