import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Artifact } from '../domain/artifact.ts'
import { systemClock } from '../platform/clock.ts'
import { silentLog } from '../platform/log.ts'
import { createModelStore } from './create-model-store.ts'
import type { ModelStore } from './model-store.ts'

let base: string
let store: ModelStore
beforeEach(() => {
  base = realpathSync(mkdtempSync(path.join(tmpdir(), 'adapter-')))
  store = createModelStore({
    cacheDirectory: path.join(base, 'cache'),
    roots: [base],
    builtins: {},
    hubUrl: 'http://127.0.0.1:1',
    token: undefined,
    clock: systemClock,
    log: silentLog,
  })
})
afterEach(() => rmSync(base, { recursive: true }))

function put(name: string, weights: string, config = '{"r": 16}'): void {
  mkdirSync(path.join(base, name), { recursive: true })
  writeFileSync(path.join(base, name, 'adapter_config.json'), config)
  writeFileSync(path.join(base, name, 'adapter_model.safetensors'), weights)
}
const identified = async (name: string) =>
  store.identify(await store.resolve({ repository: `file:${path.join(base, name)}`, revision: null }), {})

test('the same content is the same adapter, wherever it lies', async () => {
  put('a', 'weights')
  put('b', 'weights')
  expect(await identified('a')).toEqual({ hash: expect.stringMatching(/^[0-9a-f]{64}$/), rank: 16 })
  expect(await identified('b')).toEqual(await identified('a'))
})

test('other content of the same size under the same name is another one', async () => {
  put('a', 'weights')
  const before = await identified('a')
  put('a', 'WEIGHTS')
  expect((await identified('a')).hash).not.toBe(before.hash)
})

test.for(['not json', '{}', '{"r": "16"}', '{"r": 0}'])('a configuration %s says no rank', async (config) => {
  put('a', 'weights', config)
  expect((await identified('a')).rank).toBeUndefined()
})

test('a repository of a hub is known by what the hub says of its files, and nothing is fetched', async () => {
  const artifact = (sha256: string): Artifact => ({
    source: 'hub',
    repository: 'acme/lora',
    revision: 'a'.repeat(40),
    files: [{ path: 'adapter_model.safetensors', sizeBytes: 10, sha256 }],
  })
  const [one, other] = await Promise.all(
    ['1', '2'].map((digit) => store.identify(artifact(digit.repeat(64)), {})),
  )
  expect(one?.hash).not.toBe(other?.hash)
  expect(one).toEqual(await store.identify({ ...artifact('1'.repeat(64)), revision: 'b'.repeat(40) }, {}))
})
