/**
 * vLLM: text generation, and whatever else it knows, from transformers weights, on GPUs.
 *
 * It takes nearly all memory of its GPUs whatever the model's size, opens its port only when the model is loaded,
 * and aborts what runs at SIGTERM: a replica is drained before. Its builds for processors work too, where somebody
 * names an image or a program of one.
 */
import type { Image } from '@berth/contract'
import type { Resources } from '../domain/instance-type.ts'
import { PLACEHOLDER } from '../domain/launch-plan.ts'
import { GIBIBYTE } from '../domain/memory-ledger.ts'
import { PLACEHOLDER_MODELS, type TaskTarget } from '../domain/tasks/task-route.ts'
import { assignments, PEFT_BY_MODEL, rankFor } from './adapter-files.ts'
import { argumentValue, countInArgs, tokensIn } from './argument-value.ts'
import { containerPlan, option, startDeadline } from './container-plan.ts'
import type { Engine, LaunchRequest, Sizing } from './engine.ts'
import { VLLM_MEMORY } from './engine-memory.ts'
import { hasFlag, splitGpus } from './gpu-split.ts'
import { IMAGES } from './images.ts'
import { filesForTransformers, transformersRefusal } from './repository-contents.ts'
import { servedTask } from './served-task.ts'
import { oneToken } from './smallest-question.ts'

type Settings = NonNullable<Image['vLLM']>

const PORT = 8_000
/** Compiling kernels and capturing CUDA graphs takes minutes, whatever the weights. */
const START_TIMEOUT_MS = 900_000
const STOP_GRACE_MS = 10_000
/** Its worker processes talk through shared memory. */
const SHM_BYTES = 16 * 2 ** 30
/** Of an instance without a GPU; the rest is for weights and three Python processes of almost a GiB each. */
const CPU_CACHE_SHARE = 0.25
const OTHER_SPLITS = [
  ...['--pipeline-parallel-size', '-pp', '--decode-context-parallel-size', '-dcp'],
  ...['--prefill-context-parallel-size', '-pcp'],
]

export type VllmOptions = {
  /** The program `vllm` of this machine, absolute; without it vLLM runs in containers. */
  readonly program?: string | undefined
  /** Where that keeps the kernels that it has compiled, so that a second start is faster. */
  readonly cacheDirectory?: string | undefined
}

export function createVllm({ program, cacheDirectory }: VllmOptions = {}): Engine {
  return {
    name: 'vllm',
    runtimes: [program ? 'process' : 'container'],
    variants: ['vLLM', 'huggingface'],
    capabilities: ['chat', 'embeddings', 'rerank', 'classification', 'vision', 'tools', 'lora', 'sleep'],
    health: { route: '/health', startTimeoutMs: startDeadline(START_TIMEOUT_MS) },
    stopGraceMs: STOP_GRACE_MS,
    // Its own default depends on its version and the GPU; what it cannot fit into a batch it keeps in line itself.
    intake: ({ image, args }) => ({
      room: countInArgs(args, ['--max-num-seqs']) ?? image.vLLM?.maxNumSeqs ?? null,
      keepsPrefixes: true,
    }),
    vitals: ({ servedName }) => ({
      question: oneToken(servedName),
      isAskedWhenIdle: true,
      counters: {
        path: '/metrics',
        names: [
          'vllm:iteration_tokens_total_count',
          'vllm:prompt_tokens_total',
          'vllm:generation_tokens_total',
        ],
      },
    }),

    adapters: PEFT_BY_MODEL,
    tasks: ({ servedName, args, task }) => ({ engine: 'vllm', servedName, serves: servesOf(args, task) }),

    refusal: (model) => transformersRefusal('vLLM', model),
    resolve: ({ files }, image) => ({
      files: filesForTransformers(files),
      image: { vLLM: image.vLLM ?? {} },
    }),

    launch: (request) =>
      containerPlan({ engine: 'vllm', variant: 'vLLM', images: IMAGES.vllm, port: PORT }, request, {
        command: [program ?? 'vllm', 'serve', PLACEHOLDER.model, ...flags(request.image.vLLM ?? {}, request)],
        env: {
          VLLM_API_KEY: request.apiKey,
          HF_HUB_OFFLINE: '1',
          VLLM_NO_USAGE_STATS: '1',
          ...(request.resources.gpus === 0 ? shareOfMachine(request.resources) : {}),
          ...(program && cacheDirectory ? { VLLM_CACHE_ROOT: cacheDirectory } : {}),
        },
        shmBytes: SHM_BYTES,
        isProgram: program !== undefined,
      }),
    sizing: SIZING,
  }
}

/**
 * On processors it would take nine tenths of the whole machine's memory for its cache, and tie itself to the same
 * processors as its neighbours do.
 */
function shareOfMachine({ cpus, memoryBytes }: Resources): Readonly<Record<string, string>> {
  return {
    VLLM_CPU_KVCACHE_SPACE: String(Math.max(1, Math.floor((memoryBytes * CPU_CACHE_SHARE) / GIBIBYTE))),
    VLLM_CPU_OMP_THREADS_BIND: 'nobind',
    OMP_NUM_THREADS: String(Math.max(1, Math.floor(cpus))),
  }
}

/** Older versions are told a task, newer ones a runner and what to make of the model. */
function servesOf(args: readonly string[], task: string | null): TaskTarget['serves'] {
  const asked = argumentValue(args, ['--task']) ?? argumentValue(args, ['--convert'])
  if (asked === 'score') return 'ranking'
  return asked === 'embed' || asked === 'embedding' ? 'embeddings' : servedTask(task)
}

const CONTEXT_FLAG = '--max-model-len'

/** It shares its cache between requests as they come, and only insists that one at full length fits. */
const SIZING: Sizing = {
  memory: () => VLLM_MEMORY,
  room: ({ image, args }) => ({
    contextTokens: tokensIn(argumentValue(args, [CONTEXT_FLAG])),
    concurrency: 1,
    kvDtype: image.vLLM?.kvCacheDtype?.startsWith('fp8') ? 'fp8' : 'f16',
  }),
  settle: (image, { contextTokens, kvDtype }) => ({
    image: { vLLM: { ...image.vLLM, ...(kvDtype === 'fp8' ? { kvCacheDtype: 'fp8' as const } : {}) } },
    args: contextTokens === undefined ? [] : [CONTEXT_FLAG, String(contextTokens)],
  }),
}

function flags(settings: Settings, { servedName, resources, args, adapters = [] }: LaunchRequest): string[] {
  const isSplitFurther = hasFlag(args, OTHER_SPLITS)
  const { tensor, data } = splitGpus('vLLM', settings, { gpus: resources.gpus, isSplitFurther })
  return [
    ...['--host', PLACEHOLDER.host, '--port', PLACEHOLDER.port],
    // It answers to these names alone; the first is the one that it calls itself by.
    ...['--served-model-name', servedName, bareName(servedName), ...PLACEHOLDER_MODELS],
    // Or its answers do not say how much of a prompt was in its cache.
    '--enable-prompt-tokens-details',
    ...['--tensor-parallel-size', String(tensor)],
    ...option('--data-parallel-size', data > 1 ? data : undefined),
    ...option('--max-num-seqs', settings.maxNumSeqs),
    ...option('--max-num-batched-tokens', settings.maxNumBatchedTokens),
    ...option('--kv-cache-dtype', settings.kvCacheDtype),
    ...(adapters.length > 0
      ? [
          ...['--enable-lora', '--max-loras', String(adapters.length)],
          ...option('--max-lora-rank', rankFor(adapters)),
          ...['--lora-modules', ...assignments(adapters)],
        ]
      : []),
  ]
}

/** An endpoint's name without its namespace, as clients of one endpoint say it. */
const bareName = (servedName: string) => servedName.slice(servedName.indexOf('/') + 1)
