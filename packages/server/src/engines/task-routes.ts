/**
 * Task calls: `POST /` with `{"inputs": …, "parameters": …}`, as `huggingface_hub` and `@huggingface/inference` send
 * it to an endpoint's root, for engines that have no such route.
 *
 * TGI, TEI and the toolkit answer it themselves, and so may a container of the user's own. vLLM, SGLang and
 * llama.cpp know only OpenAI's routes: this module says which of them a call becomes, and how the answer becomes what
 * the client waits for. Pure: it neither reads nor sends. What a route cannot do is refused by name.
 */
import { embeddingsCall } from './embeddings-call.ts'
import { asObject, type Json } from './task-parameters.ts'
import { textGenerationCall } from './text-generation-call.ts'
import type { TokenStream } from './token-stream.ts'

/** The engines that have OpenAI's routes alone. */
export type OpenaiEngine = 'vllm' | 'sglang' | 'llamacpp'

export type TaskTarget = {
  readonly engine: string
  /** The replica was started for embeddings, not for generation. */
  readonly isForEmbeddings: boolean
  /** What the engine calls the model. */
  readonly servedName: string
}

export type TaskRoute = {
  readonly path: '/v1/completions' | '/v1/embeddings'
  readonly body: Json
  /**
   * The client's answer, from the whole JSON of an answer with status 200.
   * @throws PlatformError `bad_gateway` when the engine answered something else.
   */
  answer(response: unknown): unknown
  /** Present when the client asked for a stream of tokens. */
  readonly stream: (() => TokenStream) | undefined
}

/**
 * Whether a call to OpenAI's routes names no model in truth: clients that were given a URL alone send a word in its
 * place, and some engines would answer that they have no such model.
 */
export function isPlaceholderModel(name: string | undefined): boolean {
  return name === undefined || name === '' || PLACEHOLDER_MODELS.includes(name)
}

/** `huggingface_hub` sends the first, the snippets of the managed service said the second. */
const PLACEHOLDER_MODELS: readonly string[] = ['dummy', 'tgi']

const OPENAI_ENGINES: readonly string[] = ['vllm', 'sglang', 'llamacpp'] satisfies OpenaiEngine[]

/**
 * The route that a call to the root becomes, or `undefined` where it should be passed on as it is.
 *
 * @throws PlatformError `invalid` that names a parameter which the engine's route does not have.
 */
export function taskRoute(
  { engine, isForEmbeddings, servedName }: TaskTarget,
  body: unknown,
): TaskRoute | undefined {
  const call = asObject(body)
  if (!isOpenaiEngine(engine) || !call || !isInputs(call['inputs'])) return undefined
  if (isForEmbeddings) return embeddingsCall({ engine, servedName }, call, call['inputs'])
  if (typeof call['inputs'] !== 'string') return undefined
  return textGenerationCall({ engine, servedName }, call, call['inputs'])
}

function isOpenaiEngine(engine: string): engine is OpenaiEngine {
  return OPENAI_ENGINES.includes(engine)
}

function isInputs(value: unknown): value is string | readonly string[] {
  if (typeof value === 'string') return true
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string')
}
