/** Generates text for a request: tokens become text, and the end gets its reason and its numbers. */
import { AnswerText } from './answer-text.ts'
import type { GenerationOptions } from './generation-options.ts'
import type { Generator } from './generator.ts'
import type { Model } from './model.ts'

export type TextEnd = {
  readonly finishReason: 'stop' | 'length'
  /** What ended it, in llama-server's words. */
  readonly stopType: 'eos' | 'word' | 'limit'
  readonly stopWord: string
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly generatedTokens: number
  readonly promptMs: number
  readonly generationMs: number
}

/**
 * Calls `onText` with every piece that is certain; their sum is the answer. Undefined when the client left.
 *
 * Throws at once, before any text, what the generator refuses.
 */
export async function generateText(
  model: Model,
  generator: Generator,
  request: {
    readonly prompt: Uint32Array
    readonly options: GenerationOptions
    readonly signal: AbortSignal
    readonly onText: (text: string) => void
  },
): Promise<TextEnd | undefined> {
  const { prompt, options, signal, onText } = request
  const answer = new AnswerText(options.stopWords)
  const say = (text: string) => {
    if (text !== '') onText(text)
  }
  const end = await generator.generate({
    prompt,
    maxTokens: options.maxTokens,
    sampling: options.sampling,
    grammar: options.grammar,
    reusePrefix: options.reusePrefix,
    signal,
    onToken: (token) => {
      say(answer.push(model.bytesOf(token)))
      return answer.stoppedBy === undefined ? 'more' : 'enough'
    },
  })
  if (end.reason === 'cancelled') return undefined
  say(answer.finish())
  return {
    finishReason: end.reason === 'length' ? 'length' : 'stop',
    stopType: end.reason === 'length' ? 'limit' : end.reason === 'end' ? 'eos' : 'word',
    stopWord: answer.stoppedBy ?? '',
    promptTokens: prompt.length,
    cachedTokens: end.cachedTokens,
    generatedTokens: end.generatedTokens,
    promptMs: end.promptMs,
    generationMs: end.generationMs,
  }
}

export function usageOf(end: TextEnd): object {
  return {
    completion_tokens: end.generatedTokens,
    prompt_tokens: end.promptTokens,
    total_tokens: end.promptTokens + end.generatedTokens,
    prompt_tokens_details: { cached_tokens: end.cachedTokens },
  }
}

export function timingsOf(end: TextEnd): object {
  const read = end.promptTokens - end.cachedTokens
  return {
    cache_n: end.cachedTokens,
    prompt_n: read,
    prompt_ms: end.promptMs,
    prompt_per_token_ms: ratio(end.promptMs, read),
    prompt_per_second: ratio(read * 1000, end.promptMs),
    predicted_n: end.generatedTokens,
    predicted_ms: end.generationMs,
    predicted_per_token_ms: ratio(end.generationMs, end.generatedTokens),
    predicted_per_second: ratio(end.generatedTokens * 1000, end.generationMs),
  }
}

const ratio = (part: number, whole: number) => (whole > 0 ? part / whole : 0)
