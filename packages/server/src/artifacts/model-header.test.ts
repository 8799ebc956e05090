import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shapeFromGguf } from '../domain/fit/read-shape.ts'
import { parseGgufHeader } from './gguf-header.ts'
import { fileSource, type HeaderSource, readGgufHeader, readSafetensorsHeader } from './model-header.ts'
import { parseSafetensorsHeader, sizeFromIndex } from './safetensors-header.ts'

const GUIDE = fileURLToPath(new URL('../../../llama/assets/guide.gguf', import.meta.url))

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'berth-header-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function fileWith(name: string, bytes: Uint8Array): Promise<string> {
  const file = path.join(directory, name)
  await writeFile(file, bytes)
  return file
}

/** A source in memory that counts what was read of it. */
function inMemory(
  bytes: Uint8Array,
): HeaderSource & { readonly bytesRead: () => number; readonly reads: () => number } {
  let read = 0
  let reads = 0
  return {
    path: 'model',
    bytesRead: () => read,
    reads: () => reads,
    read: async (from, length) => {
      reads += 1
      const part = bytes.subarray(from, from + length)
      read += part.byteLength
      return part
    },
  }
}

const u32 = (value: number) => new Uint8Array(new Uint32Array([value]).buffer)
const u64 = (value: number) => new Uint8Array(new BigUint64Array([BigInt(value)]).buffer)
const text = (value: string) => {
  const bytes = new TextEncoder().encode(value)
  return Buffer.concat([u64(bytes.byteLength), bytes])
}

/** A GGUF file with one vocabulary and one tensor of 6 numbers. */
function ggufWith(words: number): Uint8Array {
  return Buffer.concat([
    ...[Buffer.from('GGUF'), u32(3), u64(1), u64(3)],
    ...[text('general.architecture'), u32(8), text('llama')],
    ...[text('llama.block_count'), u32(4), u32(32)],
    ...[text('tokenizer.ggml.tokens'), u32(9), u32(8), u64(words)],
    ...Array.from({ length: words }, (_, word) => text(`word-${word}`)),
    ...[text('blk.0.weight'), u32(2), u64(2), u64(3), u32(0), u64(0)],
  ])
}

describe('a GGUF header', () => {
  test('of a real model file says what it was made with', async () => {
    const { metadata, parameters } = await readGgufHeader(fileSource(GUIDE))
    expect(metadata['general.architecture']).toEqual(expect.any(String))
    expect(parameters).toBeGreaterThan(1_000)
    const shape = shapeFromGguf(metadata, { bytes: 1, parameters })
    expect(shape).toMatchObject({ parameters, attention: [{ keyDimension: expect.any(Number) }] })
    expect(shape?.vocabulary).toBeGreaterThan(100)
  })

  test('keeps of a long list its length alone', () => {
    expect(parseGgufHeader(ggufWith(5_000), 'model')).toEqual({
      metadata: {
        'general.architecture': 'llama',
        'llama.block_count': 32,
        'tokenizer.ggml.tokens': { length: 5_000 },
      },
      parameters: 6,
    })
    expect(parseGgufHeader(ggufWith(2), 'model')?.metadata['tokenizer.ggml.tokens']).toEqual([
      'word-0',
      'word-1',
    ])
  })

  test('that is longer than the first bytes is read further, and no byte twice', async () => {
    const long = ggufWith(100_000)
    expect(long.byteLength).toBeGreaterThan(2 ** 20)
    const source = inMemory(Buffer.concat([long, new Uint8Array(20 * 2 ** 20)]))
    expect((await readGgufHeader(source)).parameters).toBe(6)
    expect(source.bytesRead()).toBe(16 * 2 ** 20)
  })

  test('that was cut off anywhere is called incomplete', async () => {
    const whole = ggufWith(3)
    for (let length = 0; length < whole.byteLength; length++) {
      expect(parseGgufHeader(whole.subarray(0, length), 'model')).toBeUndefined()
    }
    const file = await fileWith('cut.gguf', whole)
    await truncate(file, whole.byteLength - 1)
    await expect(readGgufHeader(fileSource(file))).rejects.toThrow(
      /cut\.gguf" does not end.*Download it again/,
    )
  })

  test.for<[what: string, bytes: Uint8Array, words: string]>([
    ['other files', Buffer.from('PK\u0003\u0004 some archive'), 'does not begin as one'],
    ['other versions', Buffer.concat([Buffer.from('GGUF'), u32(99)]), 'version 99'],
    [
      'absurd counts',
      Buffer.concat([Buffer.from('GGUF'), u32(3), new Uint8Array(8).fill(255)]),
      'counts beyond any file',
    ],
    [
      'unknown values',
      Buffer.concat([Buffer.from('GGUF'), u32(3), u64(0), u64(1), text('a'), u32(77)]),
      'unknown type 77',
    ],
  ])('refuses %s by name', ([, bytes, words]) => {
    expect(() => parseGgufHeader(bytes, 'model.gguf')).toThrow(words)
  })

  test('with a list that promises more than the file has does not take memory for it', () => {
    const promised = [Buffer.from('GGUF'), u32(3), u64(0), u64(1), text('a'), u32(9), u32(4), u64(2 ** 50)]
    expect(parseGgufHeader(Buffer.concat(promised), 'model')).toBeUndefined()
  })
})

describe('a safetensors header', () => {
  const fileOf = (header: unknown) => {
    const json = Buffer.from(JSON.stringify(header))
    return Buffer.concat([u64(json.byteLength), json, new Uint8Array(64)])
  }

  test('says how many bytes and numbers the weights are', async () => {
    const header = {
      __metadata__: { format: 'pt' },
      a: { dtype: 'BF16', shape: [4, 8], data_offsets: [0, 64] },
      b: { dtype: 'F32', shape: [], data_offsets: [64, 68] },
    }
    const file = await fileWith('model.safetensors', fileOf(header))
    expect(await readSafetensorsHeader(fileSource(file))).toEqual({
      bytes: 68,
      parameters: 33,
      dtype: 'BF16',
    })
  })

  test('of packed weights does not say how many they are', () => {
    const header = { a: { dtype: 'I32', shape: [2], data_offsets: [0, 8] } }
    expect(parseSafetensorsHeader(fileOf(header), 'model')).toMatchObject({ bytes: 8, parameters: undefined })
  })

  test.for<[what: string, bytes: Uint8Array, words: string]>([
    ['an absurd length', u64(2 ** 50), 'promises a header'],
    ['what is not JSON', Buffer.concat([u64(3), Buffer.from('{a}')]), 'not JSON'],
    ['what is no object', Buffer.concat([u64(2), Buffer.from('[]')]), 'no object'],
    ['a tensor without a place', fileOf({ a: { dtype: 'F32', shape: [1] } }), 'no place for "a"'],
  ])('refuses %s', ([, bytes, words]) => {
    expect(() => parseSafetensorsHeader(bytes, 'model')).toThrow(words)
  })

  test('that was cut off is called incomplete', async () => {
    const cut = inMemory(fileOf({}).subarray(0, 9))
    await expect(readSafetensorsHeader(cut)).rejects.toThrow('incomplete')
    // Where a file ends, nobody asks for more.
    expect(cut.reads()).toBe(1)
  })
})

test('the index of several files says how large they are together, or nothing', () => {
  expect(sizeFromIndex({ metadata: { total_size: 10, total_parameters: 5 } })).toEqual({
    bytes: 10,
    parameters: 5,
  })
  expect(sizeFromIndex({ metadata: { total_size: 10 } })).toEqual({ bytes: 10, parameters: undefined })
  expect(sizeFromIndex({ weight_map: {} })).toBeUndefined()
})
