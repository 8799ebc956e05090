/**
 * `sentence_similarity` of the Hugging Face clients: how near each of several sentences is to one.
 *
 * TEI has a route for it that takes the call as it is. Elsewhere all sentences are embedded in one request, and the
 * cosine of the angles between the vectors is what the client gets.
 */
import { embeddingsCall, isTexts, vectorsIn } from './embeddings-call.ts'
import { asObject, invalidInput, type Json } from './task-parameters.ts'
import type { OpenaiEngine, TaskRoute } from './task-route.ts'

export function isSimilarityCall(call: Json): boolean {
  return asObject(call['inputs'])?.['source_sentence'] !== undefined
}

/** TEI's own route for it. */
export function similarityRoute(call: Json): TaskRoute {
  return { path: '/similarity', body: call, answer: (response) => response, stream: undefined }
}

/** @throws PlatformError `invalid` when there is nothing to compare. */
export function similarityCall(
  to: { readonly engine: OpenaiEngine; readonly servedName: string },
  call: Json,
): TaskRoute {
  const { source_sentence: source, sentences } = asObject(call['inputs'])!
  if (typeof source !== 'string') throw invalidInput('source_sentence', source, 'a text')
  if (!Array.isArray(sentences) || !isTexts(sentences)) {
    throw invalidInput('sentences', sentences, 'a list of texts, with one at least')
  }
  return {
    ...embeddingsCall(to, call, [source, ...sentences]),
    answer: (response) => {
      const [first, ...others] = vectorsIn(response, sentences.length + 1)
      return others.map((other) => cosine(first!, other))
    },
  }
}

function cosine(a: readonly number[], b: readonly number[]): number {
  let product = 0
  let squareA = 0
  let squareB = 0
  for (const [place, value] of a.entries()) {
    const other = b[place] ?? 0
    product += value * other
    squareA += value * value
    squareB += other * other
  }
  const lengths = Math.sqrt(squareA * squareB)
  return lengths === 0 ? 0 : product / lengths
}
