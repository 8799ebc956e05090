/** Where one signs in: with an access token, which is tried before it is kept. */
import { type FormEvent, useEffect, useState } from 'react'
import { Button } from '../design/button.tsx'
import { CodeBlock } from '../design/code-block.tsx'
import { Field, Input } from '../design/field.tsx'
import { Logo } from '../design/logo.tsx'
import { Note } from '../design/note.tsx'
import { signIn } from './session.ts'
import { tryToken } from './try-token.ts'

export function SignIn({ reason }: { readonly reason: string | undefined }) {
  const [token, setToken] = useState('')
  const [problem, setProblem] = useState<string>()
  const [busy, setBusy] = useState(false)
  useEffect(() => {
    document.title = 'Sign in · Berth'
  }, [])

  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    const refused = await tryToken(token.trim())
    setBusy(false)
    if (refused === undefined) signIn(token.trim())
    else setProblem(refused)
  }

  return (
    <main className="grid min-h-dvh place-items-center px-5 py-10">
      <div className="w-full max-w-[22rem]">
        <Logo className="size-9" />
        <h1 className="mt-5 text-2xl font-semibold tracking-tight">Sign in to Berth</h1>
        {reason !== undefined && (
          <Note tone="warn" className="mt-4">
            {reason}
          </Note>
        )}
        <form onSubmit={submit} className="mt-6 flex flex-col gap-4">
          <Field
            label="Access token"
            error={problem}
            help="It is kept in this browser’s tabs of Berth and forgotten when the last of them closes."
          >
            <Input
              type="password"
              autoComplete="current-password"
              autoFocus
              required
              mono
              placeholder="berth_…"
              value={token}
              onValue={(value) => {
                setToken(value)
                setProblem(undefined)
              }}
            />
          </Field>
          <Button type="submit" look="primary" busy={busy} className="h-9 w-full">
            Sign in
          </Button>
        </form>
        <div className="mt-9 border-t border-line pt-5 text-xs text-soft">
          <p>On the machine where Berth runs, its first token lies in a file, and another one is made with</p>
          <CodeBlock label="command" code="berth token create console" className="mt-2" />
        </div>
      </div>
    </main>
  )
}
