import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type EngineMemory, estimateMemory } from './estimate-memory.ts'
import { type Fit, type FitChange, hardwareOf, judgeFit } from './judge-fit.ts'
import type { ModelShape } from './model-shape.ts'

const GIB = 2 ** 30

const attention = [
  { layers: 32, kvHeads: 8, keyDimension: 128, valueDimension: 128, windowTokens: undefined },
]
const llama3With8B: ModelShape = {
  weightBytes: 16_060_522_496,
  parameters: 8_030_261_248,
  attention,
  maxContextTokens: 8_192,
  vocabulary: 128_256,
  width: 4_096,
  dtype: 'BF16',
}
/** 1 GiB per 8192 tokens, and an engine that needs 1 GiB: sums that can be done in the head. */
const round: ModelShape = {
  ...llama3With8B,
  weightBytes: 8 * GIB,
  parameters: 4 * GIB,
  vocabulary: undefined,
}
const engine: EngineMemory = {
  fixedBytes: GIB,
  scoredTokens: 0,
  activeTokens: 0,
  usableFraction: 1,
  kvDtypes: [],
  floatBytes: undefined,
}
/** As vLLM and llama.cpp have it on GPUs. */
const batching: EngineMemory = {
  ...engine,
  fixedBytes: 2.5 * GIB,
  scoredTokens: 256,
  usableFraction: 0.92,
  kvDtypes: ['fp8'],
  floatBytes: 2,
}
/** As ONNX Runtime has it: what it really held was measured with 8 texts of 512 tokens. */
const ONNX_LIKE: EngineMemory = { ...engine, encoder: { fixedBytes: 0.19 * GIB, tokensAtOnce: 4_096 } }
const layered: EngineMemory = { ...engine, fixedBytes: 0.5 * GIB, scoredTokens: 512 }
const wish = { contextTokens: 8_192, concurrency: 4, kvDtype: 'f16' } as const
const on = (gib: number, devices = 1) => ({ devices, bytesPerDevice: gib * GIB, canSpread: true })

function changesOf(fit: Fit): Partial<Record<FitChange['kind'], FitChange>> {
  if (fit.fits) throw new Error('it fits')
  return Object.fromEntries(fit.changes.map((change) => [change.kind, change]))
}

describe('an estimate', () => {
  test('of Llama 3 8B on vLLM for one request at full length', () => {
    const asked = { contextTokens: 8_192, concurrency: 1, kvDtype: 'bf16', devices: 1 } as const
    const estimate = estimateMemory(llama3With8B, asked, batching)
    expect(estimate.weightBytes).toBe(16_060_522_496)
    expect(estimate.kvBytes).toBe(GIB)
    // 2.5 GiB, and 256 × 128256 scores of 4 bytes.
    expect(estimate.engineBytes).toBe(2.5 * GIB + 131_334_144)
    expect(estimate.totalBytes).toBe(estimate.weightBytes + estimate.kvBytes + estimate.engineBytes)
  })

  test('of 32-bit weights is half of them where the engine holds 16-bit ones', () => {
    const asked = { contextTokens: 512, concurrency: 1, kvDtype: 'f16', devices: 1 } as const
    const stored = { ...llama3With8B, weightBytes: 2 * llama3With8B.weightBytes, dtype: 'F32' }
    expect(estimateMemory(stored, asked, batching).weightBytes).toBe(16_060_522_496)
    const packed = { ...stored, dtype: 'I32' }
    expect(estimateMemory(packed, asked, batching).weightBytes).toBe(2 * 16_060_522_496)
  })

  test('counts what passes through the layers where the engine says so', () => {
    const asked = { contextTokens: 512, concurrency: 1, kvDtype: 'f16', devices: 1 } as const
    const { engineBytes } = estimateMemory(llama3With8B, asked, { ...engine, activeTokens: 512 })
    expect(engineBytes - GIB).toBe(512 * 4_096 * 6 * 4)
  })

  test('of Llama 3 8B in Q4_K_M on llama.cpp holds the compute buffer that it prints: 250 MiB', () => {
    const asked = { contextTokens: 8_192, concurrency: 1, kvDtype: 'f16', devices: 1 } as const
    const estimate = estimateMemory(llama3With8B, asked, layered)
    expect(estimate.engineBytes - 0.5 * GIB).toBe(250.5 * 2 ** 20)
  })

  test.for([
    { name: 'four heads of 16', weightMiB: 5, width: 64, heads: 4, measuredMiB: 342 },
    { name: 'twelve heads of 32', weightMiB: 71, width: 384, heads: 12, measuredMiB: 754 },
  ])('of an encoder with $name is within a tenth of what its process held after a full batch', (model) => {
    const { weightMiB, width, heads, measuredMiB } = model
    const encoder: ModelShape = {
      ...llama3With8B,
      ...{ weightBytes: weightMiB * 2 ** 20, attention: [], encoderHeads: heads, maxContextTokens: 512 },
      ...{ vocabulary: 20_006, width, dtype: 'F32' },
    }
    const asked = { contextTokens: 512, concurrency: 1, kvDtype: 'f16', devices: 1 } as const
    const { totalBytes } = estimateMemory(encoder, asked, ONNX_LIKE)
    expect(Math.abs(totalBytes / 2 ** 20 / measuredMiB - 1)).toBeLessThan(0.1)
  })

  test('of four devices is a quarter of weights and KV cache on each, and a whole engine', () => {
    const asked = { ...wish, devices: 4 }
    expect(estimateMemory(round, asked, engine)).toEqual({
      weightBytes: 2 * GIB,
      kvBytes: GIB,
      engineBytes: GIB,
      totalBytes: 4 * GIB,
    })
  })
})

describe('8 GiB of weights, 4 GiB of KV cache and 1 GiB of engine', () => {
  test('fit in 13 GiB exactly, and in 16 with 3 to spare', () => {
    expect(judgeFit(round, wish, engine, on(13))).toMatchObject({ fits: true, spareBytes: 0 })
    expect(judgeFit(round, wish, engine, on(16))).toMatchObject({ fits: true, spareBytes: 3 * GIB })
  })

  test('are 1 GiB too much for 12, and each change is the smallest of its kind', () => {
    const fit = judgeFit(round, wish, { ...engine, kvDtypes: ['q4_0', 'q8_0', 'f32'] }, on(12))
    expect(fit).toMatchObject({ fits: false, shortBytes: GIB })
    expect(changesOf(fit)).toEqual({
      // 3 GiB of cache: 8192 × ¾ for four, or three of 8192.
      context: { kind: 'context', contextTokens: 6_144 },
      concurrency: { kind: 'concurrency', concurrency: 3 },
      kvDtype: { kind: 'kvDtype', kvDtype: 'q8_0' },
      weights: { kind: 'weights', weightBytes: 7 * GIB, bitsPerWeight: 14 },
      devices: { kind: 'devices', devices: 2 },
      memory: { kind: 'memory', bytesPerDevice: 13 * GIB },
    })
  })

  test('say it in one message that somebody can act on', () => {
    expect(judgeFit(round, wish, engine, on(12))).toMatchObject({
      message:
        'It does not fit: 13 GiB needed (weights 8 GiB, KV cache 4 GiB for 4 × 8192 tokens in f16, engine 1 GiB), ' +
        '12 GiB there: 1 GiB too much. One of these makes it fit: at most 6144 tokens of context; ' +
        'at most 3 requests at a time; a quantisation of at most 14 bits per weight (7 GiB); ' +
        '2 devices of this kind; 13 GiB of memory per device.',
    })
  })

  test('cannot be helped by less context on 8 GiB, where the weights alone are too large', () => {
    const changes = changesOf(judgeFit(round, wish, { ...engine, kvDtypes: ['q4_0'] }, on(8)))
    expect(Object.keys(changes)).toEqual(['weights', 'devices', 'memory'])
    expect(changes.weights).toMatchObject({ weightBytes: 3 * GIB, bitsPerWeight: 6 })
  })

  test('that are a little too much are helped by one step less', () => {
    const almost = { ...on(13), bytesPerDevice: 13 * GIB - 1 }
    const changes = changesOf(judgeFit(round, wish, engine, almost))
    expect(changes.context).toEqual({ kind: 'context', contextTokens: 8_192 - 256 })
    expect(changes.weights).toEqual({ kind: 'weights', weightBytes: 8 * GIB - 1, bitsPerWeight: 15.9 })
  })

  test('on two devices need a saving on both', () => {
    // 4 + 2 + 1 on each, and 6 there.
    const fit = judgeFit(round, wish, engine, on(6, 2))
    expect(fit).toMatchObject({ shortBytes: GIB, message: expect.stringContaining('on each of 2 devices') })
    expect(changesOf(fit).weights).toMatchObject({ weightBytes: 6 * GIB, bitsPerWeight: 12 })
    expect(changesOf(fit).devices).toEqual({ kind: 'devices', devices: 4 })
  })

  test('cannot be helped by quantisation below two bits', () => {
    expect(Object.keys(changesOf(judgeFit(round, wish, engine, on(5.5))))).toEqual(['devices', 'memory'])
  })
})

test('an instance holds the model in its GPUs, if it has any, and only over those it is spread', () => {
  const memoryBytes = 64 * GIB
  const processors = hardwareOf({ gpus: 0, gpuMemoryBytes: 0, memoryBytes })
  expect(processors).toEqual({ ...on(64), canSpread: false })
  expect(hardwareOf({ gpus: 4, gpuMemoryBytes: 96 * GIB, memoryBytes })).toEqual(on(24, 4))
  const little = changesOf(judgeFit(round, wish, engine, { ...processors, bytesPerDevice: 8 * GIB }))
  expect(Object.keys(little)).toEqual(['weights', 'memory'])
})

test('Llama 3 8B in 16 bits is too large for vLLM on one GPU of 16 GiB, and fits on one of 24', () => {
  const one = { contextTokens: 8_192, concurrency: 1, kvDtype: 'bf16' } as const
  expect(judgeFit(llama3With8B, one, batching, on(24)).fits).toBe(true)
  const fit = judgeFit(llama3With8B, one, batching, on(16))
  // 14.96 + 1 + 2.5 + 0.12 GiB, and 92 % of 16 are 14.72.
  expect(fit).toMatchObject({ message: expect.stringContaining('18.6 GiB needed') })
  expect(changesOf(fit)).toMatchObject({
    weights: { bitsPerWeight: 11.8 },
    devices: { devices: 2 },
    memory: { bytesPerDevice: expect.closeTo(20.2 * GIB, -8) },
  })
})

test('what the engine leaves free is no room', () => {
  const careful = { ...engine, usableFraction: 0.5 }
  expect(judgeFit(round, wish, careful, on(26)).fits).toBe(true)
  const fit = judgeFit(round, wish, careful, on(24))
  expect(fit).toMatchObject({ shortBytes: GIB, message: expect.stringContaining('12 GiB usable of 24 GiB') })
  expect(changesOf(fit).memory).toEqual({ kind: 'memory', bytesPerDevice: 26 * GIB })
})

test('every change that is named makes it fit, and one step less would not', () => {
  const anyShape = fc.record({
    weightGib: fc.double({ min: 0.1, max: 100, noNaN: true }),
    layers: fc.integer({ min: 1, max: 100 }),
    kvHeads: fc.integer({ min: 1, max: 64 }),
  })
  const anyWish = fc.record({
    contextTokens: fc.integer({ min: 1, max: 200_000 }),
    concurrency: fc.integer({ min: 1, max: 200 }),
  })
  fc.assert(
    fc.property(anyShape, anyWish, fc.integer({ min: 1, max: 96 }), (model, asked, gib) => {
      const shape: ModelShape = {
        ...llama3With8B,
        weightBytes: Math.round(model.weightGib * GIB),
        attention: [{ ...attention[0]!, layers: model.layers, kvHeads: model.kvHeads }],
      }
      const whole = { ...asked, kvDtype: 'f16' } as const
      const hardware = on(gib)
      const fit = judgeFit(shape, whole, engine, hardware)
      if (fit.fits) return
      const fits = (changed: object, where = hardware, of = shape) =>
        judgeFit(of, { ...whole, ...changed }, engine, where).fits
      for (const change of fit.changes) {
        switch (change.kind) {
          case 'context':
            expect(fits({ contextTokens: change.contextTokens })).toBe(true)
            expect(
              change.contextTokens + 256 >= asked.contextTokens ||
                !fits({ contextTokens: change.contextTokens + 256 }),
            ).toBe(true)
            break
          case 'concurrency':
            expect(fits({ concurrency: change.concurrency })).toBe(true)
            expect(fits({ concurrency: change.concurrency + 1 })).toBe(false)
            break
          case 'weights':
            expect(fits({}, hardware, { ...shape, weightBytes: change.weightBytes })).toBe(true)
            break
          case 'devices':
            expect(fits({}, { ...hardware, devices: change.devices })).toBe(true)
            break
          case 'memory':
            expect(fits({}, { ...hardware, bytesPerDevice: change.bytesPerDevice })).toBe(true)
            break
          case 'kvDtype':
            throw new Error('none was offered')
        }
      }
      expect(fit.changes.at(-1)?.kind).toBe('memory')
    }),
  )
})
