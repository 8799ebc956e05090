import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLog } from '../../platform/log.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { type HubServer, startHubServer } from '../../testing/hub-server.ts'
import { createModelStore } from '../create-model-store.ts'
import type { ModelStore } from '../model-store.ts'

const SIZE = 1_000
const SHARED = randomBytes(SIZE)
const signal = new AbortController().signal

let hub: HubServer
let cache: string
let clock: FakeClock
let store: ModelStore

beforeEach(async () => {
  hub = await startHubServer()
  cache = await mkdtemp(path.join(tmpdir(), 'berth-evict-'))
  clock = new FakeClock(1_700_000_000_000)
  store = createModelStore({
    cacheDirectory: cache,
    roots: [],
    builtins: {},
    hubUrl: hub.url,
    token: undefined,
    clock,
    log: silentLog,
  })
  for (const name of ['acme/a', 'acme/b', 'acme/c'])
    hub.add(name, { files: { 'own.bin': randomBytes(SIZE) } })
  hub.add('acme/x', { files: { 'shared.bin': SHARED, 'own.bin': randomBytes(SIZE) } })
  hub.add('acme/y', { files: { 'shared.bin': SHARED } })
})
afterEach(async () => {
  await hub.close()
  await rm(cache, { recursive: true })
})

/** Uses a repository, one second after the use before. */
async function use(repository: string) {
  await clock.advance(1_000)
  return store.acquire(await store.resolve({ repository, revision: null }), { signal })
}

const kept = async () => (await readdir(path.join(cache, 'models'))).toSorted()
const blobs = async () => (await readdir(path.join(cache, 'blobs'))).length

test('the least recently used leave first, and only as many as needed', async () => {
  for (const name of ['acme/a', 'acme/b', 'acme/c', 'acme/a']) (await use(name)).release()

  const models = path.join(cache, 'models')
  const markers = (await readdir(models, { recursive: true })).filter((name) => name.endsWith('.used'))
  const usedAt = await Promise.all(markers.map(async (name) => (await stat(path.join(models, name))).mtimeMs))
  expect(Math.max(...usedAt)).toBe(clock.now())

  expect(await store.evict(2 * SIZE)).toBe(SIZE)
  expect(await kept()).toEqual(['acme--a', 'acme--c'])
  expect(await store.evict(2 * SIZE)).toBe(0)
})

test('what is held stays until it is released', async () => {
  const held = await use('acme/a')
  const heldToo = await use('acme/a')
  ;(await use('acme/b')).release()

  expect(await store.evict(0)).toBe(SIZE)
  held.release()
  held.release()
  expect(await store.evict(0)).toBe(0)
  expect(await readFile(path.join(heldToo.path, 'own.bin'))).toHaveLength(SIZE)

  heldToo.release()
  expect(await store.evict(0)).toBe(SIZE)
  expect(await kept()).toEqual([])
})

test('a shared blob leaves with the last snapshot that has it', async () => {
  ;(await use('acme/x')).release()
  const y = await use('acme/y')

  expect(await store.evict(0)).toBe(SIZE)
  expect(await readFile(path.join(y.path, 'shared.bin'))).toEqual(SHARED)
  y.release()
  expect(await store.evict(0)).toBe(SIZE)
  expect(await blobs()).toBe(0)
})

test('leftovers that no snapshot has are content like any other', async () => {
  ;(await use('acme/a')).release()
  const blob = (name: string) => path.join(cache, 'blobs', name)
  for (const name of ['d'.repeat(64), `${'e'.repeat(64)}.partial`]) {
    await writeFile(blob(name), randomBytes(SIZE))
    await utimes(blob(name), 1, 1)
  }
  expect(await store.evict(SIZE)).toBe(2 * SIZE)
  expect(await kept()).toEqual(['acme--a'])
})

test('what is being downloaded is left alone, by another store on the same directory too', async () => {
  hub.faults.push({ kind: 'stall', afterBytes: 500 })
  const artifact = await store.resolve({ repository: 'acme/y', revision: null })
  const stop = new AbortController()
  const outcome = expect(store.acquire(artifact, { signal: stop.signal })).rejects.toThrow()
  const partial = path.join(cache, 'blobs', `${createHash('sha256').update(SHARED).digest('hex')}.partial`)
  await expect.poll(async () => (await stat(partial).catch(() => ({ size: 0 }))).size).toBe(500)

  const other = createModelStore({
    ...{ cacheDirectory: cache, roots: [], builtins: {}, hubUrl: hub.url },
    ...{ token: undefined, clock, log: silentLog },
  })
  expect([await store.evict(0), await other.evict(0)]).toEqual([0, 0])
  stop.abort()
  await outcome
  expect(await store.evict(0)).toBe(500)
})

test('a file that is complete waits unharmed for the others of its artifact', async () => {
  hub.faults.push({ kind: 'stall', afterBytes: 500 })
  const artifact = await store.resolve({ repository: 'acme/x', revision: null })
  const stop = new AbortController()
  const outcome = expect(store.acquire(artifact, { signal: stop.signal })).rejects.toThrow()
  await expect
    .poll(async () =>
      (await readdir(path.join(cache, 'blobs')).catch(() => [])).map((name) => path.extname(name)).toSorted(),
    )
    .toEqual(['', '.partial'])

  expect(await store.evict(0)).toBe(0)
  stop.abort()
  await outcome
  expect(await store.evict(0)).toBe(SIZE + 500)
})

test('what was evicted comes back when it is wanted', async () => {
  const first = await use('acme/a')
  first.release()
  await store.evict(0)
  const again = await use('acme/a')
  expect(await readFile(path.join(again.path, 'own.bin'))).toHaveLength(SIZE)
})

test('what is acquired during an eviction waits for its end and is whole', async () => {
  const names = Array.from({ length: 400 }, (_, i) => `${i}.txt`)
  hub.add('acme/wide', { files: Object.fromEntries(names.map((name) => [name, 'same'])) })
  const artifact = await store.resolve({ repository: 'acme/a', revision: null })
  ;(await use('acme/wide')).release()
  ;(await use('acme/a')).release()

  const order: string[] = []
  const evicting = store.evict(0).then(() => order.push('evicted'))
  const handle = await store.acquire(artifact, { signal })
  order.push('acquired')
  await evicting

  expect(order).toEqual(['evicted', 'acquired'])
  expect(await readFile(path.join(handle.path, 'own.bin'))).toHaveLength(SIZE)
})

test('an empty cache has nothing to evict', async () => {
  expect(await store.evict(0)).toBe(0)
})
