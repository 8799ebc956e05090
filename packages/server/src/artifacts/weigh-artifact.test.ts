/** Weighing through the model store, against a Hub that counts what is read of it. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLog } from '../platform/log.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { type HubServer, startHubServer } from '../testing/hub-server.ts'
import { createModelStore } from './create-model-store.ts'
import type { ModelStore } from './model-store.ts'

let hub: HubServer
let store: ModelStore
let cacheDirectory: string

beforeEach(async () => {
  hub = await startHubServer()
  cacheDirectory = mkdtempSync(path.join(os.tmpdir(), 'berth-weigh-'))
  const guide = fileURLToPath(new URL('../../../llama/assets', import.meta.url))
  store = createModelStore({
    cacheDirectory,
    roots: [],
    builtins: { 'berth/guide': { directory: guide } },
    hubUrl: hub.url,
    token: undefined,
    clock: new FakeClock(0),
    log: silentLog,
    limits: { attempts: 1 },
  })
})
afterEach(async () => {
  await hub.close()
  rmSync(cacheDirectory, { recursive: true, force: true })
})

const resolve = (repository: string) => store.resolve({ repository, revision: null })

/** A safetensors file of one BF16 tensor, with `bytes` of weights behind its header. */
function safetensors(bytes: number): Buffer {
  const header = { w: { dtype: 'BF16', shape: [bytes / 2], data_offsets: [0, bytes] } }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.byteLength))
  return Buffer.concat([length, json, Buffer.alloc(bytes)])
}

test('the shards of a model on the Hub are weighed from their first bytes', async () => {
  const config = JSON.stringify({ architectures: ['LlamaForCausalLM'], hidden_size: 64 })
  const shard = safetensors(4 * 2 ** 20)
  hub.add('acme/chat', {
    files: {
      'config.json': config,
      'a-00001-of-00002.safetensors': shard,
      'a-00002-of-00002.safetensors': shard,
    },
  })
  const artifact = await resolve('acme/chat')
  expect(await store.weigh(artifact, {})).toEqual({
    bytes: 2 * shard.byteLength,
    parameters: 4 * 2 ** 20,
    dtype: 'BF16',
    gguf: undefined,
  })
  expect(await store.describe(artifact, {})).toMatchObject({ config: { hidden_size: 64 } })
  const reads = hub.seen.filter(({ isStorage }) => isStorage).map(({ range }) => range)
  expect(reads).toEqual(['bytes=0-1048575', 'bytes=0-1048575'])
})

test('a source that knows no ranges is read no further than needed', async () => {
  hub.add('acme/chat', { files: { 'model.safetensors': safetensors(2 ** 20) } })
  hub.faults.push({ kind: 'ignoreRange' })
  expect(await store.weigh(await resolve('acme/chat'), {})).toMatchObject({ parameters: 2 ** 19 })
})

test('an index that says how many parameters there are spares reading the shards', async () => {
  const index = JSON.stringify({ metadata: { total_size: 8, total_parameters: 123 } })
  hub.add('acme/chat', {
    files: {
      'model.safetensors.index.json': index,
      'a.safetensors': safetensors(8),
      'b.safetensors': safetensors(8),
    },
  })
  expect(await store.weigh(await resolve('acme/chat'), {})).toMatchObject({ parameters: 123, dtype: 'BF16' })
  expect(hub.seen.filter(({ isStorage }) => isStorage)).toHaveLength(1)
})

test('what cannot be read is not weighed, and nobody is refused for it', async () => {
  hub.add('acme/broken', { files: { 'model.safetensors': 'nonsense', 'config.json': '{' } })
  const artifact = await resolve('acme/broken')
  expect(await store.weigh(artifact, {})).toBeUndefined()
  expect(await store.describe(artifact, {})).toEqual({
    task: undefined,
    library: undefined,
    config: undefined,
  })
})

test('a model of this machine is weighed from its file', async () => {
  const weighed = await store.weigh(await resolve('berth/guide'), {})
  expect(weighed).toMatchObject({ parameters: 1_918_656, gguf: { 'general.architecture': 'llama' } })
})
