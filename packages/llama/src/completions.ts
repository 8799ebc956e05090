/** Plain completions: OpenAI's `/v1/completions` and llama-server's own `/completion`. */
import { randomUUID } from 'node:crypto'
import { ApiError } from './api-error.ts'
import type { Engine } from './engine.ts'
import type { Exchange } from './exchange.ts'
import { Fields } from './fields.ts'
import { readGenerationOptions } from './generation-options.ts'
import type { Model } from './model.ts'
import { generateText, type TextEnd, timingsOf, usageOf } from './text-generation.ts'

type Dialect = {
  readonly piece: (text: string) => object
  readonly last: (end: TextEnd) => object
  readonly whole: (text: string, end: TextEnd) => object
  readonly usage?: (end: TextEnd) => object
}

export async function answerCompletion(
  engine: Engine,
  exchange: Exchange,
  dialect: 'openai' | 'llama',
): Promise<void> {
  const fields = new Fields(exchange.body)
  const generator = engine.requireGenerator()
  const options = readGenerationOptions(fields, engine.model)
  const prompt = readPrompt(fields, engine.model)
  const shape = dialect === 'openai' ? openaiShape(engine.settings.alias) : llamaShape(engine.settings.alias)

  let content = ''
  const end = await generateText(engine.model, generator, {
    prompt,
    options,
    signal: exchange.signal,
    onText: (text) => {
      if (options.stream) exchange.sendEvent(shape.piece(text))
      else content += text
    },
  })
  if (!end) return
  if (!options.stream) {
    exchange.sendJson(200, shape.whole(content, end))
    return
  }
  exchange.sendEvent(shape.last(end))
  if (options.includeUsage && shape.usage) exchange.sendEvent(shape.usage(end))
  exchange.endEvents()
}

function openaiShape(model: string): Dialect {
  const head = {
    id: `cmpl-${randomUUID()}`,
    created: Math.floor(Date.now() / 1000),
    model,
    object: 'text_completion',
  }
  const choice = (text: string, reason: string | null) => [
    { text, index: 0, logprobs: null, finish_reason: reason },
  ]
  return {
    piece: (text) => ({ choices: choice(text, null), ...head }),
    last: (end) => ({ choices: choice('', end.finishReason), ...head, timings: timingsOf(end) }),
    whole: (text, end) => ({
      choices: choice(text, end.finishReason),
      ...head,
      usage: usageOf(end),
      timings: timingsOf(end),
    }),
    usage: (end) => ({ choices: [], ...head, usage: usageOf(end) }),
  }
}

function llamaShape(model: string): Dialect {
  const whole = (content: string, end: TextEnd) => ({
    index: 0,
    content,
    model,
    stop: true,
    stop_type: end.stopType,
    stopping_word: end.stopWord,
    tokens_predicted: end.generatedTokens,
    tokens_evaluated: end.promptTokens,
    tokens_cached: end.cachedTokens,
    truncated: false,
    timings: timingsOf(end),
  })
  return {
    piece: (content) => ({ index: 0, content, stop: false }),
    last: (end) => whole('', end),
    whole,
  }
}

/** A string, in which special tokens count, or a list of tokens. */
function readPrompt(fields: Fields, model: Model): Uint32Array {
  const prompt = fields.raw('prompt')
  const text =
    Array.isArray(prompt) && prompt.length === 1 && typeof prompt[0] === 'string' ? prompt[0] : prompt
  if (typeof text === 'string') {
    const tokens = model.framed(model.tokenizeSpecial(text))
    if (tokens.length === 0) throw new ApiError('invalid_request_error', '"prompt" is empty')
    return tokens
  }
  if (Array.isArray(text) && text.length > 0 && text.every((item) => typeof item === 'number')) {
    return readTokens(fields, 'prompt', model)
  }
  throw fields.refusal(
    'prompt',
    'must be a string or a list of tokens; several prompts in one request are not supported',
  )
}

export function readTokens(fields: Fields, name: string, model: Model): Uint32Array {
  const tokens = fields.list(name)
  if (!tokens) throw fields.refusal(name, 'must be a list of tokens')
  const limit = model.facts.vocabularySize
  const isToken = (item: unknown) =>
    Number.isInteger(item) && (item as number) >= 0 && (item as number) < limit
  if (!tokens.every(isToken))
    throw fields.refusal(name, `must hold numbers of tokens, from 0 to ${limit - 1}`)
  return Uint32Array.from(tokens as number[])
}
