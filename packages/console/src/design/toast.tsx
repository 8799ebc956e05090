/**
 * What happened, said at the edge of the page and gone after a while; an error stays until it is closed.
 *
 * The stack itself is fetched with the first thing that is said.
 */
import { lazy, Suspense, useSyncExternalStore } from 'react'
import { sentenceOf } from '../text/sentence-of.ts'

export type Said = { readonly title: string; readonly why?: string }

/** What the stack has not taken yet. */
let waiting: Said[] = []
let times = 0
const listeners = new Set<() => void>()

function say(one: Said): void {
  waiting.push(one)
  times++
  for (const listener of listeners) listener()
}

export function takeSaid(): readonly Said[] {
  const taken = waiting
  waiting = []
  return taken
}

export const toast = {
  done(title: string): void {
    say({ title })
  },
  failed(title: string, error: unknown): void {
    say({ title, why: sentenceOf(error) })
  },
}

const ToastStack = lazy(() => import('./toast-stack.tsx').then((module) => ({ default: module.ToastStack })))

export function Toasts() {
  const saidTimes = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => times,
  )
  return saidTimes === 0 ? null : (
    <Suspense>
      <ToastStack saidTimes={saidTimes} />
    </Suspense>
  )
}
