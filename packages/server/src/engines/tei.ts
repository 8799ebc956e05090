/**
 * Text Embeddings Inference: embeddings, reranking and text classification, on CPUs or one GPU.
 *
 * It opens its port only after it has warmed up, and answers 429 over its number of concurrent requests.
 */
import type { Image } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import { PLACEHOLDER } from '../domain/launch-plan.ts'
import { countInArgs } from './argument-value.ts'
import { containerPlan, option, startDeadline } from './container-plan.ts'
import type { Engine, LaunchRequest, ModelFacts, Sizing } from './engine.ts'
import { TEI_MEMORY } from './engine-memory.ts'
import { IMAGES } from './images.ts'
import { contentsOf, filesForEmbeddings, transformersRefusal } from './repository-contents.ts'
import { TEI_VITALS } from './smallest-question.ts'

type Settings = NonNullable<Image['tei']>

/** Not its own 80, for which a confined container may lack the right. */
const PORT = 8_080
const START_TIMEOUT_MS = 300_000
/** What it takes by default; it answers 429 above. */
export const CONCURRENT_REQUESTS = 512
const STOP_GRACE_MS = 5_000

/** What people write → what TEI takes. */
const POOLING: Readonly<Record<string, string>> = {
  cls: 'cls',
  mean: 'mean',
  splade: 'splade',
  'last-token': 'last-token',
  lastToken: 'last-token',
  last_token: 'last-token',
  last: 'last-token',
}

export function createTei(): Engine {
  return {
    name: 'tei',
    runtimes: ['container'],
    variants: ['tei', 'huggingface'],
    capabilities: ['embeddings', 'rerank', 'classification'],
    health: { route: '/health', startTimeoutMs: startDeadline(START_TIMEOUT_MS) },
    stopGraceMs: STOP_GRACE_MS,
    intake: ({ image, args }) => ({
      room:
        countInArgs(args, ['--max-concurrent-requests']) ??
        image.tei?.maxConcurrentRequests ??
        CONCURRENT_REQUESTS,
      keepsPrefixes: false,
    }),
    vitals: () => TEI_VITALS,
    tasks: ({ servedName }) => ({ engine: 'tei', servedName, serves: 'embeddings' }),

    refusal,
    resolve: ({ files }, image) => {
      const settings = image.tei ?? {}
      poolingOf(settings)
      return { files: filesForEmbeddings(files), image: { tei: settings } }
    },

    launch: (request) => {
      refuseIdleGpus(request)
      return containerPlan({ engine: 'tei', variant: 'tei', images: IMAGES.tei, port: PORT }, request, {
        command: ['text-embeddings-router', ...flags(request.image.tei ?? {}, request)],
        env: { API_KEY: request.apiKey, HF_HUB_OFFLINE: '1' },
      })
    },
    sizing: SIZING,
  }
}

/** It keeps nothing between requests, so their number costs no memory. */
const SIZING: Sizing = {
  memory: (gpus) => (gpus > 0 ? TEI_MEMORY.gpu : TEI_MEMORY.cpu),
  room: () => ({ contextTokens: undefined, concurrency: 1, kvDtype: 'f16' }),
  settle: (image) => ({ image: { tei: image.tei ?? {} }, args: [] }),
}

function refusal(model: ModelFacts): string | undefined {
  const { onnx, isTransformers, isAdapter } = contentsOf(model.files)
  if (onnx && isTransformers && !isAdapter) return undefined
  return transformersRefusal('text-embeddings-inference', model)
}

function flags(settings: Settings, { servedName }: LaunchRequest): string[] {
  return [
    ...['--json-output', '--model-id', PLACEHOLDER.model, '--served-model-name', servedName],
    ...['--hostname', PLACEHOLDER.host, '--port', PLACEHOLDER.port],
    ...option('--max-batch-tokens', settings.maxBatchTokens),
    ...option('--max-concurrent-requests', settings.maxConcurrentRequests),
    ...option('--pooling', poolingOf(settings)),
  ]
}

export function poolingOf({ pooling }: Settings): string | undefined {
  if (pooling === undefined) return undefined
  const known = Object.hasOwn(POOLING, pooling) ? POOLING[pooling] : undefined
  if (known) return known
  throw new PlatformError(
    'invalid',
    `model.image.tei.pooling is "${pooling}": text-embeddings-inference knows ${[...new Set(Object.values(POOLING))].join(', ')}. Leave it out to take the model's own.`,
    { field: 'model.image.tei.pooling' },
  )
}

function refuseIdleGpus({ resources: { gpus } }: LaunchRequest): void {
  if (gpus <= 1) return
  throw new PlatformError(
    'invalid',
    `The instance has ${gpus} GPUs, and text-embeddings-inference uses one. Choose an instance with one GPU and let more replicas share the load.`,
    { field: 'compute.instanceSize' },
  )
}
