import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../platform/clock.ts'
import { silentLog } from '../../platform/log.ts'
import { createModelStore } from '../create-model-store.ts'
import type { ModelStore } from '../model-store.ts'

const signal = new AbortController().signal

let base: string
let root: string
let store: ModelStore

beforeEach(async () => {
  base = await realpath(await mkdtemp(path.join(tmpdir(), 'berth-directory-')))
  root = path.join(base, 'models')
  await put('models/llama/config.json', '{}')
  await put('models/llama/sub/weights.safetensors', 'weights')
  await put('models/llama/.git/HEAD', 'ref')
  await put('models/one.gguf', 'gguf')
  await put('models/two.gguf', 'gguf')
  await put('models-secret/key', 'secret')
  store = open([root])
})
afterEach(() => rm(base, { recursive: true }))

async function put(name: string, content: string): Promise<void> {
  const file = path.join(base, name)
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(file, content)
}

const open = (roots: readonly string[]) =>
  createModelStore({
    cacheDirectory: path.join(base, 'cache'),
    roots,
    builtins: { 'berth/guide': { directory: path.join(base, 'models/llama') } },
    hubUrl: 'http://127.0.0.1:1',
    token: undefined,
    clock: systemClock,
    log: silentLog,
  })

const resolve = (repository: string, revision: string | null = null) =>
  store.resolve({ repository, revision })
const paths = async (repository: string) => (await resolve(repository)).files.map((file) => file.path)

describe('a directory below a root', () => {
  test('is listed with everything below it, and served from where it lies', async () => {
    const artifact = await resolve(`file:${root}/llama`)
    expect(artifact).toEqual({
      source: 'directory',
      repository: `file:${root}/llama`,
      revision: null,
      files: [
        { path: 'config.json', sizeBytes: 2 },
        { path: 'sub/weights.safetensors', sizeBytes: 7 },
      ],
    })
    expect((await store.acquire(artifact, { signal })).path).toBe(`${root}/llama`)
  })

  test('is followed through links that stay inside', async () => {
    await symlink(`${root}/llama`, `${root}/alias`)
    await symlink('../one.gguf', `${root}/llama/linked.gguf`)
    expect(await paths(`file:${root}/alias`)).toContain('linked.gguf')
  })

  test('with a link to itself is listed once', async () => {
    await symlink('..', `${root}/llama/sub/up`)
    expect(await paths(`file:${root}/llama`)).toEqual(['config.json', 'sub/weights.safetensors'])
  })

  test('may be reached by a root that is itself a link', async () => {
    await symlink(root, path.join(base, 'link'))
    store = open([path.join(base, 'link')])
    expect(await paths(`file:${base}/link/llama`)).toHaveLength(2)
  })

  test('as one GGUF file is that file, and all its shards if it was split', async () => {
    const one = await resolve(`file:${root}/one.gguf`)
    expect(one.files).toEqual([{ path: 'one.gguf', sizeBytes: 4 }])
    expect((await store.acquire(one, { signal })).path).toBe(root)

    for (const name of ['m-00001-of-00002', 'm-00002-of-00002', 'm-00001-of-00003', 'n-00001-of-00002']) {
      await put(`models/${name}.gguf`, 'shard')
    }
    expect(await paths(`file:${root}/m-00001-of-00002.gguf`)).toEqual([
      'm-00001-of-00002.gguf',
      'm-00002-of-00002.gguf',
    ])
  })
})

describe('what is not offered is refused', () => {
  test.for([
    ['by its path', () => `file:${base}/models-secret`],
    ['by dots', () => `file:${root}/../models-secret`],
    ['by dots inside', () => `file:${root}/llama/../../models-secret/key`],
    ['although it does not exist', () => '/nowhere/at/all'],
  ] as [string, () => string][])('%s', async ([, reference]) => {
    const text = reference()
    const work = resolve(text.startsWith('file:') ? text : `file:${text}`)
    await expect(work).rejects.toMatchObject({
      code: 'invalid',
      reason: 'path_outside_roots',
      message: expect.stringContaining(root),
    })
  })

  test('by a link to a directory outside', async () => {
    await symlink(`${base}/models-secret`, `${root}/door`)
    await expect(resolve(`file:${root}/door`)).rejects.toMatchObject({ reason: 'path_outside_roots' })
    await expect(resolve(`file:${root}`)).rejects.toMatchObject({ reason: 'path_outside_roots' })
  })

  test('by a link to an empty directory outside', async () => {
    await mkdir(`${base}/empty`)
    await symlink(`${base}/empty`, `${root}/door`)
    await expect(resolve(`file:${root}/door`)).rejects.toMatchObject({ reason: 'path_outside_roots' })
  })

  test('by a link to a file outside, also when it appears after the listing', async () => {
    const artifact = await resolve(`file:${root}/llama`)
    await rm(`${root}/llama/config.json`)
    await symlink(`${base}/models-secret/key`, `${root}/llama/config.json`)
    await expect(resolve(`file:${root}/llama`)).rejects.toMatchObject({ reason: 'path_outside_roots' })
    await expect(store.acquire(artifact, { signal })).rejects.toMatchObject({ reason: 'path_outside_roots' })
  })

  test('by a path inside a stored artifact', async () => {
    const artifact = await resolve(`file:${root}/llama`)
    const files = [{ path: '../../models-secret/key', sizeBytes: 6 }]
    const work = store.acquire({ ...artifact, files }, { signal })
    await expect(work).rejects.toMatchObject({ reason: 'path_outside_roots' })
  })

  test('when no root is allowed, with what has to happen', async () => {
    store = open([])
    await expect(resolve(`file:${root}`)).rejects.toThrow('No directory of this machine is allowed')
  })
})

test.for([
  ['a path that is not there', '/none', 'path_not_found'],
  ['a file that is no GGUF', '/llama/config.json', 'path_not_found'],
])('%s is refused', async ([, name, reason]) => {
  await expect(resolve(`file:${root}${name}`)).rejects.toMatchObject({ code: 'invalid', reason })
})

test('a relative path is refused', async () => {
  await expect(resolve('file:models/llama')).rejects.toThrow('not an absolute path')
})

test('a file that went away is missed when the artifact is acquired', async () => {
  const artifact = await resolve(`file:${root}/llama`)
  await rm(`${root}/llama/config.json`)
  await expect(store.acquire(artifact, { signal })).rejects.toMatchObject({
    reason: 'path_not_found',
    message: expect.stringContaining('config.json'),
  })
})

test('a directory has no revisions, except the one that clients say for "whatever is there"', async () => {
  expect((await resolve(`file:${root}/llama`, 'main')).revision).toBeNull()
  await expect(resolve(`file:${root}/llama`, 'v2')).rejects.toMatchObject({ reason: 'revision_not_found' })
})

test('a built-in model needs no root and no network', async () => {
  store = open([])
  const artifact = await resolve('berth/guide')
  expect(artifact).toMatchObject({ source: 'builtin', repository: 'berth/guide', revision: null })
  expect((await store.acquire(artifact, { signal })).path).toBe(`${root}/llama`)
  await expect(store.acquire({ ...artifact, repository: 'berth/none' }, { signal })).rejects.toThrow(
    'berth/guide',
  )
})
