/** Re-ranking in TEI's words, or in those of the toolkit's `sentence-ranking`, on an engine that has `/v1/rerank`. */

import { isTexts } from './embeddings-call.ts'
import {
  asObject,
  booleanIn,
  invalidInput,
  type Json,
  refuseUnknown,
  unexpectedAnswer,
} from './task-parameters.ts'
import type { OpenaiEngine, TaskRoute } from './task-route.ts'

const PATH = '/v1/rerank'
const KNOWN = ['query', 'texts', 'return_text', 'truncation_direction']

/** TEI takes query and texts at the top, the toolkit as `inputs`. */
export function isRankingCall(call: Json): boolean {
  return askedIn(call)['query'] !== undefined
}

const askedIn = (call: Json): Json => asObject(call['inputs']) ?? call

/** @throws PlatformError `invalid` when there is nothing to rank. */
export function rankingCall(
  { engine, servedName }: { readonly engine: OpenaiEngine; readonly servedName: string },
  call: Json,
): TaskRoute {
  const { inputs: _inputs, parameters, options: _options, ...beside } = call
  const asked = { ...asObject(parameters), ...beside, ...askedIn(call) }
  // llama-server gives the model's own scores, the others what a sigmoid makes of them.
  const isRaw = engine === 'llamacpp'
  refuseUnknown(asked, isRaw ? [...KNOWN, 'raw_scores'] : KNOWN, { engine, path: PATH })
  const { query, texts } = asked
  if (typeof query !== 'string') throw invalidInput('query', query, 'a text')
  if (!Array.isArray(texts) || !isTexts(texts)) {
    throw invalidInput('texts', texts, 'a list of texts, with one at least')
  }
  const wantsRaw = booleanIn(asked, 'raw_scores') ?? false
  const scoreOf = isRaw && !wantsRaw ? sigmoid : (score: number) => score
  const wantsText = booleanIn(asked, 'return_text') ?? false
  return {
    path: PATH,
    body: { model: servedName, query, documents: texts },
    answer: (response) =>
      scoresIn(response, texts.length)
        .map(({ index, score }) => ({
          index,
          score: scoreOf(score),
          ...(wantsText ? { text: texts[index] } : {}),
        }))
        .toSorted((a, b) => b.score - a.score),
    stream: undefined,
  }
}

function scoresIn(response: unknown, count: number): { index: number; score: number }[] {
  const results = asObject(response)?.['results']
  if (!Array.isArray(results)) throw unexpectedAnswer(PATH, 'results')
  return results.map((result, place) => {
    const { index, relevance_score: score } = asObject(result) ?? {}
    if (typeof index !== 'number' || index >= count || typeof score !== 'number') {
      throw unexpectedAnswer(PATH, `results[${place}].relevance_score`)
    }
    return { index, score }
  })
}

const sigmoid = (score: number) => 1 / (1 + Math.exp(-score))
