/**
 * Text Generation Inference, on GPUs.
 *
 * In maintenance: its makers take fixes only and point to vLLM, SGLang and llama.cpp. It is here for endpoints that
 * were made for it, and Berth never chooses it by itself.
 */
import type { Image } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import { PLACEHOLDER } from '../domain/launch-plan.ts'
import { assignments, PEFT_BY_MODEL } from './adapter-files.ts'
import { countInArgs } from './argument-value.ts'
import { containerPlan, option, startDeadline } from './container-plan.ts'
import type { Engine, LaunchRequest, Sizing } from './engine.ts'
import { TGI_MEMORY } from './engine-memory.ts'
import { IMAGES } from './images.ts'
import { filesForTransformers, transformersRefusal } from './repository-contents.ts'

type Settings = NonNullable<Image['tgi']>

/** Not its own 80, for which a confined container may lack the right. */
const PORT = 8_080
const START_TIMEOUT_MS = 600_000
/** What it takes by default; it answers 429 above. */
const CONCURRENT_REQUESTS = 128
const STOP_GRACE_MS = 10_000
/** As its documentation asks for. */
const SHM_BYTES = 2 ** 30
const MAINTENANCE = 'TGI is in maintenance and gets no new models: model.image.vLLM serves what it served.'

export function createTgi(): Engine {
  return {
    name: 'tgi',
    runtimes: ['container'],
    variants: ['tgi'],
    capabilities: ['chat', 'vision', 'tools', 'lora'],
    health: { route: '/health', startTimeoutMs: startDeadline(START_TIMEOUT_MS) },
    stopGraceMs: STOP_GRACE_MS,
    intake: ({ args }) => ({
      room: countInArgs(args, ['--max-concurrent-requests']) ?? CONCURRENT_REQUESTS,
      keepsPrefixes: true,
    }),
    vitals: () => ({
      question: {
        path: '/generate',
        body: JSON.stringify({ inputs: 'a', parameters: { max_new_tokens: 1 } }),
      },
      isAskedWhenIdle: true,
      counters: {
        path: '/metrics',
        names: ['tgi_batch_inference_count', 'tgi_batch_inference_success', 'tgi_request_success'],
      },
    }),

    adapters: PEFT_BY_MODEL,

    refusal: (model) => {
      const reason = transformersRefusal('TGI', model)
      return reason && `${reason} ${MAINTENANCE}`
    },
    resolve: ({ files }, image) => {
      const settings = image.tgi ?? {}
      refuseContradiction(settings)
      return { files: filesForTransformers(files), image: { tgi: settings } }
    },

    launch: (request) =>
      containerPlan({ engine: 'tgi', variant: 'tgi', images: IMAGES.tgi, port: PORT }, request, {
        command: ['/tgi-entrypoint.sh', ...flags(request.image.tgi ?? {}, request)],
        env: { API_KEY: request.apiKey, HF_HUB_OFFLINE: '1' },
        shmBytes: SHM_BYTES,
      }),
    sizing: SIZING,
  }
}

const SIZING: Sizing = {
  memory: () => TGI_MEMORY,
  room: ({ image }) => ({ contextTokens: image.tgi?.maxTotalTokens, concurrency: 1, kvDtype: 'f16' }),
  settle: (image, { contextTokens }) => ({
    image: {
      tgi: { ...image.tgi, ...(contextTokens === undefined ? {} : { maxTotalTokens: contextTokens }) },
    },
    args: [],
  }),
}

function flags(settings: Settings, { resources, adapters = [] }: LaunchRequest): string[] {
  return [
    ...['--model-id', PLACEHOLDER.model, '--hostname', PLACEHOLDER.host, '--port', PLACEHOLDER.port],
    ...['--usage-stats', 'off', '--json-output'],
    ...option('--num-shard', resources.gpus > 1 ? resources.gpus : undefined),
    ...option('--max-input-tokens', settings.maxInputLength),
    ...option('--max-total-tokens', settings.maxTotalTokens),
    ...option('--max-batch-prefill-tokens', settings.maxBatchPrefillTokens),
    ...option('--max-batch-total-tokens', settings.maxBatchTotalTokens),
    ...option('--quantize', settings.quantize),
    ...(adapters.length > 0 ? ['--lora-adapters', assignments(adapters).join(',')] : []),
    ...(settings.disableCustomKernels ? ['--disable-custom-kernels'] : []),
  ]
}

/** What TGI itself would only say after a start of minutes. */
function refuseContradiction({
  maxInputLength,
  maxTotalTokens,
  maxBatchPrefillTokens,
  maxBatchTotalTokens,
}: Settings): void {
  const mustNotReach = (
    [lower, below]: readonly [string, number | undefined],
    [upper, above]: readonly [string, number | undefined],
    why: string,
  ) => {
    if (below === undefined || above === undefined || below < above) return
    throw new PlatformError(
      'invalid',
      `model.image.tgi.${lower} is ${below} and ${upper} is ${above}: ${why}. Lower the first or raise the second.`,
      { field: `model.image.tgi.${lower}` },
    )
  }
  mustNotReach(
    ['maxInputLength', maxInputLength],
    ['maxTotalTokens', maxTotalTokens],
    'the total is prompt and answer together, so the prompt alone must stay below it',
  )
  mustNotReach(
    ['maxInputLength', maxInputLength],
    ['maxBatchPrefillTokens', maxBatchPrefillTokens && maxBatchPrefillTokens + 1],
    'a prompt is read in one batch, so it cannot be longer than that',
  )
  mustNotReach(
    ['maxTotalTokens', maxTotalTokens],
    ['maxBatchTotalTokens', maxBatchTotalTokens && maxBatchTotalTokens + 1],
    'one request cannot hold more tokens than the batch that it is in',
  )
}
