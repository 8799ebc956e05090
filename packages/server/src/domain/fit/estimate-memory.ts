/**
 * How much memory a model needs on an engine: weights, KV cache of the requests that run at once, and the engine.
 *
 * An estimate from a model's shape, before anything runs. What an engine then really uses is measured, and shown
 * beside it.
 */
import { GIBIBYTE } from '../memory-ledger.ts'
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
  /** Whatever the model is: frameworks, the GPU's context, captured graphs, activations. */
  readonly fixedBytes: number
  /** Tokens whose scores over the vocabulary are held at once, as 32-bit numbers. */
  readonly scoredTokens: number
  /** The part of a device's memory that the engine touches. */
  readonly usableFraction: number
}

/** On each device. */
export type MemoryEstimate = {
  readonly weightBytes: number
  readonly kvBytes: number
  readonly engineBytes: number
  readonly totalBytes: number
}

/** Fractions are the engines' own defaults; the fixed part is rough. llama.cpp scores a physical batch of 512. */
export const ENGINE_MEMORY = {
  llamacpp: {
    cpu: { fixedBytes: 0.1 * GIBIBYTE, scoredTokens: 512, usableFraction: 1 },
    gpu: { fixedBytes: 0.5 * GIBIBYTE, scoredTokens: 512, usableFraction: 1 },
  },
  vllm: {
    cpu: { fixedBytes: 3 * GIBIBYTE, scoredTokens: 256, usableFraction: 0.92 },
    gpu: { fixedBytes: 2.5 * GIBIBYTE, scoredTokens: 256, usableFraction: 0.92 },
  },
  sglang: {
    cpu: { fixedBytes: 3 * GIBIBYTE, scoredTokens: 256, usableFraction: 0.9 },
    gpu: { fixedBytes: 2.5 * GIBIBYTE, scoredTokens: 256, usableFraction: 0.9 },
  },
  tgi: {
    cpu: { fixedBytes: 3 * GIBIBYTE, scoredTokens: 256, usableFraction: 1 },
    gpu: { fixedBytes: 2.5 * GIBIBYTE, scoredTokens: 256, usableFraction: 1 },
  },
  tei: {
    cpu: { fixedBytes: 0.5 * GIBIBYTE, scoredTokens: 0, usableFraction: 1 },
    gpu: { fixedBytes: 1 * GIBIBYTE, scoredTokens: 0, usableFraction: 1 },
  },
  toolkit: {
    cpu: { fixedBytes: 1.5 * GIBIBYTE, scoredTokens: 1, usableFraction: 1 },
    gpu: { fixedBytes: 1.5 * GIBIBYTE, scoredTokens: 1, usableFraction: 1 },
  },
} as const satisfies Record<string, { readonly cpu: EngineMemory; readonly gpu: EngineMemory }>

const SCORE_BYTES = 4

export function estimateMemory(shape: ModelShape, wish: MemoryWish, engine: EngineMemory): MemoryEstimate {
  const { contextTokens, concurrency, kvDtype, devices } = wish
  const weightBytes = Math.ceil(shape.weightBytes / devices)
  const kvBytes = Math.ceil(
    concurrency * kvBytesPerRequest(shape, contextTokens, { dtype: kvDtype, devices }),
  )
  const engineBytes = Math.ceil(
    engine.fixedBytes + engine.scoredTokens * (shape.vocabulary ?? 0) * SCORE_BYTES,
  )
  return { weightBytes, kvBytes, engineBytes, totalBytes: weightBytes + kvBytes + engineBytes }
}
