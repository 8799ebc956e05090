/** `feature_extraction` of the Hugging Face clients, in TEI's words, on an engine that has `/v1/embeddings`. */
import {
  asObject,
  booleanIn,
  invalid,
  isSet,
  type Json,
  numberIn,
  refuseUnknown,
  unexpectedAnswer,
} from './task-parameters.ts'
import type { OpenaiEngine, TaskRoute } from './task-route.ts'

const PATH = '/v1/embeddings'
const KNOWN = ['normalize', 'dimensions', 'encoding_format', 'truncation_direction']
/** vLLM's word for "as many as the model takes". */
const ALL_THAT_FIT = -1

export function embeddingsCall(
  { engine, servedName }: { readonly engine: OpenaiEngine; readonly servedName: string },
  call: Json,
  inputs: string | readonly string[],
): TaskRoute {
  // Clients put these parameters beside `inputs`; older ones put them where all others are.
  const { inputs: _inputs, parameters: nested, options: _options, ...beside } = call
  const parameters = { ...asObject(nested), ...beside }
  const canTruncate = engine === 'vllm'
  refuseUnknown(parameters, canTruncate ? [...KNOWN, 'truncate'] : KNOWN, { engine, path: PATH })
  if (booleanIn(parameters, 'normalize') === false) {
    throw invalid('normalize', `${engine} always answers normalised embeddings: leave "normalize" out.`)
  }
  mustBe(parameters, 'encoding_format', 'float')
  mustBe(parameters, 'truncation_direction', 'Right')

  const dimensions = numberIn(parameters, 'dimensions')
  const isTruncated = canTruncate && booleanIn(parameters, 'truncate') === true
  return {
    path: PATH,
    body: {
      model: servedName,
      input: inputs,
      encoding_format: 'float',
      ...(dimensions === undefined ? {} : { dimensions }),
      ...(isTruncated ? { truncate_prompt_tokens: ALL_THAT_FIT } : {}),
    },
    answer: (response) => vectorsIn(response, typeof inputs === 'string' ? 1 : inputs.length),
    stream: undefined,
  }
}

function mustBe(parameters: Json, name: string, only: string): void {
  const value = parameters[name]
  if (!isSet(value) || value === only) return
  throw invalid(
    name,
    `The parameter "${name}" is ${JSON.stringify(value)}: only "${only}" can be given here, or nothing.`,
  )
}

export function isTexts(value: unknown): value is string | readonly string[] {
  if (typeof value === 'string') return true
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string')
}

/**
 * One vector for each text, in the order of the texts, whatever the order of the answer.
 * @throws PlatformError `bad_gateway` when they are not all there.
 */
export function vectorsIn(response: unknown, count: number): readonly (readonly number[])[] {
  const entries = asObject(response)?.['data']
  if (!Array.isArray(entries)) throw unexpectedAnswer(PATH, 'data')
  const vectors: (readonly number[])[] = []
  for (const [place, entry] of entries.entries()) {
    const { embedding, index = place } = asObject(entry) ?? {}
    if (!Array.isArray(embedding) || typeof index !== 'number' || index >= count) {
      throw unexpectedAnswer(PATH, `data[${place}].embedding`)
    }
    vectors[index] = embedding
  }
  const missing = Array.from({ length: count }, (_, index) => index).find((index) => !vectors[index])
  if (missing !== undefined) throw unexpectedAnswer(PATH, `embedding of text ${missing}`)
  return vectors
}
