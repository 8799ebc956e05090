/**
 * What somebody typed into a form and has not sent yet: it is there again when they come back to it in this tab, also
 * after a reload.
 *
 * Secrets live in the page's memory alone. Who signs out leaves nothing; a session that was ended from outside leaves
 * what is no secret, so that whoever signs in again goes on where they were.
 */
import { useEffect, useState } from 'react'

const PREFIX = 'berth.draft.'

const inMemory = new Map<string, unknown>()

export type KeptDraft<Draft> = {
  readonly draft: Draft
  /** It was typed before this form was opened. */
  readonly isFromBefore: boolean
  readonly change: (changes: Partial<Draft>) => void
  /** Forgets what was typed, and begins with this. */
  readonly beginWith: (draft: Draft) => void
}

/**
 * @param key stays the same as long as the component that calls is there.
 * @param withoutSecrets what of it may be stored.
 */
export function useKeptDraft<Draft extends object>(
  key: string,
  first: Draft,
  withoutSecrets: (draft: Draft) => Draft,
): KeptDraft<Draft> {
  const [before] = useState(() => remembered(key, first))
  const [draft, setDraft] = useState(before ?? first)
  const [isFromBefore, setFromBefore] = useState(before !== undefined)
  const holdsSecrets = JSON.stringify(withoutSecrets(draft)) !== JSON.stringify(draft)
  useEffect(() => {
    if (!holdsSecrets) return
    // They are not stored, so a reload would lose them.
    const ask = (event: BeforeUnloadEvent) => event.preventDefault()
    window.addEventListener('beforeunload', ask)
    return () => window.removeEventListener('beforeunload', ask)
  }, [holdsSecrets])
  return {
    draft,
    isFromBefore,
    change: (changes) =>
      setDraft((last) => {
        const next = { ...last, ...changes }
        inMemory.set(key, next)
        store(key, withoutSecrets(next))
        return next
      }),
    beginWith: (next) => {
      forgetDraft(key)
      setDraft(next)
      setFromBefore(false)
    },
  }
}

/** It was sent, or is wanted no more. */
export function forgetDraft(key: string): void {
  inMemory.delete(key)
  try {
    sessionStorage.removeItem(PREFIX + key)
  } catch {
    // Then nothing was stored either.
  }
}

/** @param isChosen by the person, and not by Berth. */
export function forgetAllDrafts(isChosen: boolean): void {
  inMemory.clear()
  if (!isChosen) return
  try {
    for (const key of Object.keys(sessionStorage)) {
      if (key.startsWith(PREFIX)) sessionStorage.removeItem(key)
    }
  } catch {
    // Then nothing was stored either.
  }
}

function remembered<Draft extends object>(key: string, first: Draft): Draft | undefined {
  const held = inMemory.get(key) ?? stored(key)
  return hasShapeOf(first, held) ? held : undefined
}

function stored(key: string): unknown {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + key) ?? 'null')
  } catch {
    return undefined
  }
}

function store(key: string, draft: object): void {
  try {
    sessionStorage.setItem(PREFIX + key, JSON.stringify(draft))
  } catch {
    // Then it lasts as long as the page.
  }
}

/** A console of another version may have kept something else under the same name. */
export function hasShapeOf<Value>(model: Value, value: unknown): value is Value {
  if (Array.isArray(model)) return Array.isArray(value)
  if (typeof model !== 'object' || model === null) return typeof value === typeof model
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(model).every(([name, part]) =>
    hasShapeOf(part, (value as Record<string, unknown>)[name]),
  )
}
