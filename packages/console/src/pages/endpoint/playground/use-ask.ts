/** One question to the endpoint at a time: whether it is under way, what it gave, and how to stop it. */
import { useEffect, useRef, useState } from 'react'

export type Ask<Answer> = {
  readonly busy: boolean
  readonly answer: Answer | undefined
  readonly error: unknown
  /** Milliseconds that the last answer took. */
  readonly tookMs: number | undefined
  readonly ask: (work: (signal: AbortSignal) => Promise<Answer>) => void
  readonly stop: () => void
}

export function useAsk<Answer>(): Ask<Answer> {
  const [state, setState] = useState<Pick<Ask<Answer>, 'busy' | 'answer' | 'error' | 'tookMs'>>({
    busy: false,
    answer: undefined,
    error: undefined,
    tookMs: undefined,
  })
  const running = useRef<AbortController>(undefined)
  useEffect(() => () => running.current?.abort(), [])

  const ask = (work: (signal: AbortSignal) => Promise<Answer>) => {
    running.current?.abort()
    const own = new AbortController()
    running.current = own
    const since = performance.now()
    setState((before) => ({ ...before, busy: true, error: undefined }))
    work(own.signal).then(
      (answer) => setState({ busy: false, answer, error: undefined, tookMs: performance.now() - since }),
      (error: unknown) => {
        if (running.current !== own) return
        setState((before) => ({ ...before, busy: false, error: own.signal.aborted ? undefined : error }))
      },
    )
  }
  return { ...state, ask, stop: () => running.current?.abort() }
}
