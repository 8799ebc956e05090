/**
 * llama.cpp: text generation and embeddings from GGUF files, on CPUs and GPUs.
 *
 * Two programs answer the same HTTP contract: a real `llama-server`, from its image or when this machine has one,
 * else the program embedded in Berth. What only the real one can do is refused by name when the embedded one would
 * have to.
 */
import { createRequire } from 'node:module'
import type { Image, LlamacppImage } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import type { KvDtype } from '../domain/fit/model-shape.ts'
import { PLACEHOLDER } from '../domain/launch-plan.ts'
import type { Vitals } from '../domain/routing/vitals.ts'
import { ggufAdapterFile } from './adapter-files.ts'
import { argumentValue, countInArgs } from './argument-value.ts'
import { chooseGguf, fileInRepository, ggufsOf } from './choose-gguf.ts'
import { refuseReservedArgs } from './container-plan.ts'
import type { AdapterSupport, Engine, LaunchRequest, ModelFacts, RuntimeKind, Sizing } from './engine.ts'
import { LLAMACPP_MEMORY } from './engine-memory.ts'
import type { LlamaServer } from './find-llama-server.ts'
import { IMAGES, pinnedImage } from './images.ts'
import { oneEmbedding, oneToken } from './smallest-question.ts'

/** Slots, and the context of each, when nothing is asked: room for a chat, on a machine of any size. */
const DEFAULT_SLOTS = 4
const DEFAULT_CONTEXT_PER_SLOT = 2_048
/** An embedding is computed in one physical batch, so that bounds the longest text; llama-server's default is 512. */
const EMBEDDING_BATCH_TOKENS = 2_048
/** As many as the embedded program takes. */
const MAX_EMBEDDED_SLOTS = 64
/** More than any model has: all layers. */
const ALL_LAYERS = 999
const CONTAINER_PORT = 8_080
/** Where its makers put the program in their images. */
const IN_IMAGE: Pick<LlamaServer, 'path'> = { path: '/app/llama-server' }
/** Slow disks and full page caches included; measured starts are a tenth of it. */
const SLOWEST_LOAD_BYTES_PER_MS = 20_000
const START_TIMEOUT_MS = 60_000
/** llama-server keeps a broken-off stream open for 30 s, so it is stopped only when drained, and then not waited for. */
const STOP_GRACE_MS = 2_000

export type LlamacppOptions = {
  /** The real program; without it the embedded one runs. */
  readonly server: LlamaServer | undefined
  /** Where Node keeps compiled code, so that the second start of the embedded program is faster than the first. */
  readonly compileCacheDirectory: string | undefined
  /** What carries its plans out: a plan names a program of this machine, or one of an image, and never both. */
  readonly runtime?: RuntimeKind
}

export function createLlamacpp(options: LlamacppOptions): Engine {
  const { runtime = 'process', compileCacheDirectory } = options
  const server = runtime === 'container' ? IN_IMAGE : options.server
  return {
    name: 'llamacpp',
    runtimes: [runtime],
    variants: ['llamacpp', 'huggingface'],
    capabilities: server
      ? ['chat', 'embeddings', 'rerank', 'vision', 'tools', 'lora', 'sleep']
      : ['chat', 'embeddings', 'tools'],
    health: {
      route: '/health',
      startTimeoutMs: (weightBytes) => START_TIMEOUT_MS + Math.ceil(weightBytes / SLOWEST_LOAD_BYTES_PER_MS),
    },
    stopGraceMs: STOP_GRACE_MS,
    ...(server && { adapters: ADAPTERS }),
    intake: ({ image, args }) => ({
      room: countInArgs(args, ['-np', '--parallel']) ?? image.llamacpp?.nParallel ?? DEFAULT_SLOTS,
      keepsPrefixes: !image.llamacpp?.mode,
    }),
    vitals: ({ image, servedName }) => ({
      question: questionFor(image.llamacpp?.mode, servedName),
      // One of its few slots would forget the conversation that it holds.
      isAskedWhenIdle: image.llamacpp?.mode !== undefined,
      counters: {
        path: '/metrics',
        names: ['llamacpp:n_decode_total', 'llamacpp:prompt_tokens_total', 'llamacpp:tokens_predicted_total'],
      },
    }),

    tasks: ({ image, servedName }) => ({
      engine: 'llamacpp',
      servedName,
      serves: SERVES[image.llamacpp?.mode ?? 'text'],
    }),

    refusal: ({ repository, files }) =>
      ggufsOf(files).length > 0
        ? undefined
        : `llama.cpp reads GGUF files, and "${repository}" has none. Many models have a second repository with them, often named like this one with "-GGUF" at the end.`,

    resolve: (model, image) => {
      const asked = image.llamacpp ?? {}
      if (!server) refuseWhatOnlyTheServerCan(asked)
      return resolveSettings(model, asked)
    },

    launch: (request) => {
      refuseReservedArgs('llamacpp', request)
      return {
        command:
          request.command.length > 0
            ? [...request.command, ...request.args]
            : [
                ...(server ? [server.path] : [process.execPath, embeddedProgram()]),
                ...commonFlags(request),
                ...(server ? [...serverFlags(settingsIn(request.image)), ...adapterFlags(request)] : []),
                ...request.args,
              ],
        image:
          settingsIn(request.image).url ??
          (runtime === 'container' ? pinnedImage(IMAGES.llamacpp, request.resources) : undefined),
        env: {
          LLAMA_API_KEY: request.apiKey,
          ...(server ? { OMP_WAIT_POLICY: 'passive' } : {}),
          ...(!server && compileCacheDirectory ? { NODE_COMPILE_CACHE: compileCacheDirectory } : {}),
        },
        containerPort: settingsIn(request.image).port ?? CONTAINER_PORT,
        shmBytes: 0,
      }
    },
    sizing: sizingOf(server !== undefined),
  }
}

const SERVES = { text: 'text', embeddings: 'embeddings', reranking: 'ranking' } as const

const KV_DTYPES: Readonly<Record<string, KvDtype>> = {
  f32: 'f32',
  f16: 'f16',
  bf16: 'bf16',
  q8_0: 'q8_0',
  q5_1: 'q5_1',
  q5_0: 'q5_0',
  q4_1: 'q4_1',
  q4_0: 'q4_0',
}
const KEY_DTYPE = ['-ctk', '--cache-type-k']

/** It takes the cache of all its slots when it starts. */
function sizingOf(isServer: boolean): Sizing {
  return {
    memory: (gpus) =>
      gpus > 0 ? LLAMACPP_MEMORY.gpu : isServer ? LLAMACPP_MEMORY.cpu : LLAMACPP_MEMORY.embedded,
    room: ({ image: { llamacpp = {} }, args }) => {
      const concurrency = llamacpp.nParallel ?? DEFAULT_SLOTS
      const contextTokens = llamacpp.ctxSize
        ? Math.floor(llamacpp.ctxSize / concurrency)
        : llamacpp.ctxSize === 0
          ? undefined
          : DEFAULT_CONTEXT_PER_SLOT
      return { contextTokens, concurrency, kvDtype: KV_DTYPES[argumentValue(args, KEY_DTYPE) ?? ''] ?? 'f16' }
    },
    settle: (image, { contextTokens, concurrency, kvDtype }) => ({
      image: {
        llamacpp: {
          ...image.llamacpp,
          nParallel: concurrency,
          ...(contextTokens === undefined ? {} : { ctxSize: contextTokens * concurrency }),
        },
      },
      // A value cache in blocks needs flash attention, which is on where it can be.
      args: kvDtype === 'f16' ? [] : ['-ctk', kvDtype, '-ctv', kvDtype],
    }),
  }
}

function resolveSettings(model: ModelFacts, asked: LlamacppImage) {
  const gguf = chooseGguf(model, asked)
  const companion = (setting: 'mmprojModelPath' | 'specModelPath') => {
    const path = asked[setting]
    return path ? { [setting]: fileInRepository(model, setting, path) } : {}
  }
  const companions: Partial<LlamacppImage> = {
    ...companion('mmprojModelPath'),
    ...companion('specModelPath'),
  }
  const { embeddings, ...rest } = asked
  const nParallel = asked.nParallel ?? DEFAULT_SLOTS
  const settings: LlamacppImage = {
    ...rest,
    ...companions,
    modelPath: gguf.files[0],
    nParallel,
    ctxSize: asked.ctxSize ?? nParallel * DEFAULT_CONTEXT_PER_SLOT,
    mode: asked.mode ?? (embeddings ? 'embeddings' : null),
  }
  return {
    files: [...gguf.files, ...Object.values(companions).filter((path) => typeof path === 'string')],
    image: { llamacpp: settings } satisfies Image,
  }
}

/** Flags that both programs understand. */
function commonFlags({ image, servedName, resources }: LaunchRequest): string[] {
  const { modelPath, ctxSize, nParallel, nGpuLayers = -1, mode } = settingsIn(image)
  // Without a reserved GPU none is touched, whatever the machine has.
  const gpuLayers = resources.gpus === 0 ? 0 : nGpuLayers === -1 ? ALL_LAYERS : nGpuLayers
  return [
    ...['-m', `${PLACEHOLDER.model}/${modelPath}`],
    ...['--host', PLACEHOLDER.host, '--port', PLACEHOLDER.port],
    ...['-c', String(ctxSize), '-np', String(nParallel)],
    // Threads beyond the share of CPU spin against each other: one token can take seconds.
    ...['-t', String(Math.max(1, Math.floor(resources.cpus)))],
    ...['--alias', servedName],
    ...['--n-gpu-layers', String(gpuLayers)],
    ...(mode === 'embeddings' ? ['--embeddings'] : []),
  ]
}

function serverFlags(settings: LlamacppImage): string[] {
  const { mode, pooling, threadsHttp, mmprojModelPath, specModelPath } = settings
  const batch = String(EMBEDDING_BATCH_TOKENS)
  return [
    ...['--no-webui', '--metrics', '--jinja', '--offline'],
    ...(mode === 'reranking' ? ['--reranking'] : []),
    ...(mode ? ['--batch-size', batch, '--ubatch-size', batch] : []),
    ...(pooling ? ['--pooling', pooling] : []),
    ...(threadsHttp === undefined ? [] : ['--threads-http', String(threadsHttp)]),
    ...(mmprojModelPath ? ['--mmproj', `${PLACEHOLDER.model}/${mmprojModelPath}`] : []),
    ...(specModelPath ? ['--model-draft', `${PLACEHOLDER.model}/${specModelPath}`] : []),
  ]
}

/** Its server numbers them in the order in which it is given them. */
const ADAPTERS: AdapterSupport = {
  files: ggufAdapterFile,
  members: (_adapter, place) => ({ lora: [{ id: place, scale: 1 }], cache_prompt: false }),
}

function adapterFlags({ adapters = [] }: LaunchRequest): string[] {
  if (adapters.length === 0) return []
  return [
    // At 0, or each of them is part of every answer, with --lora-init-without-apply too (0.7.0).
    ...['--lora-scaled', adapters.map(({ path, files }) => `${path}/${files[0]}:0`).join(',')],
    // What a slot has computed with an adapter it takes for the next request without one (0.7.0).
    '--no-cache-prompt',
  ]
}

function refuseWhatOnlyTheServerCan(asked: LlamacppImage): void {
  const field = (['pooling', 'mmprojModelPath', 'specModelPath'] as const).find((name) => asked[name])
  const refused = asked.mode === 'reranking' ? 'mode "reranking"' : field
  if (!refused) {
    if ((asked.nParallel ?? 0) <= MAX_EMBEDDED_SLOTS) return
    throw new PlatformError(
      'invalid',
      `nParallel is ${asked.nParallel}: the embedded engine works on at most ${MAX_EMBEDDED_SLOTS} requests at a time. Ask for fewer, or install llama-server.`,
      { field: 'model.image.llamacpp.nParallel' },
    )
  }
  throw new PlatformError(
    'invalid',
    `${refused} needs a real llama-server, and this installation has none: install llama.cpp so that "llama-server" is on PATH, or name it with BERTH_LLAMA_SERVER, and start Berth again.`,
    { field: `model.image.llamacpp.${field ?? 'mode'}`, reason: 'engine_not_installed' },
  )
}

function questionFor(mode: LlamacppImage['mode'], servedName: string): Vitals['question'] {
  if (mode === 'embeddings') return oneEmbedding(servedName)
  if (mode !== 'reranking') return oneToken(servedName)
  return { path: '/v1/rerank', body: JSON.stringify({ model: servedName, query: 'a', documents: ['a'] }) }
}

function settingsIn(image: Image): LlamacppImage {
  if (!image.llamacpp?.modelPath) throw new Error('llamacpp.launch needs the image that resolve returned')
  return image.llamacpp
}

const embeddedProgram = () => createRequire(import.meta.url).resolve('@berth/llama/llama-main')
