import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { PRESETS, writeRandomModel } from './random-model.ts'

const directory = mkdtempSync(path.join(tmpdir(), 'berth-gguf-'))
afterAll(() => rmSync(directory, { recursive: true }))

const bytesOf = (preset: 'tiny' | 'embed', seed: number, changes: object = {}) => {
  const file = path.join(directory, 'model.gguf')
  const size = writeRandomModel(file, { ...PRESETS[preset], ...changes }, preset, seed)
  const bytes = readFileSync(file)
  expect(bytes.length).toBe(size)
  return bytes
}

describe('writeRandomModel', () => {
  test.for(['tiny', 'embed'] as const)('writes the same bytes for the same seed (%s)', (preset) => {
    const first = bytesOf(preset, 1)
    expect(bytesOf(preset, 1).equals(first)).toBe(true)
    expect(bytesOf(preset, 2).equals(first)).toBe(false)
  })

  test('writes in every encoding, in its size', () => {
    const sizes = (['f32', 'f16', 'q8_0'] as const).map((type) => bytesOf('tiny', 1, { type }).length)
    expect(sizes[0]).toBeGreaterThan((sizes[1] as number) * 1.8)
    expect(sizes[1]).toBeGreaterThan((sizes[2] as number) * 1.5)
  })

  test('refuses a shape that llama.cpp cannot compute', () => {
    expect(() => bytesOf('tiny', 1, { width: 100 })).toThrow('multiples of 32')
    expect(() => bytesOf('tiny', 1, { heads: 5 })).toThrow('heads')
    expect(() => bytesOf('tiny', 1, { vocabulary: 100 })).toThrow('vocabulary')
  })
})
