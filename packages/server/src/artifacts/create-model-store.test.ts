import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Artifact } from '../domain/artifact.ts'
import { systemClock } from '../platform/clock.ts'
import { silentLog } from '../platform/log.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { type HubFault, type HubServer, startHubServer } from '../testing/hub-server.ts'
import { tryFileLock } from './cache/file-lock.ts'
import { createModelStore, type ModelStoreOptions } from './create-model-store.ts'
import type { AcquiredArtifact, DownloadProgress, ModelStore } from './model-store.ts'

const WEIGHTS = randomBytes(300_000)
const NAME = 'acme/tiny'
const FILES = { 'config.json': '{"a": 1}', 'deep/er/model.gguf': WEIGHTS, empty: '' }
const never = () => new AbortController().signal

let hub: HubServer
let cache: string

beforeEach(async () => {
  hub = await startHubServer()
  hub.add(NAME, { files: FILES })
  cache = await mkdtemp(path.join(tmpdir(), 'berth-models-'))
})
afterEach(async () => {
  await hub.close()
  await rm(cache, { recursive: true })
})

function open(changes: Partial<ModelStoreOptions> = {}): ModelStore {
  return createModelStore({
    cacheDirectory: cache,
    roots: [],
    builtins: {},
    hubUrl: hub.url,
    token: undefined,
    clock: systemClock,
    log: silentLog,
    limits: { firstBackoffMs: 1, lockPollMs: 5 },
    ...changes,
  })
}

const pinned = (repository = NAME, revision: string | null = null, token?: string) =>
  open().resolve({ repository, revision, ...(token === undefined ? {} : { token }) })

async function only(file: string): Promise<Artifact> {
  const artifact = await pinned()
  return { ...artifact, files: artifact.files.filter((it) => it.path === file) }
}

const acquire = (artifact: Artifact, store = open()): Promise<AcquiredArtifact> =>
  store.acquire(artifact, { signal: never() })

const weightsIn = (handle: AcquiredArtifact) => readFile(path.join(handle.path, 'deep/er/model.gguf'))
const transfers = () => hub.seen.filter((it) => it.isStorage)
const blobFiles = async () => (await readdir(path.join(cache, 'blobs'))).toSorted()
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('acquiring', () => {
  test('every file is found under its own path, with its own bytes, and nobody can write to it', async () => {
    const handle = await acquire(await pinned())

    expect(await readFile(path.join(handle.path, 'config.json'), 'utf8')).toBe('{"a": 1}')
    expect(await weightsIn(handle)).toEqual(WEIGHTS)
    expect((await stat(path.join(handle.path, 'empty'))).size).toBe(0)
    expect((await stat(path.join(handle.path, 'config.json'))).mode & 0o222).toBe(0)
    expect((await blobFiles()).filter((name) => name.endsWith('.partial'))).toEqual([])
  })

  test('only the files that were chosen are fetched and found', async () => {
    const handle = await acquire(await only('config.json'))
    expect(await readdir(handle.path, { recursive: true })).toEqual(['config.json'])
    expect(transfers()).toEqual([])
  })

  test('two choices from one commit do not see each other', async () => {
    const store = open()
    const [all, one] = [await acquire(await pinned(), store), await acquire(await only('empty'), store)]
    expect(await readdir(one.path)).toEqual(['empty'])
    expect((await readdir(all.path)).toSorted()).toEqual(['config.json', 'deep', 'empty'])
  })

  test('what is complete costs no network, not even after a restart', async () => {
    const artifact = await pinned()
    const first = await acquire(artifact)
    await hub.close()
    expect((await acquire(artifact)).path).toBe(first.path)
    hub = await startHubServer()
  })

  test('a file that another repository has too is not downloaded again', async () => {
    hub.add('acme/copy', { files: { 'renamed.gguf': WEIGHTS } })
    await acquire(await pinned())
    const before = transfers().length
    const copy = await acquire(await pinned('acme/copy'))
    expect(await readFile(path.join(copy.path, 'renamed.gguf'))).toEqual(WEIGHTS)
    expect(transfers().length).toBe(before)
  })

  test('many callers at the same time share one download', async () => {
    const artifact = await pinned()
    const store = open()
    const handles = await Promise.all(Array.from({ length: 8 }, () => acquire(artifact, store)))
    expect(new Set(handles.map((handle) => handle.path)).size).toBe(1)
    expect(transfers()).toHaveLength(1)
  })

  test('two stores on one directory share one download too', async () => {
    hub.bytesPerSecond = 3_000_000
    const artifact = await pinned()
    const handles = await Promise.all([acquire(artifact, open()), acquire(artifact, open())])
    for (const handle of handles) expect(await weightsIn(handle)).toEqual(WEIGHTS)
    expect(transfers()).toHaveLength(1)
  })

  test('at most four files come at the same time', async () => {
    hub.bytesPerSecond = 200_000
    const files = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`${i}.gguf`, randomBytes(8_000)]))
    hub.add('acme/many', { files })
    const artifact = await pinned('acme/many')
    let most = 0
    const counting = setInterval(() => {
      readdir(path.join(cache, 'blobs')).then(
        (names) => {
          most = Math.max(most, names.filter((name) => name.endsWith('.partial')).length)
        },
        () => {},
      )
    }, 2)
    try {
      await acquire(artifact)
    } finally {
      clearInterval(counting)
    }
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(4)
  })

  test('the token goes to the Hub and never to where it redirects', async () => {
    hub.add('acme/gated', { files: { 'a.gguf': 'weights', b: 'text' }, gated: true })
    hub.addToken('hf_member', ['acme/gated'])
    const artifact = await pinned('acme/gated', null, 'hf_member')
    await open().acquire(artifact, { signal: never(), token: 'hf_member' })

    const content = hub.seen.filter((it) => it.url.includes('resolve') || it.isStorage)
    expect(content.map((it) => [it.isStorage, it.authorization])).toEqual(
      expect.arrayContaining([
        [true, undefined],
        [false, 'Bearer hf_member'],
      ]),
    )
    expect(content.filter((it) => it.isStorage && it.authorization !== undefined)).toEqual([])
  })

  test('a caller whose token is good is served although it joined one whose token is not', async () => {
    hub.add('acme/gated', { files: { b: 'text' }, gated: true })
    hub.addToken('hf_member', ['acme/gated'])
    const artifact = await pinned('acme/gated', null, 'hf_member')
    const store = open()
    // The stranger's download is under way and waits for the blob's lock when the member joins it.
    await mkdir(path.join(cache, 'locks'))
    const lock = tryFileLock(path.join(cache, 'locks', `${artifact.files[0]?.etag?.slice(0, 3)}.lock`))
    const strangers = store.acquire(artifact, { signal: never() })
    await expect.poll(() => readdir(cache)).toContain('blobs')
    const joined = Promise.withResolvers<void>()
    const members = store.acquire(artifact, {
      signal: never(),
      token: 'hf_member',
      onProgress: () => joined.resolve(),
    })
    await joined.promise
    lock?.release()
    const [stranger, member] = await Promise.allSettled([strangers, members])
    expect(stranger).toMatchObject({ status: 'rejected', reason: { reason: 'hub_gated' } })
    expect(member.status).toBe('fulfilled')
  })

  test('a file that the commit does not have is refused by name', async () => {
    const artifact = await only('config.json')
    const gone = { ...artifact, files: [{ path: 'gone.json', sizeBytes: 3, etag: 'a'.repeat(40) }] }
    await expect(acquire(gone)).rejects.toMatchObject({
      code: 'invalid',
      reason: 'file_not_found',
      message: expect.stringContaining('"gone.json"'),
    })
  })

  test.for([
    ['a path that leads out', { files: [{ path: '../../x', sizeBytes: 0 }] }],
    ['a repository that is no name', { repository: '../..' }],
    ['a revision that is no commit', { revision: '../../main' }],
    ['no revision', { revision: null }],
  ] as [string, Partial<Artifact>][])('%s is refused before anything is written', async ([, changes]) => {
    await expect(acquire({ ...(await pinned()), ...changes })).rejects.toMatchObject({ code: 'invalid' })
    expect(await readdir(cache)).toEqual([])
  })
})

describe('a download that goes wrong', () => {
  const spoil = (...faults: HubFault[]) => hub.faults.push(...faults)

  test('continues where the connection broke', async () => {
    spoil({ kind: 'cut', afterBytes: 100_000 })
    const handle = await acquire(await only('deep/er/model.gguf'))
    expect(await weightsIn(handle)).toEqual(WEIGHTS)
    expect(transfers().map((it) => it.range)).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-$/)])
  })

  test('begins again when the source cannot continue', async () => {
    spoil({ kind: 'cut', afterBytes: 100_000 }, { kind: 'ignoreRange' })
    expect(await weightsIn(await acquire(await only('deep/er/model.gguf')))).toEqual(WEIGHTS)
  })

  test('whatever the sequence of failures, the bytes are the source’s', async () => {
    const fault = fc.oneof(
      fc.nat(WEIGHTS.length).map((afterBytes): HubFault => ({ kind: 'cut', afterBytes })),
      fc.nat(WEIGHTS.length).map((afterBytes): HubFault => ({ kind: 'cut', afterBytes, ignoresRange: true })),
      fc.constantFrom<HubFault>({ kind: 'ignoreRange' }, { kind: 'status', status: 503 }),
    )
    const artifact = await only('deep/er/model.gguf')
    const patient = { firstBackoffMs: 0, attempts: 50 }
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 8 }), async (faults) => {
        const cacheDirectory = await mkdtemp(path.join(cache, 'run-'))
        hub.faults.splice(0, hub.faults.length, ...faults)
        const handle = await acquire(artifact, open({ cacheDirectory, limits: patient }))
        expect(sha256(await weightsIn(handle))).toBe(sha256(WEIGHTS))
      }),
      { numRuns: 40 },
    )
  })

  test('gives up after a few attempts that bring nothing, and keeps what came', async () => {
    spoil({ kind: 'cut', afterBytes: 50_000 }, ...Array(3).fill({ kind: 'status', status: 503 }))
    const artifact = await only('deep/er/model.gguf')
    const store = open({ limits: { attempts: 3, firstBackoffMs: 1 } })
    await expect(acquire(artifact, store)).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'hub_unreachable',
      message: expect.stringContaining('503'),
    })
    expect((await blobFiles()).map((name) => name.endsWith('.partial'))).toEqual([true])

    hub.faults.splice(0)
    expect(await weightsIn(await acquire(artifact, store))).toEqual(WEIGHTS)
    expect(transfers().at(-1)?.range).toMatch(/^bytes=[1-9]/)
  })

  test('a source that always begins again and breaks off at the same place is given up', async () => {
    spoil(...Array(20).fill({ kind: 'cut', afterBytes: 70_000, ignoresRange: true }))
    const work = acquire(
      await only('deep/er/model.gguf'),
      open({ limits: { attempts: 4, firstBackoffMs: 1 } }),
    )
    await expect(work).rejects.toMatchObject({ reason: 'hub_unreachable' })
    expect(transfers().length).toBeLessThan(10)
  })

  test.for<HubFault['kind']>(['wrongContent', 'shorter'])(
    '%s is refused and leaves nothing',
    async (kind) => {
      spoil({ kind } as HubFault)
      const artifact = await only('deep/er/model.gguf')
      await expect(acquire(artifact)).rejects.toMatchObject({ reason: 'content_mismatch' })
      const left = await Promise.all((await blobFiles()).map((name) => stat(path.join(cache, 'blobs', name))))
      expect(left.map((file) => file.size).filter((size) => size > 0)).toEqual([])
      expect(await weightsIn(await acquire(artifact))).toEqual(WEIGHTS)
    },
  )

  test('a small file is held against its git id', async () => {
    spoil({ kind: 'wrongContent' })
    await expect(acquire(await only('config.json'))).rejects.toMatchObject({ reason: 'content_mismatch' })
  })

  test('a damaged part on the disk costs a new download and no failure', async () => {
    const artifact = await only('deep/er/model.gguf')
    const blobs = path.join(cache, 'blobs')
    await acquire(await only('empty'))
    await writeFile(path.join(blobs, `${sha256(WEIGHTS)}.partial`), Buffer.alloc(1_000))
    expect(await weightsIn(await acquire(artifact))).toEqual(WEIGHTS)
    expect(transfers().map((it) => it.range)).toEqual(['bytes=1000-', undefined])
  })

  test('a blob that was cut on the disk is noticed and replaced everywhere', async () => {
    const artifact = await only('deep/er/model.gguf')
    const before = await acquire(artifact)
    const blob = path.join(cache, 'blobs', sha256(WEIGHTS))
    await rm(blob)
    await writeFile(blob, WEIGHTS.subarray(0, 10))
    await truncate(path.join(before.path, 'deep/er/model.gguf'), 5).catch(() => {
      // Read-only unless the tests run as root; the link is replaced all the same.
    })
    expect(await weightsIn(await acquire(artifact))).toEqual(WEIGHTS)
  })

  test('a source that falls silent in the middle is left and asked again', async () => {
    const clock = new FakeClock()
    spoil({ kind: 'stall', afterBytes: 100_000 })
    const artifact = await only('deep/er/model.gguf')
    const work = acquire(artifact, open({ clock, limits: { silenceMs: 10_000 } }))
    await expect.poll(partialBytes).toBe(100_000)

    await expect
      .poll(async () => {
        await clock.advance(5_000)
        return transfers().length
      })
      .toBe(2)
    expect(await weightsIn(await work)).toEqual(WEIGHTS)
    expect(transfers().map((it) => it.range)).toEqual([undefined, 'bytes=100000-'])
  })

  test('a download may take as long as it wants while something comes', async () => {
    const clock = new FakeClock()
    hub.bytesPerSecond = 1_000_000
    const work = acquire(await only('deep/er/model.gguf'), open({ clock, limits: { silenceMs: 1_000 } }))
    let seen = 0
    const advanced = expect.poll(
      async () => {
        const bytes = await partialBytes()
        if (bytes > seen) await clock.advance(200)
        seen = Math.max(seen, bytes)
        return clock.now() > 2_000 && bytes === 0
      },
      { timeout: 10_000, interval: 2 },
    )
    await advanced.toBe(true)
    expect(await weightsIn(await work)).toEqual(WEIGHTS)
    expect(transfers()).toHaveLength(1)
  })

  test('aborting rejects with the reason, keeps the part, and the next try continues', async () => {
    spoil({ kind: 'stall', afterBytes: 100_000 })
    const artifact = await only('deep/er/model.gguf')
    const store = open()
    const stop = new AbortController()
    const work = store.acquire(artifact, { signal: stop.signal })
    const outcome = expect(work).rejects.toThrow('changed my mind')
    await expect.poll(partialBytes).toBe(100_000)
    stop.abort(new Error('changed my mind'))
    await outcome

    expect(await weightsIn(await acquire(artifact, store))).toEqual(WEIGHTS)
    expect(transfers().map((it) => it.range)).toEqual([undefined, 'bytes=100000-'])
  })

  test('one caller that leaves does not stop the others', async () => {
    hub.bytesPerSecond = 1_000_000
    const artifact = await only('deep/er/model.gguf')
    const store = open()
    const stop = new AbortController()
    const leaving = expect(store.acquire(artifact, { signal: stop.signal })).rejects.toThrow('gone')
    const staying = acquire(artifact, store)
    await expect.poll(partialBytes).toBeGreaterThan(0)
    stop.abort(new Error('gone'))
    await leaving
    expect(await weightsIn(await staying)).toEqual(WEIGHTS)
    expect(transfers()).toHaveLength(1)
  })

  test('more than the disk can hold is refused before it starts, with both numbers', async () => {
    const artifact = await only('deep/er/model.gguf')
    const huge = { ...artifact, files: artifact.files.map((file) => ({ ...file, sizeBytes: 2 ** 52 })) }
    await expect(acquire(huge)).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'disk_full',
      message: expect.stringMatching(/needs 4\.5 PB more .* has [\d.]+ \w+ free/),
    })
    expect(transfers()).toEqual([])
  })

  test.skipIf(process.platform !== 'linux')('a disk that fills up in the middle says so', async () => {
    await acquire(await only('empty'))
    await symlink('/dev/full', path.join(cache, 'blobs', `${sha256(WEIGHTS)}.partial`))
    await expect(acquire(await only('deep/er/model.gguf'))).rejects.toMatchObject({
      reason: 'disk_full',
      message: expect.stringContaining('needs 300.0 kB more'),
    })
  })

  test('a process killed in the middle leaves what the next one continues', async () => {
    hub.bytesPerSecond = 200_000
    const artifact = await only('deep/er/model.gguf')
    const program = `
      import { createModelStore } from ${JSON.stringify(path.join(import.meta.dirname, 'create-model-store.ts'))}
      import { systemClock } from ${JSON.stringify(path.join(import.meta.dirname, '../platform/clock.ts'))}
      import { silentLog } from ${JSON.stringify(path.join(import.meta.dirname, '../platform/log.ts'))}
      const [cacheDirectory, hubUrl, artifact] = JSON.parse(process.argv[1])
      const store = createModelStore({
        cacheDirectory, hubUrl, roots: [], builtins: {}, token: undefined, clock: systemClock, log: silentLog,
      })
      await store.acquire(artifact, { signal: new AbortController().signal })
    `
    const argument = JSON.stringify([cache, hub.url, artifact])
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program, argument])
    const ended = once(child, 'exit')
    try {
      await expect.poll(partialBytes, { timeout: 10_000 }).toBeGreaterThan(20_000)
    } finally {
      child.kill('SIGKILL')
    }
    expect((await ended)[1]).toBe('SIGKILL')
    const left = await partialBytes()
    expect(left).toBeLessThan(WEIGHTS.length)

    hub.bytesPerSecond = undefined
    expect(await weightsIn(await acquire(artifact))).toEqual(WEIGHTS)
    expect(transfers().map((it) => it.range)).toEqual([undefined, `bytes=${left}-`])
  })

  async function partialBytes(): Promise<number> {
    const file = path.join(cache, 'blobs', `${sha256(WEIGHTS)}.partial`)
    return (await stat(file).catch(() => ({ size: 0 }))).size
  }
})

describe('progress', () => {
  test('begins at what is here, only grows, and ends at everything', async () => {
    hub.bytesPerSecond = 1_000_000
    await acquire(await only('config.json'))
    const seen: DownloadProgress[] = []
    const store = open({ limits: { progressEveryMs: 20 } })
    await store.acquire(await pinned(), { signal: never(), onProgress: (progress) => seen.push(progress) })

    const bytesTotal = WEIGHTS.length + FILES['config.json'].length
    expect(seen[0]).toEqual({ bytesDone: 8, bytesTotal, bytesPerSecond: 0, etaMs: undefined })
    expect(seen.at(-1)).toMatchObject({ bytesDone: bytesTotal, bytesTotal, etaMs: 0 })
    expect(seen.length).toBeGreaterThan(3)
    expect(seen.map((it) => it.bytesDone)).toEqual(seen.map((it) => it.bytesDone).toSorted((a, b) => a - b))
    const middle = seen.find((it) => it.bytesDone > 8 && it.bytesDone < bytesTotal)
    expect(middle?.bytesPerSecond).toBeGreaterThan(0)
    expect(middle?.etaMs).toBeGreaterThan(0)
  })

  test('is reported four times a second and not with every chunk', async () => {
    const clock = new FakeClock()
    hub.faults.push({ kind: 'stall', afterBytes: 200_000 })
    const seen: DownloadProgress[] = []
    const stop = new AbortController()
    const work = open({ clock }).acquire(await only('deep/er/model.gguf'), {
      signal: stop.signal,
      onProgress: (progress) => seen.push(progress),
    })
    const outcome = expect(work).rejects.toThrow()
    await expect.poll(() => transfers().length).toBe(1)
    await clock.advance(1_000)
    expect(seen).toHaveLength(1 + 4)
    stop.abort()
    await outcome
  })
})
