/**
 * The inference toolkit's one route: `{"inputs": …, "parameters": …}` to a pipeline of transformers, or the bytes of
 * a picture or a sound.
 *
 * One request at a time, as the toolkit does it: a pass takes all of the processors that there are.
 */
import { pipeline, RawImage } from '@huggingface/transformers'
import { ApiError, badField } from './api-error.ts'
import { Batcher } from './batcher.ts'
import type { Settings } from './command-line.ts'
import { isObject, isTexts, type Json, readJson, text, texts } from './fields.ts'
import { plain } from './plain.ts'
import { cosine } from './pooling.ts'
import type { Repository } from './repository.ts'
import type { Answer, ApiRequest, ServedModel } from './served-model.ts'
import { loadingOf } from './transformers.ts'
import { readWav } from './wav.ts'

/** Each pipeline of transformers.js is one of these; what it takes differs by its task. */
type Run = (...args: readonly unknown[]) => Promise<unknown>

/** What every speech model that we know of listens at. */
const SAMPLING_RATE_HZ = 16_000

/** Our tasks that are another one's pipeline, asked differently. */
const PIPELINE_OF: Readonly<Record<string, string>> = {
  'sentence-similarity': 'feature-extraction',
  'sentence-embeddings': 'feature-extraction',
}

export async function openPipeline(repository: Repository, settings: Settings): Promise<ServedModel> {
  const { id, options } = loadingOf(repository, settings)
  const { task } = repository
  const run = (await pipeline(
    (PIPELINE_OF[task] ?? task) as 'feature-extraction',
    id,
    options,
  )) as unknown as Run
  return new PipelineModel(run, repository, settings)
}

class PipelineModel implements ServedModel {
  readonly says: string
  readonly routes: ServedModel['routes']
  readonly #run: Run
  readonly #repository: Repository
  readonly #settings: Settings
  readonly #turns: Batcher<() => Promise<unknown>, unknown>

  constructor(run: Run, repository: Repository, settings: Settings) {
    this.#run = run
    this.#repository = repository
    this.#settings = settings
    this.says = repository.task
    this.#turns = new Batcher(1, async ([turn]) => [await turn!()])
    const answer = (request: ApiRequest) => this.#answer(request)
    this.routes = new Map([
      ['/', answer],
      ['/predict', answer],
    ])
  }

  info(): object {
    const { servedName, maxConcurrentRequests } = this.#settings
    return {
      model_id: servedName,
      model_dtype: this.#repository.dtype,
      task: this.#repository.task,
      max_concurrent_requests: maxConcurrentRequests,
    }
  }

  async #answer(request: ApiRequest): Promise<Answer> {
    const args = await this.#argumentsOf(request)
    const result = await this.#turns.submit(async () => this.#shaped(await this.#run(...args.list), args), 1)
    return { body: plain(result) }
  }

  async #argumentsOf(request: ApiRequest): Promise<Arguments> {
    const { task } = this.#repository
    if (/^(image|audio)\//i.test(request.contentType))
      return { list: [await mediaOf(task, request.body), {}] }
    const json = readJson(request)
    const parameters = json['parameters'] ?? {}
    if (!isObject(parameters)) throw badField('parameters', 'must be an object')
    if (json['inputs'] === undefined) throw badField('inputs', 'is missing')
    return argumentsFor(task, json['inputs'], parameters, this.#repository)
  }

  /** What transformers of Python gives, where transformers.js gives something else. */
  #shaped(result: unknown, { source, inputs }: Arguments): unknown {
    const { task } = this.#repository
    if (task === 'sentence-embeddings') return { embeddings: plain(result) }
    if (task !== 'sentence-similarity') return wrapped(task, result, inputs)
    const [first, ...others] = (plain(result) as number[][]).map((vector) => Float32Array.from(vector))
    return source === undefined ? result : { similarities: others.map((vector) => cosine(first!, vector)) }
  }
}

type Arguments = {
  readonly list: readonly unknown[]
  readonly inputs?: unknown
  readonly source?: string
}

/** How `inputs` and `parameters` become a pipeline's arguments. */
async function argumentsFor(
  task: string,
  inputs: unknown,
  parameters: Json,
  repository: Repository,
): Promise<Arguments> {
  const vectors = {
    pooling: (repository.pooling ?? 'mean').replace('last-token', 'last_token'),
    normalize: true,
  }
  switch (task) {
    case 'question-answering': {
      if (!isObject(inputs)) throw badField('inputs', 'must be an object with question and context')
      return { list: [text(inputs, 'question'), text(inputs, 'context'), parameters] }
    }
    case 'zero-shot-classification': {
      const { candidate_labels: labels, ...others } = parameters
      const list = typeof labels === 'string' ? labels.split(',').map((label) => label.trim()) : labels
      if (!isTexts(list) || list.length === 0)
        throw badField('parameters.candidate_labels', 'must be a list of labels, one at least')
      return { list: [textsOf(inputs), list, others] }
    }
    case 'sentence-similarity': {
      if (!isObject(inputs)) throw badField('inputs', 'must be an object with source_sentence and sentences')
      const source = text(inputs, 'source_sentence')
      return { list: [[source, ...texts(inputs, 'sentences')], vectors], source }
    }
    case 'sentence-embeddings':
      return { list: [textsOf(inputs), vectors] }
    case 'automatic-speech-recognition':
    case 'image-classification':
    case 'image-to-text':
    case 'object-detection':
    case 'image-segmentation':
      return { list: [await mediaOf(task, fromBase64(inputs)), parameters] }
    default:
      return { list: [textsOf(inputs), parameters], inputs }
  }
}

function textsOf(inputs: unknown): string | readonly string[] {
  if (typeof inputs === 'string') return inputs
  if (isTexts(inputs) && inputs.length > 0) return inputs
  throw badField('inputs', 'must be a string or a list of strings')
}

/** A picture or a sound inside JSON. Nothing is fetched from anywhere. */
function fromBase64(inputs: unknown): Buffer {
  const way = 'must be base64, or send the bytes themselves with their Content-Type'
  if (typeof inputs !== 'string') throw badField('inputs', way)
  const text = inputs.replace(/^data:[\w/+.-]+;base64,/, '')
  if (!/^[A-Za-z0-9+/=\s]+$/.test(text)) throw badField('inputs', `${way}; addresses are not fetched`)
  return Buffer.from(text, 'base64')
}

async function mediaOf(task: string, bytes: Buffer): Promise<unknown> {
  if (task === 'automatic-speech-recognition' || task === 'audio-classification')
    return readWav(bytes, SAMPLING_RATE_HZ)
  if (!/image|object/.test(task))
    throw new ApiError('UnsupportedMedia', `the task is ${task}, which reads application/json`)
  try {
    return await RawImage.fromBlob(new Blob([Uint8Array.from(bytes)]))
  } catch (cause) {
    throw new ApiError('UnsupportedMedia', 'the picture cannot be read: send PNG, JPEG, WebP or GIF', {
      cause,
    })
  }
}

/** A single text's generation comes in a list of one, as Python gives it. */
function wrapped(task: string, result: unknown, inputs: unknown): unknown {
  const isList = Array.isArray(result)
  if (isList || inputs === undefined) return result
  return task === 'feature-extraction' ? result : [result]
}
