/**
 * What a request may say about how text is generated: the fields that chat and plain completions share.
 *
 * Names and defaults are llama-server's, which knows OpenAI's names and its own.
 */
import { randomInt } from 'node:crypto'
import { ApiError } from './api-error.ts'
import type { Fields } from './fields.ts'
import type { Sampling } from './generator.ts'
import { jsonGrammar } from './json-grammar.ts'
import type { Model } from './model.ts'
import type { NativeGrammar } from './native.ts'

export type GenerationOptions = {
  readonly maxTokens: number
  readonly sampling: Sampling
  readonly grammar: NativeGrammar | undefined
  readonly stopWords: readonly string[]
  readonly reusePrefix: boolean
  readonly stream: boolean
  readonly includeUsage: boolean
}

const MAX_TOKENS = 2 ** 31 - 1
const MAX_SEED = 2 ** 32 - 1
const MAX_STOP_WORDS = 64
const MAX_STOP_WORD_CHARACTERS = 1024

const UNSUPPORTED: readonly { readonly field: string; readonly isAsked: (value: unknown) => boolean }[] = [
  { field: 'n', isAsked: (value) => value !== 1 },
  { field: 'best_of', isAsked: (value) => value !== 1 },
  { field: 'logprobs', isAsked: (value) => value !== false },
  { field: 'top_logprobs', isAsked: (value) => value !== 0 },
  { field: 'n_probs', isAsked: (value) => value !== 0 },
  { field: 'echo', isAsked: (value) => value !== false },
  { field: 'suffix', isAsked: (value) => value !== '' },
  { field: 'lora', isAsked: () => true },
]

export function readGenerationOptions(fields: Fields, model: Model): GenerationOptions {
  for (const { field, isAsked } of UNSUPPORTED) {
    if (fields.has(field) && isAsked(fields.raw(field))) {
      throw fields.refusal(field, 'is not supported by this engine; leave it out')
    }
  }
  return {
    maxTokens: readMaxTokens(fields),
    sampling: readSampling(fields, model),
    grammar: readGrammar(fields, model),
    stopWords: readStopWords(fields),
    reusePrefix: fields.flag('cache_prompt') ?? true,
    stream: fields.flag('stream') ?? false,
    includeUsage: fields.object('stream_options')?.flag('include_usage') ?? false,
  }
}

/** Compiles a grammar, so that a mistake in it is the request's and not the generation's. */
export function compileGrammar(gbnf: string, model: Model): NativeGrammar {
  try {
    return new model.native.AddonGrammar(gbnf, { addonExports: model.native })
  } catch (cause) {
    throw new ApiError('invalid_request_error', `the grammar cannot be used: ${(cause as Error).message}`)
  }
}

function readMaxTokens(fields: Fields): number {
  const asked =
    fields.integer('max_completion_tokens', -1, MAX_TOKENS) ??
    fields.integer('max_tokens', -1, MAX_TOKENS) ??
    fields.integer('n_predict', -1, MAX_TOKENS) ??
    -1
  return asked === -1 ? Number.POSITIVE_INFINITY : asked
}

function readSampling(fields: Fields, model: Model): Sampling {
  const seed = fields.integer('seed', -1, Number.MAX_SAFE_INTEGER) ?? -1
  return {
    temperature: fields.number('temperature', 0, 100) ?? 0.8,
    topK: fields.integer('top_k', -1, MAX_TOKENS) ?? 40,
    topP: fields.number('top_p', 0, 1) ?? 0.95,
    minP: fields.number('min_p', 0, 1) ?? 0.05,
    seed: seed === -1 ? randomInt(MAX_SEED) : seed % (MAX_SEED + 1),
    repeatPenalty: fields.number('repeat_penalty', 0.01, 100) ?? 1,
    repeatLastTokens: fields.integer('repeat_last_n', 0, 4096) ?? 64,
    presencePenalty: fields.number('presence_penalty', -100, 100) ?? 0,
    frequencyPenalty: fields.number('frequency_penalty', -100, 100) ?? 0,
    tokenBias: readTokenBias(fields, model),
  }
}

/** OpenAI's `{"token id": bias}`, and llama-server's `ignore_eos`. */
function readTokenBias(fields: Fields, model: Model): ReadonlyMap<number, number> {
  const bias = new Map<number, number>()
  const asked = fields.object('logit_bias')
  for (const key of Object.keys(asked?.all ?? {})) {
    const token = Number(key)
    if (!Number.isInteger(token) || token < 0 || token >= model.facts.vocabularySize) {
      throw fields.refusal('logit_bias', `names "${key}", which is not the number of a token`)
    }
    bias.set(token, asked?.number(key, -100, 100) ?? 0)
  }
  if (fields.flag('ignore_eos'))
    for (const token of model.endTokens) bias.set(token, Number.NEGATIVE_INFINITY)
  return bias
}

function readStopWords(fields: Fields): readonly string[] {
  const stop = fields.raw('stop')
  const words: unknown = typeof stop === 'string' ? [stop] : (stop ?? [])
  const isWord = (word: unknown) => typeof word === 'string' && word.length <= MAX_STOP_WORD_CHARACTERS
  if (!Array.isArray(words) || words.length > MAX_STOP_WORDS || !words.every(isWord)) {
    throw fields.refusal(
      'stop',
      `must be a string or a list of at most ${MAX_STOP_WORDS} strings of at most ${MAX_STOP_WORD_CHARACTERS} characters`,
    )
  }
  return words as string[]
}

function readGrammar(fields: Fields, model: Model): NativeGrammar | undefined {
  const schema = fields.has('json_schema')
    ? { schema: fields.raw('json_schema') }
    : readResponseFormat(fields)
  const gbnf = fields.text('grammar')
  if (schema && gbnf) throw fields.refusal('grammar', 'cannot be combined with a JSON schema')
  if (gbnf) return compileGrammar(gbnf, model)
  return schema && compileGrammar(jsonGrammar(schema.schema), model)
}

/** OpenAI's json_schema, and TGI's `{"type": "json_object" | "json", "value": schema}`. */
function readResponseFormat(fields: Fields): { readonly schema: unknown } | undefined {
  const format = fields.object('response_format')
  if (!format) return undefined
  const type = format.text('type')
  switch (type) {
    case undefined:
    case 'text':
      return undefined
    case 'json_object':
    case 'json':
      return { schema: format.raw('value') ?? format.raw('schema') ?? { type: 'object' } }
    case 'json_schema': {
      const schema =
        format.object('json_schema')?.raw('schema') ?? format.raw('schema') ?? format.raw('value')
      if (schema === undefined) throw format.refusal('json_schema', 'must hold a "schema"')
      return { schema }
    }
    default:
      throw format.refusal('type', `is "${type}", and must be "text", "json_object" or "json_schema"`)
  }
}
