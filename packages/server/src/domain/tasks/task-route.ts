/**
 * Task calls: `POST /` with `{"inputs": …, "parameters": …}`, as `huggingface_hub` and `@huggingface/inference` send
 * it to an endpoint's root, for engines that have no such route.
 *
 * TGI, TEI and the toolkit answer it themselves, and so may a container of the user's own. vLLM, SGLang and
 * llama.cpp know only OpenAI's routes: this module says which of them a call becomes, and how the answer becomes what
 * the client waits for. Pure: it neither reads nor sends. What a route cannot do is refused by name.
 */
import { embeddingsCall, isTexts } from './embeddings-call.ts'
import { isRankingCall, rankingCall } from './ranking-call.ts'
import { isSimilarityCall, similarityCall, similarityRoute } from './similarity-call.ts'
import { asObject, type Json } from './task-parameters.ts'
import { textGenerationCall } from './text-generation-call.ts'
import type { TokenStream } from './token-stream.ts'

/** The engines that have OpenAI's routes alone. */
export type OpenaiEngine = 'vllm' | 'sglang' | 'llamacpp'

/** What the replicas of an endpoint have in place of routes for tasks. */
export type TaskTarget = {
  /** TEI has a route for every task, and its root only for one of them. */
  readonly engine: OpenaiEngine | 'tei'
  /** What the replica was started for. */
  readonly serves: 'text' | 'embeddings' | 'ranking'
  /** What the engine calls the model. */
  readonly servedName: string
}

export type TaskRoute = {
  readonly path: '/v1/completions' | '/v1/embeddings' | '/v1/rerank' | '/similarity'
  readonly body: Json
  /**
   * The client's answer, from the whole JSON of an answer with status 200.
   * @throws PlatformError `bad_gateway` when the engine answered something else.
   */
  answer(response: unknown): unknown
  /** Present when the client asked for a stream of tokens. */
  readonly stream: (() => TokenStream) | undefined
}

/** Names that clients who were given a URL alone send in place of a model's: `huggingface_hub`'s, and of old snippets. */
export const PLACEHOLDER_MODELS: readonly string[] = ['dummy', 'tgi']

/**
 * Whether a body can be a call that is translated, without parsing it. What the engine answers itself is passed on
 * unread, however long it is.
 */
export function mayBeTranslated({ engine }: TaskTarget, body: Buffer): boolean {
  return engine === 'tei'
    ? body.includes('"source_sentence"')
    : body.includes('"inputs"') || body.includes('"query"')
}

/**
 * The route that a call to the root becomes, or `undefined` where it should be passed on as it is.
 *
 * @throws PlatformError `invalid` that names a parameter which the engine's route does not have.
 */
export function taskRoute(target: TaskTarget, body: unknown): TaskRoute | undefined {
  const call = asObject(body)
  if (!call) return undefined
  const { engine, serves, servedName } = target
  if (engine === 'tei') return isSimilarityCall(call) ? similarityRoute(call) : undefined
  const to = { engine, servedName }
  switch (serves) {
    case 'embeddings':
      if (isSimilarityCall(call)) return similarityCall(to, call)
      return isTexts(call['inputs']) ? embeddingsCall(to, call, call['inputs']) : undefined
    case 'ranking':
      return isRankingCall(call) ? rankingCall(to, call) : undefined
    case 'text':
      return typeof call['inputs'] === 'string' ? textGenerationCall(to, call, call['inputs']) : undefined
    default:
      return serves satisfies never
  }
}
