/** The turns of a conversation, and the one that is being answered. */
import { useEffect, useRef, useState } from 'react'
import { askEvents } from './call-endpoint.ts'
import { type ChatSettings, chatBody, type Figures, readPiece, type Turn } from './chat-exchange.ts'

export type Conversation = {
  readonly turns: readonly Turn[]
  readonly busy: boolean
  readonly error: unknown
  readonly say: (text: string, images: readonly string[]) => void
  readonly stop: () => void
  readonly clear: () => void
}

export function useConversation(namespace: string, name: string, settings: ChatSettings): Conversation {
  const [turns, setTurns] = useState<readonly Turn[]>([])
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const running = useRef<AbortController>(undefined)
  useEffect(() => () => running.current?.abort(), [])

  const answer = async (asked: readonly Turn[], signal: AbortSignal) => {
    const body = chatBody(`${namespace}/${name}`, asked, settings)
    const since = performance.now()
    let text = ''
    let figures: Figures = {
      firstTokenMs: undefined,
      totalMs: 0,
      promptTokens: undefined,
      completionTokens: undefined,
      finishReason: undefined,
    }
    const show = (turn: Turn) => setTurns([...asked, turn])
    try {
      for await (const data of askEvents({ namespace, name, path: '/v1/chat/completions', body, signal })) {
        const piece = readPiece(data)
        if (!piece) break
        text += piece.text
        figures = {
          firstTokenMs: figures.firstTokenMs ?? (piece.text === '' ? undefined : performance.now() - since),
          totalMs: performance.now() - since,
          promptTokens: piece.promptTokens ?? figures.promptTokens,
          completionTokens: piece.completionTokens ?? figures.completionTokens,
          finishReason: piece.finishReason ?? figures.finishReason,
        }
        show({ role: 'assistant', text })
      }
    } finally {
      // What was said so far stays, however it ended.
      if (text === '') setTurns(asked)
      else show({ role: 'assistant', text, figures })
    }
  }

  const say = (text: string, images: readonly string[]) => {
    const turn: Turn = { role: 'user', text, ...(images.length > 0 ? { images } : {}) }
    const asked = [...turns, turn]
    const own = new AbortController()
    running.current = own
    setTurns([...asked, { role: 'assistant', text: '' }])
    setBusy(true)
    setError(undefined)
    answer(asked, own.signal)
      .catch((problem: unknown) => {
        if (!own.signal.aborted) setError(problem)
      })
      .finally(() => {
        if (running.current === own) setBusy(false)
      })
  }
  const stop = () => running.current?.abort()
  const clear = () => {
    stop()
    running.current = undefined
    setTurns([])
    setBusy(false)
    setError(undefined)
  }
  return { turns, busy, error, say, stop, clear }
}
