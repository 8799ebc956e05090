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
  /** Data types that its KV cache can have beside 16 bits. */
  readonly kvDtypes: readonly KvDtype[]
}

/** On each device. */
export type MemoryEstimate = {
  readonly weightBytes: number
  readonly kvBytes: number
  readonly engineBytes: number
  readonly totalBytes: number
}

const gib = (count: number) => count * GIBIBYTE
const LLAMACPP = { scoredTokens: 512, usableFraction: 1, kvDtypes: ['q8_0', 'q5_1', 'q4_0'] } as const
const VLLM = { scoredTokens: 256, usableFraction: 0.92, kvDtypes: ['fp8'] } as const
const SGLANG = { scoredTokens: 256, usableFraction: 0.9, kvDtypes: ['fp8'] } as const
const TGI = { scoredTokens: 256, usableFraction: 1, kvDtypes: ['fp8'] } as const
const TEI = { scoredTokens: 0, usableFraction: 1, kvDtypes: [] } as const
const TOOLKIT = { scoredTokens: 1, usableFraction: 1, kvDtypes: [] } as const

/**
 * Fractions and data types are the engines' own. llama.cpp scores a physical batch of 512 tokens, the others one
 * token of each request that runs. The fixed part is rough: a small one where it was measured (llama.cpp on CPUs),
 * a careful one elsewhere.
 */
export const ENGINE_MEMORY = {
  llamacpp: { cpu: { ...LLAMACPP, fixedBytes: gib(0.1) }, gpu: { ...LLAMACPP, fixedBytes: gib(0.5) } },
  vllm: { cpu: { ...VLLM, fixedBytes: gib(3) }, gpu: { ...VLLM, fixedBytes: gib(2.5) } },
  sglang: { cpu: { ...SGLANG, fixedBytes: gib(3) }, gpu: { ...SGLANG, fixedBytes: gib(2.5) } },
  tgi: { cpu: { ...TGI, fixedBytes: gib(3) }, gpu: { ...TGI, fixedBytes: gib(2.5) } },
  tei: { cpu: { ...TEI, fixedBytes: gib(0.5) }, gpu: { ...TEI, fixedBytes: gib(1) } },
  toolkit: { cpu: { ...TOOLKIT, fixedBytes: gib(1.5) }, gpu: { ...TOOLKIT, fixedBytes: gib(1.5) } },
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
