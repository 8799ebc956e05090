import { describe, expect, test } from 'vitest'
import { kvBytesPerRequest, kvBytesPerToken, type ModelShape } from './model-shape.ts'

const KIB = 2 ** 10
const GIB = 2 ** 30

const plain = (layers: number, kvHeads: number, dimension: number): ModelShape => ({
  weightBytes: 0,
  parameters: undefined,
  attention: [
    { layers, kvHeads, keyDimension: dimension, valueDimension: dimension, windowTokens: undefined },
  ],
  maxContextTokens: undefined,
  vocabulary: undefined,
  width: undefined,
  dtype: undefined,
})

const llama3With8B = plain(32, 8, 128)

describe('KV cache per token, in 16 bits', () => {
  test.for<[model: string, shape: ModelShape, bytes: number]>([
    ['OPT-13B, as its inventors print it', plain(40, 40, 128), 800 * KIB],
    ['Llama 2 7B', plain(32, 32, 128), 512 * KIB],
    ['Llama 3 8B', llama3With8B, 128 * KIB],
    ['Llama 3 70B', plain(80, 8, 128), 320 * KIB],
    ['Qwen2.5 0.5B', plain(24, 2, 64), 12 * KIB],
  ])('%s', ([, shape, bytes]) => {
    expect(kvBytesPerToken(shape)).toBe(bytes)
  })

  test('in other data types', () => {
    expect(kvBytesPerToken(llama3With8B, 'fp8')).toBe(64 * KIB)
    expect(kvBytesPerToken(llama3With8B, 'q8_0')).toBe(68 * KIB)
    expect(kvBytesPerToken(llama3With8B, 'q4_0')).toBe(36 * KIB)
  })
})

describe('KV cache of a request', () => {
  test('is what llama.cpp prints for Llama 3 8B at 8192 tokens: 1024 MiB', () => {
    expect(kvBytesPerRequest(llama3With8B, 8_192)).toBe(1 * GIB)
  })

  test('is shared by devices, in whole heads', () => {
    expect(kvBytesPerRequest(llama3With8B, 8_192, { devices: 4 })).toBe(GIB / 4)
    // Two heads on four devices: each keeps one.
    const two = plain(24, 2, 64)
    expect(kvBytesPerRequest(two, 1_000, { devices: 4 })).toBe(kvBytesPerRequest(two, 1_000) / 2)
  })

  test('grows in a sliding window only up to the window', () => {
    // Gemma 3 27B: every sixth of 62 layers sees all, the others 1024 tokens.
    const one = { kvHeads: 16, keyDimension: 128, valueDimension: 128 }
    const gemma: ModelShape = {
      ...plain(0, 0, 0),
      attention: [
        { ...one, layers: 52, windowTokens: 1_024 },
        { ...one, layers: 10, windowTokens: undefined },
      ],
    }
    // 8 KiB per layer and token: 52 × 1024 × 8 KiB + 10 × 32768 × 8 KiB.
    expect(kvBytesPerRequest(gemma, 32_768)).toBe(436_207_616 + 2_684_354_560)
    expect(kvBytesPerRequest(gemma, 500)).toBe(62 * 500 * 8 * KIB)
  })
})
