/** A conversation with a chat model: what is sent, and what its stream says. Pure. */

export type Turn = {
  readonly role: 'user' | 'assistant'
  readonly text: string
  /** Pictures as data addresses. */
  readonly images?: readonly string[]
  /** How the answer was given; only of an assistant's turn that has ended. */
  readonly figures?: Figures
}

export type Figures = {
  readonly firstTokenMs: number | undefined
  readonly totalMs: number
  readonly promptTokens: number | undefined
  readonly completionTokens: number | undefined
  readonly finishReason: string | undefined
}

export type ChatSettings = {
  readonly system: string
  readonly temperature: string
  readonly topP: string
  readonly maxTokens: string
  readonly seed: string
  /** One on each line. */
  readonly stop: string
}

export const DEFAULT_SETTINGS: ChatSettings = {
  system: '',
  temperature: '',
  topP: '',
  maxTokens: '512',
  seed: '',
  stop: '',
}

type Content =
  | string
  | readonly (
      | { readonly type: 'text'; readonly text: string }
      | { readonly type: 'image_url'; readonly image_url: { readonly url: string } }
    )[]

export type ChatBody = {
  readonly model: string
  readonly messages: readonly { readonly role: string; readonly content: Content }[]
  readonly stream: true
  readonly stream_options: { readonly include_usage: true }
  readonly temperature?: number
  readonly top_p?: number
  readonly max_tokens?: number
  readonly seed?: number
  readonly stop?: readonly string[]
}

/** What is left empty is left to the engine. */
export function chatBody(model: string, turns: readonly Turn[], settings: ChatSettings): ChatBody {
  const number = (name: string, text: string) =>
    text.trim() === '' || Number.isNaN(Number(text)) ? {} : { [name]: Number(text) }
  const stop = settings.stop.split('\n').filter((line) => line !== '')
  return {
    model,
    messages: [
      ...(settings.system.trim() === '' ? [] : [{ role: 'system', content: settings.system }]),
      ...turns.map(({ role, text, images = [] }) => ({ role, content: contentOf(text, images) })),
    ],
    stream: true,
    stream_options: { include_usage: true },
    ...number('temperature', settings.temperature),
    ...number('top_p', settings.topP),
    ...number('max_tokens', settings.maxTokens),
    ...number('seed', settings.seed),
    ...(stop.length > 0 ? { stop } : {}),
  }
}

function contentOf(text: string, images: readonly string[]): Content {
  if (images.length === 0) return text
  return [
    { type: 'text', text },
    ...images.map((url) => ({ type: 'image_url', image_url: { url } }) as const),
  ]
}

export type Piece = {
  readonly text: string
  readonly finishReason?: string
  readonly promptTokens?: number
  readonly completionTokens?: number
}

/**
 * One event of the stream; undefined for its end.
 * @throws Error with the server's words when the event is a failure.
 */
export function readPiece(data: string): Piece | undefined {
  if (data === '[DONE]') return undefined
  const event = JSON.parse(data) as {
    readonly choices?: readonly {
      readonly delta?: { readonly content?: string | null; readonly reasoning_content?: string | null }
      readonly finish_reason?: string | null
    }[]
    readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number } | null
    readonly error?: string | { readonly message?: string }
  }
  if (event.error !== undefined) throw new Error(errorText(event.error))
  const [choice] = event.choices ?? []
  return {
    text: choice?.delta?.content ?? choice?.delta?.reasoning_content ?? '',
    ...(choice?.finish_reason ? { finishReason: choice.finish_reason } : {}),
    ...(event.usage?.prompt_tokens === undefined ? {} : { promptTokens: event.usage.prompt_tokens }),
    ...(event.usage?.completion_tokens === undefined
      ? {}
      : { completionTokens: event.usage.completion_tokens }),
  }
}

/** What an engine or Berth says went wrong, in whichever of the usual shapes. */
export function errorText(error: unknown): string {
  if (typeof error === 'string') return error
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message)
  return JSON.stringify(error)
}

/** What came in one piece took no time that a browser could measure. */
const SHORTEST_ANSWER_MS = 20

/** Tokens in a second, from the first one on; undefined when it cannot be said. */
export function tokensPerSecond({ firstTokenMs, totalMs, completionTokens }: Figures): number | undefined {
  if (firstTokenMs === undefined || completionTokens === undefined || completionTokens < 2) return undefined
  const ms = totalMs - firstTokenMs
  return ms >= SHORTEST_ANSWER_MS ? ((completionTokens - 1) * 1_000) / ms : undefined
}
