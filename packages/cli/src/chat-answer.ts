/** One answer of a chat completion, plain or streamed, in the OpenAI shape; and the line of numbers about it. */
import { z } from 'zod'

const Usage = z.object({ prompt_tokens: z.number(), completion_tokens: z.number() })
export type Usage = z.infer<typeof Usage>

const Chunk = z.object({
  choices: z
    .array(
      z.object({
        delta: z
          .object({ content: z.string().nullish(), reasoning_content: z.string().nullish() })
          .optional(),
        message: z.object({ content: z.string().nullish() }).optional(),
        finish_reason: z.string().nullish(),
      }),
    )
    .default([]),
  usage: Usage.nullish(),
  error: z.unknown().optional(),
})

export type AnswerPiece = {
  readonly text: string
  readonly usage: Usage | undefined
  readonly finishReason: string | undefined
  /** The server's sentence, if it failed after the answer had begun. */
  readonly error: string | undefined
}

/** Reads a chunk of a stream, or a whole answer; undefined for what has neither shape. */
export function readAnswer(json: string): AnswerPiece | undefined {
  const parsed = Chunk.safeParse(asJson(json))
  if (!parsed.success) return undefined
  const { choices, usage, error } = parsed.data
  const choice = choices[0]
  return {
    text: choice?.delta?.content ?? choice?.message?.content ?? '',
    usage: usage ?? undefined,
    finishReason: choice?.finish_reason ?? undefined,
    error: error === undefined ? undefined : errorSentence(error),
  }
}

function errorSentence(error: unknown): string {
  if (typeof error === 'string') return error
  const message = z.object({ message: z.string() }).safeParse(error)
  return message.success ? message.data.message : JSON.stringify(error)
}

export type AnswerTimes = {
  readonly sentAt: number
  readonly firstTextAt: number | undefined
  readonly endedAt: number
}

/** What arrives faster came in one piece, and its rate would be that of the network. */
const SHORTEST_MEASURED_MS = 50

/** `12 tokens in 1.4 s, 10.1 tokens/s, first after 0.3 s`. */
export function statsLine(usage: Usage | undefined, { sentAt, firstTextAt, endedAt }: AnswerTimes): string {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(2)} s`
  const total = seconds(endedAt - sentAt)
  const parts = [usage ? `${usage.completion_tokens} tokens in ${total}` : total]
  // The rate is that of the engine: from the first token on, so the first one itself does not count.
  const streamedMs = firstTextAt === undefined ? 0 : endedAt - firstTextAt
  if (usage && usage.completion_tokens > 1 && streamedMs >= SHORTEST_MEASURED_MS) {
    parts.push(`${((1_000 * (usage.completion_tokens - 1)) / streamedMs).toFixed(1)} tokens/s`)
  }
  if (firstTextAt !== undefined) parts.push(`first after ${seconds(firstTextAt - sentAt)}`)
  if (usage) parts.push(`prompt ${usage.prompt_tokens} tokens`)
  return parts.join(', ')
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
