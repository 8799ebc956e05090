/**
 * A stream of `/v1/completions` retold as TGI's stream of tokens, event by event.
 *
 *     {"choices":[{"text":"Hello"}]}       →  {"index":1,"token":{"text":"Hello",…},"generated_text":null,…}
 *     {"choices":[{"finish_reason":…}]}    →  nothing yet: how many tokens there were comes last
 *     {"choices":[],"usage":{…}}
 *     [DONE]                               →  {"index":2,"token":{…},"generated_text":"Hello","details":{…}}
 *
 * It holds the text so far and nothing else; framing the events is for whoever owns the connection.
 */
import { asObject, isSet, type Json } from './task-parameters.ts'

export type TokenStream = {
  /** What the client is sent for one event's data; nothing, one or more. Nothing comes after the last one. */
  push(data: string): readonly Json[]
  /** When the engine's stream ended without saying so. */
  end(): readonly Json[]
}

export function startTokenStream({
  prefix,
  details,
}: {
  readonly prefix: string
  readonly details: boolean
}): TokenStream {
  let text = prefix
  let index = 0
  let generatedTokens: number | undefined
  let finishReason: string | undefined
  let isOver = false

  const token = (piece: string, last: Json | undefined): Json => {
    index += 1
    return {
      index,
      // The engine's route tells neither the token's number nor its probability.
      token: { id: 0, text: piece, logprob: null, special: piece === '' },
      generated_text: null,
      details: null,
      ...last,
    }
  }
  const over = (): readonly Json[] => {
    if (isOver) return []
    isOver = true
    const told = {
      finish_reason: finishReason ?? 'length',
      generated_tokens: generatedTokens ?? index,
      seed: null,
    }
    return [token('', { generated_text: text, details: details ? told : null })]
  }
  const failed = (error: unknown): readonly Json[] => {
    isOver = true
    return [{ error: messageIn(error), error_type: 'generation' }]
  }

  return {
    push: (data) => {
      if (isOver) return []
      if (data.trim() === '[DONE]') return over()
      const event = parsed(data)
      if (!event) return failed('The engine broke the stream with something that is not JSON.')
      if (isSet(event['error'])) return failed(event['error'])
      const completionTokens = asObject(event['usage'])?.['completion_tokens']
      if (typeof completionTokens === 'number') generatedTokens = completionTokens
      const choices = event['choices']
      const choice = Array.isArray(choices) ? asObject(choices[0]) : undefined
      if (choice && isSet(choice['finish_reason'])) finishReason = finishReasonOf(choice)
      const piece = choice?.['text']
      if (typeof piece !== 'string' || piece === '') return []
      text += piece
      return [token(piece, undefined)]
    },
    end: over,
  }
}

/** OpenAI's reason in TGI's words. */
export function finishReasonOf(choice: Json): 'length' | 'eos_token' | 'stop_sequence' {
  if (choice['finish_reason'] === 'length') return 'length'
  // vLLM and SGLang say which text it was that stopped them.
  const stoppedBy = choice['stop_reason'] ?? choice['matched_stop']
  return typeof stoppedBy === 'string' ? 'stop_sequence' : 'eos_token'
}

function parsed(data: string): Json | undefined {
  try {
    return asObject(JSON.parse(data))
  } catch {
    return undefined
  }
}

function messageIn(error: unknown): string {
  const message = asObject(error)?.['message']
  return typeof message === 'string' ? message : typeof error === 'string' ? error : JSON.stringify(error)
}
