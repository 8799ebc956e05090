/**
 * llama.cpp itself: finds and loads the native binding from node-llama-cpp's prebuilt packages.
 *
 * node-llama-cpp's own JavaScript is left out on purpose. It looks for compilers and GPUs, tests the binary in
 * a second process and sizes things that Berth has already decided: 0.6 s of the start. The binding alone is
 * there in 30 ms, and gives exact control over tokens, slots and sampling. The price is that it is not a public
 * interface: the version of node-llama-cpp is pinned, and `native.test.ts` holds the binding to what is used here.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/** Which of several results of one decoded batch: returned by `addToBatch`, taken by `sampleToken`. */
export type LogitIndex = number & { readonly brand: 'LogitIndex' }

export type NativeModel = {
  init(): Promise<boolean>
  tokenize(text: string, parseSpecial: boolean): Uint32Array
  detokenize(tokens: Uint32Array, showSpecial: boolean): string
  getTrainContextSize(): number
  getEmbeddingVectorSize(): number
  getTotalSize(): number
  getTotalParameters(): number
  getTokenString(token: number): string | undefined
  getTokenAttributes(token: number): number
  getVocabularyType(): number
  isEogToken(token: number): boolean
  shouldPrependBosToken(): boolean
  shouldAppendEosToken(): boolean
  tokenBos(): number
  tokenEos(): number
  sepToken(): number
}

export type NativeContext = {
  init(): Promise<boolean>
  getContextSize(): number
  initBatch(tokens: number): void
  /** `logitsOf` are indexes into `tokens`, ascending. Returns where their results will be. */
  addToBatch(slot: number, position: number, tokens: Uint32Array, logitsOf: Uint32Array): Uint32Array
  decodeBatch(): Promise<void>
  /** A token, accepted by the sampler; -1 when none is allowed. */
  sampleToken(at: LogitIndex, sampler: NativeSampler): Promise<number>
  disposeSequence(slot: number): void
  /** False when this kind of model cannot forget a part. `to` -1 is the end. */
  removeTokenCellsFromSequence(slot: number, from: number, to: number): boolean
  getSequenceKvCacheMinPosition(slot: number): number
  getEmbedding(tokens: number): Float64Array
}

export type NativeSamplerConfig = {
  readonly temperature: number
  readonly minP: number
  readonly topK: number
  readonly topP: number
  readonly seed: number
  readonly repeatPenalty: number
  readonly repeatPenaltyMaxTokens: number
  readonly repeatPenaltyTokens: Uint32Array
  readonly repeatPenaltyPresencePenalty: number
  readonly repeatPenaltyFrequencyPenalty: number
  readonly tokenBiasKeys?: Uint32Array
  readonly tokenBiasValues?: Float32Array
  readonly grammarEvaluationState?: NativeGrammarState
}

export type NativeSampler = { applyConfig(config: NativeSamplerConfig): void; dispose(): void }
export type NativeGrammar = { isTextCompatible(text: string): boolean }
export type NativeGrammarState = object & { readonly brand: 'NativeGrammarState' }
export type NativeTemplate = { render(variables: Readonly<Record<string, unknown>>): string }

export type Native = {
  readonly AddonModel: new (
    file: string,
    options: { readonly addonExports: Native; readonly useMmap: boolean; readonly gpuLayers: number },
  ) => NativeModel
  readonly AddonContext: new (
    model: NativeModel,
    options: {
      readonly contextSize: number
      readonly batchSize: number
      readonly sequences: number
      readonly threads: number
      readonly embeddings: boolean
      readonly flashAttention: 'auto' | boolean
    },
  ) => NativeContext
  readonly AddonSampler: new (model: NativeModel) => NativeSampler
  readonly AddonGrammar: new (gbnf: string, options: { readonly addonExports: Native }) => NativeGrammar
  readonly AddonGrammarEvaluationState: new (model: NativeModel, grammar: NativeGrammar) => NativeGrammarState
  readonly AddonJinjaRenderer: new (template: string) => NativeTemplate
  markLoaded(): boolean
  setLogger(logger: (level: number, message: string) => void): void
  setLoggerLogLevel(level: number): void
  loadBackends(directory?: string): void
  /** `undefined` before any backend is there, `false` when only processors are. */
  getGpuType(): string | false | undefined
  ensureGpuDeviceIsSupported(): void
  init(): Promise<void>
}

/** The binding's numbers for levels: 1 fatal, 2 error, 3 warning. */
const LOG_ERRORS = 2

/**
 * Loads llama.cpp for this platform.
 *
 * `onError` hears llama.cpp's own error lines: why a model does not load is only said there. With `useGpu` it takes a
 * GPU package and a GPU, or throws; without, no GPU is touched. Blocks for about 25 ms.
 */
export async function loadNative(useGpu: boolean, onError: (line: string) => void): Promise<Native> {
  const binary = findBinary(useGpu)
  const native = createRequire(import.meta.url)(binary.file) as Native
  native.markLoaded()
  native.setLogger((level, message) => {
    if (level <= LOG_ERRORS && message.trim() !== '') onError(message.trim())
  })
  native.setLoggerLogLevel(LOG_ERRORS)

  const isReady = () =>
    typeof native.getGpuType() === 'string' || (!binary.gpu && native.getGpuType() === false)
  native.loadBackends()
  if (!isReady()) native.loadBackends(path.dirname(binary.file))
  if (!isReady()) native.loadBackends(path.join(path.dirname(binary.file), 'fallback'))
  native.ensureGpuDeviceIsSupported()
  // To compute on processors what was meant for a GPU would be slow, and look like a fault of the model.
  if (useGpu && typeof native.getGpuType() !== 'string') {
    throw new Error(
      binary.gpu
        ? 'GPU layers are asked for, and llama.cpp finds no GPU that it can use; check the driver'
        : 'GPU layers are asked for, and only the build of llama.cpp without GPUs is installed; ' +
            'the README of packages/llama says how to get the others',
    )
  }
  await native.init()
  return native
}

function findBinary(useGpu: boolean): { readonly file: string; readonly gpu: boolean } {
  const require = createRequire(import.meta.url)
  const variants = variantsOf(process.platform, process.arch).filter(({ gpu }) => useGpu || !gpu || isApple)
  for (const { name, gpu } of variants) {
    const file = binaryIn(require, name)
    if (file) return { file, gpu: gpu && useGpu }
  }
  throw new Error(
    `no llama.cpp is installed for ${process.platform} ${process.arch}: it comes as the optional dependency ` +
      `@node-llama-cpp/${variants.at(-1)?.name ?? 'PLATFORM'}, so install again without --omit=optional`,
  )
}

/** Which release of llama.cpp the installed build was made from, as its package says. */
export function llamaCppRelease(): string {
  const metadata = path.join(path.dirname(findBinary(false).file), '_nlcBuildMetadata.json')
  const { buildOptions } = JSON.parse(readFileSync(metadata, 'utf8'))
  return String(buildOptions.llamaCpp.release)
}

function binaryIn(require: NodeJS.Require, name: string): string | undefined {
  try {
    const file = path.join(require.resolve(`@node-llama-cpp/${name}`), '../../bins', name, 'llama-addon.node')
    return existsSync(file) ? file : undefined
  } catch {
    return undefined
  }
}

const isApple = process.platform === 'darwin' && process.arch === 'arm64'

/** node-llama-cpp's names of the builds for a platform, best first. */
function variantsOf(platform: string, arch: string): { readonly name: string; readonly gpu: boolean }[] {
  const system = { linux: 'linux', win32: 'win', darwin: 'mac' }[platform] ?? platform
  const cpu = arch === 'arm' ? 'armv7l' : arch
  // Metal is in the only build for Apple's own processors; without GPU layers it computes on the processor.
  if (isApple) return [{ name: 'mac-arm64-metal', gpu: true }]
  return [
    { name: `${system}-${cpu}-cuda`, gpu: true },
    { name: `${system}-${cpu}-vulkan`, gpu: true },
    { name: `${system}-${cpu}`, gpu: false },
  ]
}
