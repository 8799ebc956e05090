/**
 * ONNX models on the machine itself, where no container runs: the contracts of text-embeddings-inference and of the
 * inference toolkit, answered by a program of this repository (`packages/toolkit`).
 *
 * They go by the names of the engines that they stand for, since callers cannot tell them apart.
 */
import type { Image } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import { PLACEHOLDER } from '../domain/launch-plan.ts'
import { countInArgs } from './argument-value.ts'
import { option, refuseReservedArgs, startDeadline } from './container-plan.ts'
import type { Engine, LaunchRequest, ModelFacts, Sizing } from './engine.ts'
import { ONNX_MEMORY, ONNX_TOKENS_AT_ONCE } from './engine-memory.ts'
import { onnxFiles } from './onnx-files.ts'
import { contentsOf } from './repository-contents.ts'
import { reservedSetting } from './reserved-settings.ts'
import { TEI_VITALS } from './smallest-question.ts'
import { CONCURRENT_REQUESTS, poolingOf } from './tei.ts'

export type OnnxOptions = {
  /** Where `packages/toolkit` begins. */
  readonly program: string
  readonly compileCacheDirectory: string | undefined
}

const CONTAINER_PORT = 8_080
const START_TIMEOUT_MS = 120_000
const STOP_GRACE_MS = 5_000

const SHARED = {
  runtimes: ['process'],
  health: { route: '/health', startTimeoutMs: startDeadline(START_TIMEOUT_MS) },
  stopGraceMs: STOP_GRACE_MS,
} as const satisfies Partial<Engine>

export function createOnnxTei(options: OnnxOptions): Engine {
  return {
    ...SHARED,
    name: 'tei',
    capabilities: ['embeddings', 'rerank', 'classification'],
    variants: ['tei', 'huggingface'],
    intake: ({ image, args }) => ({
      room:
        countInArgs(args, ['--max-concurrent-requests']) ??
        image.tei?.maxConcurrentRequests ??
        CONCURRENT_REQUESTS,
      keepsPrefixes: false,
    }),
    vitals: () => TEI_VITALS,
    tasks: ({ servedName }) => ({ engine: 'tei', servedName, serves: 'embeddings' }),
    refusal: onnxRefusal,
    resolve: ({ files }, image) => {
      poolingOf(image.tei ?? {})
      return { files: onnxFiles(files), image: { tei: image.tei ?? {} } }
    },
    launch: (request) => {
      refuseReservedArgs('tei', request)
      const settings = request.image.tei ?? {}
      return plan('tei', request, options, [
        ...option('--max-batch-tokens', settings.maxBatchTokens ?? ONNX_TOKENS_AT_ONCE),
        ...option('--max-concurrent-requests', settings.maxConcurrentRequests),
        ...option('--pooling', poolingOf(settings)),
      ])
    },
    sizing: sizingOf((image) => ({ tei: image.tei ?? {} })),
  }
}

export function createOnnxToolkit(options: OnnxOptions): Engine {
  return {
    ...SHARED,
    name: 'toolkit',
    capabilities: ['embeddings', 'rerank', 'classification', 'pipelines'],
    variants: ['huggingface'],
    intake: () => ({ room: 1, keepsPrefixes: false }),
    vitals: () => undefined,
    refusal: onnxRefusal,
    resolve: ({ files }, image) => {
      const problem = reservedSetting('toolkit', {
        env: Object.keys(image.huggingface?.env ?? {}),
        args: [],
        command: [],
      })
      if (problem) {
        const field = problem.field.replace('model.env.', 'model.image.huggingface.env.')
        throw new PlatformError('invalid', problem.message, { field })
      }
      return { files: onnxFiles(files), image: { huggingface: image.huggingface ?? {} } }
    },
    launch: (request) => {
      const { env, ...rest } = plan('toolkit', request, options, [])
      return { ...rest, env: { ...request.image.huggingface?.env, ...env } }
    },
    sizing: sizingOf((image) => ({ huggingface: image.huggingface ?? {} })),
  }
}

/** It keeps nothing between requests, so their number costs no memory. */
const sizingOf = (asked: (image: Image) => Image): Sizing => ({
  memory: () => ONNX_MEMORY,
  room: () => ({ contextTokens: undefined, concurrency: 1, kvDtype: 'f16' }),
  settle: (image) => ({ image: asked(image), args: [] }),
})

function onnxRefusal({ repository, files }: ModelFacts): string | undefined {
  const { onnx, isTransformers, isAdapter, handler } = contentsOf(files)
  if (handler) {
    return `"${repository}" brings its own ${handler}, which the inference toolkit's container runs: serve with --runtime docker.`
  }
  if (isAdapter) {
    return `A whole model is needed, and "${repository}" is an adapter (adapter_config.json without config.json). Deploy the model that it was trained on.`
  }
  if (!isTransformers) {
    return `Models of the transformers library are read here, and "${repository}" has no config.json.`
  }
  if (onnx) return undefined
  return `ONNX weights are read on the machine itself, and "${repository}" has none. Many models have a second repository with them, often in onnx-community; the engine's container reads the others: serve with --runtime docker.`
}

function plan(
  api: 'tei' | 'toolkit',
  { servedName, resources, command, args, apiKey }: LaunchRequest,
  { program, compileCacheDirectory }: OnnxOptions,
  flags: readonly string[],
) {
  const own = [
    ...[process.execPath, program, '--api', api, '--model-id', PLACEHOLDER.model],
    ...['--served-model-name', servedName, '--hostname', PLACEHOLDER.host, '--port', PLACEHOLDER.port],
    ...['--threads', String(Math.max(1, Math.floor(resources.cpus))), ...flags],
  ]
  return {
    command: [...(command.length > 0 ? command : own), ...args],
    image: undefined,
    env: {
      API_KEY: apiKey,
      ...(compileCacheDirectory ? { NODE_COMPILE_CACHE: compileCacheDirectory } : {}),
    },
    containerPort: CONTAINER_PORT,
    shmBytes: 0,
  }
}
