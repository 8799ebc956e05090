/**
 * Who is signed in on this page: a token, and how it comes and goes.
 *
 * The token lies in the tab's session storage and in no address, cookie or lasting storage. A new tab asks the others
 * of this console for it; when the last one closes it is forgotten. Signing out anywhere signs out everywhere.
 */
import { useSyncExternalStore } from 'react'
import { endSession } from './end-session.ts'
import { exchangeCode } from './exchange-code.ts'

export type Session =
  /** It is not known yet whether there is a token. */
  | { readonly kind: 'asking' }
  | { readonly kind: 'signedOut'; readonly reason?: string }
  | { readonly kind: 'signedIn'; readonly token: string }

type Message =
  | { readonly kind: 'who' }
  | { readonly kind: 'signedIn'; readonly token: string }
  | { readonly kind: 'signedOut'; readonly reason?: string }

const KEY = 'berth.token'
const CHANNEL = 'berth.session'
/** Another tab of the same browser answers within a few milliseconds, or there is none. */
const ANSWER_MS = 120

const listeners = new Set<() => void>()
const channel = new BroadcastChannel(CHANNEL)
let session: Session = initial()

function initial(): Session {
  const token = storedToken()
  return token ? { kind: 'signedIn', token } : { kind: 'asking' }
}

function storedToken(): string | null {
  try {
    return sessionStorage.getItem(KEY)
  } catch {
    return null
  }
}

export const currentSession = (): Session => session

export const useSession = (): Session =>
  useSyncExternalStore((listener) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }, currentSession)

/** Tells this tab and every other one. */
export function signIn(token: string): void {
  become({ kind: 'signedIn', token })
  channel.postMessage({ kind: 'signedIn', token } satisfies Message)
}

/** `reason` is shown where one signs in again; without it a person chose to leave, and the token ends with it. */
export function signOut(reason?: string): void {
  if (session.kind === 'signedOut') return
  if (session.kind === 'signedIn' && reason === undefined) endSession(session.token)
  const left: Session = { kind: 'signedOut', ...(reason !== undefined && { reason }) }
  become(left)
  channel.postMessage(left satisfies Message)
}

/** Asks the other tabs, unless this one knows already. */
export function beginSession(): void {
  channel.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if (data.kind === 'who' && session.kind === 'signedIn') {
      channel.postMessage({ kind: 'signedIn', token: session.token } satisfies Message)
    }
    if (data.kind === 'signedIn' && session.kind !== 'signedIn') become(data)
    if (data.kind === 'signedOut' && session.kind === 'signedIn') become(data)
  })
  const code = takeCode()
  if (code !== undefined) {
    void redeem(code)
    return
  }
  if (session.kind !== 'asking') return
  channel.postMessage({ kind: 'who' } satisfies Message)
  setTimeout(() => {
    if (session.kind === 'asking') become({ kind: 'signedOut' })
  }, ANSWER_MS)
}

/** A sign-in link has its code behind the #. It is used once, so it does not stay in the address. */
function takeCode(): string | undefined {
  const code = new URLSearchParams(location.hash.slice(1)).get('sign-in') ?? undefined
  if (code !== undefined) history.replaceState(null, '', location.pathname + location.search)
  return code
}

/** Who is signed in already stays so when the link is no good. */
async function redeem(code: string): Promise<void> {
  const before = session
  if (before.kind === 'signedIn') become({ kind: 'asking' })
  const exchanged = await exchangeCode(code)
  if ('token' in exchanged) signIn(exchanged.token)
  else if (before.kind === 'signedIn') become(before)
  else become({ kind: 'signedOut', reason: exchanged.refusal })
}

function become(next: Session): void {
  session = next
  try {
    if (next.kind === 'signedIn') sessionStorage.setItem(KEY, next.token)
    else sessionStorage.removeItem(KEY)
  } catch {
    // Without storage the token lives as long as the page.
  }
  for (const listener of listeners) listener()
}
