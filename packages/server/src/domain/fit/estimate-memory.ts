/**
 * How much memory a model needs on an engine: weights, KV cache of the requests that run at once, and the engine.
 *
 * An estimate from a model's shape, before anything runs. What an engine then really uses is measured, and shown
 * beside it.
 */
import { type KvDtype, kvBytesPerRequest, type ModelShape } from './model-shape.ts'

/** What should run. */
export type MemoryWish = {
  /** Prompt and answer of one request. */
  readonly contextTokens: number
  /** Requests at full length at the same time. */
  readonly concurrency: number
  readonly kvDtype: KvDtype
  /** GPUs that share every layer (tensor parallel); 1 on CPUs. */
  readonly devices: number
}

/** What an engine takes beside weights and KV cache, on each device. */
export type EngineMemory = {
  /** Whatever the model is: frameworks, the GPU's context, captured graphs. */
  readonly fixedBytes: number
  /** Tokens whose scores over the vocabulary are held at once, as 32-bit numbers. */
  readonly scoredTokens: number
  /** Tokens that pass through the layers at once, where that is not in the fixed part. */
  readonly activeTokens: number
  /** The part of a device's memory that the engine touches. */
  readonly usableFraction: number
  /** Data types that its KV cache can have beside 16 bits. */
  readonly kvDtypes: readonly KvDtype[]
  /** Bytes of a weight in memory, whatever float type it is stored in; undefined: as it is stored. */
  readonly floatBytes: 2 | 4 | undefined
  /** Of a model that reads whole texts, instead of `fixedBytes`, where more is known. */
  readonly encoder?: {
    readonly fixedBytes: number
    /** Tokens, of full-length texts, that pass through the layers at once. */
    readonly tokensAtOnce: number
  }
}

/** On each device. */
export type MemoryEstimate = {
  readonly weightBytes: number
  readonly kvBytes: number
  readonly engineBytes: number
  readonly totalBytes: number
}

const SCORE_BYTES = 4
const ACTIVATION_BYTES = 4
/** Copies of a token's numbers that a layer works with: before and after its norm, queries, keys, values, result. */
const ACTIVATION_COPIES = 6

export function estimateMemory(shape: ModelShape, wish: MemoryWish, engine: EngineMemory): MemoryEstimate {
  const { contextTokens, concurrency, kvDtype, devices } = wish
  const weightBytes = Math.ceil(loadedBytes(shape, engine) / devices)
  const kvBytes = Math.ceil(
    concurrency * kvBytesPerRequest(shape, contextTokens, { dtype: kvDtype, devices }),
  )
  const engineBytes = Math.ceil(
    (encoderBytes(shape, contextTokens, engine) ?? engine.fixedBytes) +
      engine.scoredTokens * (shape.vocabulary ?? 0) * SCORE_BYTES +
      engine.activeTokens * (shape.width ?? 0) * ACTIVATION_COPIES * ACTIVATION_BYTES,
  )
  return { weightBytes, kvBytes, engineBytes, totalBytes: weightBytes + kvBytes + engineBytes }
}

/** Blocks of scores, of each token for each other of its text, that the steps of attention leave behind. */
const SCORE_BLOCKS = 4.3
/** Copies of a token's numbers: the wide layer has four times as many, before and after its function. */
const ENCODER_COPIES = 8
const FLOAT_BYTES = 4

/** What ONNX Runtime takes beside the weights, once it had a full batch: it gives nothing back. */
function encoderBytes(
  { encoderHeads, weightBytes, vocabulary = 0, width = 0 }: ModelShape,
  contextTokens: number,
  { encoder }: EngineMemory,
): number | undefined {
  if (!encoder || encoderHeads === undefined) return undefined
  const { fixedBytes, tokensAtOnce } = encoder
  const scores = tokensAtOnce * Math.min(contextTokens, tokensAtOnce) * encoderHeads * SCORE_BLOCKS
  const numbers = tokensAtOnce * width * ENCODER_COPIES
  // All but the table of words are kept once more, in the order in which a processor multiplies them.
  const matrices = Math.max(0, weightBytes - vocabulary * width * FLOAT_BYTES)
  return fixedBytes + (scores + numbers) * FLOAT_BYTES + matrices
}

/** The weights in the type in which the engine holds them. */
export function loadedBytes(
  { weightBytes, parameters, dtype }: ModelShape,
  { floatBytes }: EngineMemory,
): number {
  const isFloat = dtype !== undefined && /^(?:F32|F16|BF16)$/i.test(dtype)
  return floatBytes && parameters && isFloat ? parameters * floatBytes : weightBytes
}
