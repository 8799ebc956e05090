/**
 * What each engine takes of a device's memory beside weights and KV cache.
 *
 * Fractions and data types are the engines' own. The fixed parts of llama.cpp were measured on processors
 * (`npm run bench:memory` prints them beside a running engine); the others are careful, since nothing was at hand to
 * measure them on. A first start replaces them by what was really used.
 */
import type { EngineMemory } from '../domain/fit/estimate-memory.ts'
import { GIBIBYTE } from '../domain/memory-ledger.ts'

const gib = (count: number) => count * GIBIBYTE

/** llama.cpp passes 512 tokens at once through the layers, and scores all of them. */
const LLAMACPP = {
  scoredTokens: 512,
  activeTokens: 512,
  usableFraction: 1,
  kvDtypes: ['q8_0', 'q5_1', 'q4_0'],
  floatBytes: undefined,
} as const satisfies Omit<EngineMemory, 'fixedBytes'>

export const LLAMACPP_MEMORY = {
  /** Node and the binding. */
  embedded: { ...LLAMACPP, kvDtypes: [], fixedBytes: gib(0.081) },
  cpu: { ...LLAMACPP, fixedBytes: gib(0.025) },
  /** There the scores take the room that the layers had before. */
  gpu: { ...LLAMACPP, activeTokens: 0, fixedBytes: gib(0.5) },
} as const satisfies Record<string, EngineMemory>

/** One token of each request that runs is scored; activations are in the fixed part. */
const BATCHING = {
  fixedBytes: gib(2.5),
  scoredTokens: 256,
  activeTokens: 0,
  kvDtypes: ['fp8'],
  floatBytes: 2,
} as const satisfies Omit<EngineMemory, 'usableFraction'>

export const VLLM_MEMORY: EngineMemory = { ...BATCHING, usableFraction: 0.92 }
export const SGLANG_MEMORY: EngineMemory = { ...BATCHING, usableFraction: 0.9 }
export const TGI_MEMORY: EngineMemory = { ...BATCHING, usableFraction: 1 }

const NO_CACHE = { scoredTokens: 0, activeTokens: 0, usableFraction: 1, kvDtypes: [] } as const

/** 32-bit numbers on processors, 16-bit ones on GPUs. */
export const TEI_MEMORY = {
  cpu: { ...NO_CACHE, fixedBytes: gib(0.5), floatBytes: 4 },
  gpu: { ...NO_CACHE, fixedBytes: gib(1), floatBytes: 2 },
} as const satisfies Record<string, EngineMemory>

/** Its version of transformers loads 32-bit numbers unless a handler says otherwise. */
export const TOOLKIT_MEMORY: EngineMemory = {
  ...NO_CACHE,
  scoredTokens: 1,
  fixedBytes: gib(1.5),
  floatBytes: 4,
}

/**
 * Tokens that an encoder reads at once on processors, where more at once is no faster: the memory of a batch grows with
 * it, and 16384 tokens of long texts take 2 GiB of a model of 70 MB.
 */
export const ONNX_TOKENS_AT_ONCE = 4_096

/** Node and ONNX Runtime, measured; of models that are no encoders also what a batch may take. Weights stay as the file has them. */
export const ONNX_MEMORY: EngineMemory = {
  ...NO_CACHE,
  fixedBytes: gib(0.5),
  floatBytes: undefined,
  encoder: { fixedBytes: gib(0.19), tokensAtOnce: ONNX_TOKENS_AT_ONCE },
}
