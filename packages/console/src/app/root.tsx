/** Signed in, the shell with the page inside; else the place to sign in, at whatever address one came to. */
import { useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useEffect } from 'react'
import { forgetAllDrafts } from '../session/kept-draft.ts'
import { useSession } from '../session/session.ts'
import { Shell } from './shell.tsx'

const SignIn = lazy(() => import('../session/sign-in.tsx').then((module) => ({ default: module.SignIn })))

export function Root() {
  const session = useSession()
  const queries = useQueryClient()
  useEffect(() => {
    if (session.kind !== 'signedOut') return
    // What one person was shown is nothing for the next.
    queries.clear()
    forgetAllDrafts(session.reason === undefined)
  }, [session, queries])

  if (session.kind === 'asking') return null
  if (session.kind === 'signedOut') {
    return (
      <Suspense>
        <SignIn reason={session.reason} />
      </Suspense>
    )
  }
  // Until it can be drawn the frame stands that came with the document.
  return (
    <Suspense>
      <Shell />
    </Suspense>
  )
}
