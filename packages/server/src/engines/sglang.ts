/**
 * SGLang: text generation from transformers weights, on GPUs, with a radix tree of shared prefixes.
 *
 * Its health route generates a token and so takes a second; it answers 503 while it starts and while it drains.
 */
import type { Image } from '@berth/contract'
import { adapterId } from '../domain/adapter.ts'
import { PLACEHOLDER } from '../domain/launch-plan.ts'
import { assignments, peftFiles } from './adapter-files.ts'
import { argumentValue, countInArgs, tokensIn } from './argument-value.ts'
import { containerPlan, option, startDeadline } from './container-plan.ts'
import type { Engine, LaunchRequest, Sizing } from './engine.ts'
import { SGLANG_MEMORY } from './engine-memory.ts'
import { hasFlag, splitGpus } from './gpu-split.ts'
import { IMAGES } from './images.ts'
import { filesForTransformers, transformersRefusal } from './repository-contents.ts'
import { servedTask } from './served-task.ts'
import { oneToken } from './smallest-question.ts'

type Settings = NonNullable<Image['sGLang']>

const PORT = 30_000
const START_TIMEOUT_MS = 900_000
/** It looks every 5 s whether requests still run. */
const STOP_GRACE_MS = 10_000
/** As its documentation asks for. */
const SHM_BYTES = 32 * 2 ** 30
const OTHER_SPLITS = [
  ...['--dp', '--dp-size', '--data-parallel-size', '--pp-size', '--pipeline-parallel-size'],
  ...['--ep', '--ep-size', '--expert-parallel-size'],
]

export function createSglang(): Engine {
  return {
    name: 'sglang',
    runtimes: ['container'],
    variants: ['sGLang'],
    capabilities: ['chat', 'embeddings', 'rerank', 'classification', 'vision', 'tools', 'lora', 'sleep'],
    health: { route: '/health', startTimeoutMs: startDeadline(START_TIMEOUT_MS) },
    stopGraceMs: STOP_GRACE_MS,
    intake: ({ image, args }) => ({
      room: countInArgs(args, ['--max-running-requests']) ?? image.sGLang?.maxRunningRequests ?? null,
      keepsPrefixes: true,
    }),
    vitals: ({ servedName }) => ({
      question: oneToken(servedName),
      isAskedWhenIdle: true,
      counters: {
        path: '/metrics',
        names: [
          ...['sglang:prompt_tokens_total', 'sglang:generation_tokens_total'],
          ...['sglang:time_to_first_token_seconds_count', 'sglang:inter_token_latency_seconds_count'],
        ],
      },
    }),

    adapters: { files: peftFiles, members: (adapter) => ({ lora_path: adapterId(adapter) }) },
    tasks: ({ servedName, args, task }) => ({
      engine: 'sglang',
      servedName,
      serves: hasFlag(args, ['--is-embedding']) ? 'embeddings' : servedTask(task),
    }),

    refusal: (model) => transformersRefusal('SGLang', model),
    resolve: ({ files }, image) => ({
      files: filesForTransformers(files),
      image: { sGLang: image.sGLang ?? {} },
    }),

    launch: (request) =>
      containerPlan({ engine: 'sglang', variant: 'sGLang', images: IMAGES.sglang, port: PORT }, request, {
        command: ['python3', '-m', 'sglang.launch_server', ...flags(request.image.sGLang ?? {}, request)],
        env: { HF_HUB_OFFLINE: '1' },
        shmBytes: SHM_BYTES,
      }),
    sizing: SIZING,
  }
}

const CONTEXT_FLAG = '--context-length'

/** It shares its cache between requests as they come; one at full length has to fit. */
const SIZING: Sizing = {
  memory: () => SGLANG_MEMORY,
  room: ({ image, args }) => ({
    contextTokens: tokensIn(argumentValue(args, [CONTEXT_FLAG])),
    concurrency: 1,
    kvDtype: image.sGLang?.kvCacheDtype?.startsWith('fp8') ? 'fp8' : 'f16',
  }),
  settle: (image, { contextTokens, kvDtype }) => ({
    image: {
      sGLang: { ...image.sGLang, ...(kvDtype === 'fp8' ? { kvCacheDtype: 'fp8_e5m2' as const } : {}) },
    },
    args: contextTokens === undefined ? [] : [CONTEXT_FLAG, String(contextTokens)],
  }),
}

function flags(
  settings: Settings,
  { servedName, resources, args, apiKey, adapters = [] }: LaunchRequest,
): string[] {
  const isSplitFurther = hasFlag(args, OTHER_SPLITS)
  const { tensor } = splitGpus('sGLang', settings, { gpus: resources.gpus, isSplitFurther })
  return [
    ...['--model-path', PLACEHOLDER.model, '--served-model-name', servedName],
    ...['--host', PLACEHOLDER.host, '--port', PLACEHOLDER.port],
    ...['--enable-metrics', '--tensor-parallel-size', String(tensor)],
    ...option('--chunked-prefill-size', settings.chunkedPrefillSize),
    ...option('--max-prefill-tokens', settings.maxPrefillTokens),
    ...option('--max-running-requests', settings.maxRunningRequests),
    ...option('--kv-cache-dtype', settings.kvCacheDtype),
    ...(adapters.length > 0 ? ['--enable-lora', '--lora-paths', ...assignments(adapters)] : []),
    // The only engine that takes its key in no other way: it is seen by who may inspect containers on the machine.
    ...['--api-key', apiKey],
  ]
}
