import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { messageOf, PlatformError } from '../../domain/errors.ts'
import { systemClock } from '../../platform/clock.ts'
import { silentLog } from '../../platform/log.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { type HubServer, startHubServer } from '../../testing/hub-server.ts'
import { createModelStore, type ModelStoreOptions } from '../create-model-store.ts'

let hub: HubServer
let directory: string

beforeEach(async () => {
  hub = await startHubServer()
  directory = await mkdtemp(path.join(tmpdir(), 'berth-hub-'))
})
afterEach(async () => {
  await hub.close()
  await rm(directory, { recursive: true })
})

const store = (changes: Partial<ModelStoreOptions> = {}) =>
  createModelStore({
    cacheDirectory: directory,
    roots: [],
    builtins: {},
    hubUrl: hub.url,
    token: undefined,
    clock: systemClock,
    log: silentLog,
    limits: { firstBackoffMs: 1 },
    ...changes,
  })

const resolve = (repository: string, revision: string | null = null, token?: string) =>
  store().resolve({ repository, revision, ...(token === undefined ? {} : { token }) })

async function failure(work: Promise<unknown>): Promise<PlatformError> {
  const error = await work.then(
    () => undefined,
    (thrown) => thrown,
  )
  expect(error).toBeInstanceOf(PlatformError)
  return error as PlatformError
}

describe('resolving a name', () => {
  test('pins the default branch and lists sizes and hashes', async () => {
    hub.add('acme/tiny', { files: { 'config.json': '{}', 'onnx/model.safetensors': 'weights' } })

    expect(await resolve('acme/tiny')).toEqual({
      source: 'hub',
      repository: 'acme/tiny',
      revision: hub.commitOf('acme/tiny'),
      files: [
        // What `git hash-object` and `sha256sum` say of these contents.
        { path: 'config.json', sizeBytes: 2, etag: '9e26dfeeb6e641a33dae4961196235bdb965b21b' },
        {
          path: 'onnx/model.safetensors',
          sizeBytes: 7,
          sha256: '9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c',
        },
      ],
    })
  })

  test('finds a branch with a slash in its name, and a commit by its id', async () => {
    hub.add('acme/tiny', { files: { a: '1' }, revisions: { 'refs/pr/1': { a: '2' } } })
    const commit = hub.commitOf('acme/tiny', 'refs/pr/1')

    expect((await resolve('acme/tiny', 'refs/pr/1')).revision).toBe(commit)
    expect((await resolve('acme/tiny', commit)).revision).toBe(commit)
    expect((await resolve('acme/tiny', 'main')).revision).not.toBe(commit)
  })

  test('reads every page of a long listing', async () => {
    hub.pageSize = 3
    hub.add('acme/long', {
      files: Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`${i}.txt`, `${i}`])),
    })
    expect((await resolve('acme/long')).files).toHaveLength(10)
  })

  test('does not give up at a passing failure', async () => {
    hub.add('acme/tiny', { files: { a: '1' } })
    hub.apiFaults.push({ status: 500 }, { status: 429, headers: { 'retry-after': '0' } })
    expect((await resolve('acme/tiny')).files).toHaveLength(1)
  })

  test('refuses a repository with more files than one may have', async () => {
    hub.add('acme/long', { files: { a: '1', b: '2', c: '3' } })
    const error = await failure(
      store({ limits: { files: 2 } }).resolve({ repository: 'acme/long', revision: null }),
    )
    expect(error).toMatchObject({ code: 'invalid', message: expect.stringContaining('more than 2 files') })
  })

  test('refuses a listing that leads out of its directory', async () => {
    hub.add('acme/evil', { files: { '../../outside': 'x' } })
    expect(await failure(resolve('acme/evil'))).toMatchObject({
      reason: 'hub_unreachable',
      message: expect.stringContaining('../../outside'),
    })
  })
})

describe('a refusal has a reason and a way out', () => {
  beforeEach(() => {
    hub.add('acme/open', { files: { a: '1' } })
    hub.add('acme/private', { files: { a: '1' }, private: true })
    hub.add('acme/gated', { files: { a: '1' }, gated: true })
    hub.addToken('hf_plain')
    hub.addToken('hf_member', ['acme/private', 'acme/gated'])
  })

  test.for<{ when: string; of: [string, string | null, string?]; reason: string; says: string }>([
    { when: 'unknown', of: ['acme/none', null], reason: 'repository_not_found', says: 'put a token' },
    {
      when: 'unknown to a token',
      of: ['acme/none', null, 'hf_plain'],
      reason: 'repository_not_found',
      says: 'may not read',
    },
    { when: 'private', of: ['acme/private', null], reason: 'repository_not_found', says: 'HF_TOKEN' },
    {
      when: 'private to a token',
      of: ['acme/private', null, 'hf_plain'],
      reason: 'repository_not_found',
      says: 'acme/private',
    },
    { when: 'gated', of: ['acme/gated', null], reason: 'hub_gated', says: 'accept its terms' },
    {
      when: 'gated to a token',
      of: ['acme/gated', null, 'hf_plain'],
      reason: 'hub_gated',
      says: 'wait until access',
    },
    {
      when: 'a wrong token',
      of: ['acme/open', null, 'hf_wrong'],
      reason: 'hub_token_invalid',
      says: 'expired or revoked',
    },
    { when: 'an unknown revision', of: ['acme/open', 'v9'], reason: 'revision_not_found', says: '"v9"' },
    { when: 'not a name', of: ['../../etc/passwd', null], reason: 'repository_not_found', says: 'org/name' },
    { when: 'a dotted name', of: ['../x', null], reason: 'repository_not_found', says: 'org/name' },
  ])('$when', async ({ of: [repository, revision, token], reason, says }) => {
    const error = await failure(resolve(repository, revision, token))
    expect(error).toMatchObject({ code: 'invalid', reason, message: expect.stringContaining(says) })
    expect(everythingSaid(error)).not.toContain('hf_')
  })

  test('who has access gets in, with an own token or the installation’s', async () => {
    expect((await resolve('acme/gated', null, 'hf_member')).files).toHaveLength(1)
    const artifact = await store({ token: 'hf_member' }).resolve({
      repository: 'acme/private',
      revision: null,
    })
    expect(artifact.files).toHaveLength(1)
  })

  test('a Hub that repeats the token in its refusal does not get it into our message', async () => {
    hub.apiFaults.push({ status: 403, headers: { 'x-error-message': 'token hf_secret may not' } })
    const error = await failure(resolve('acme/open', null, 'hf_secret'))
    expect(error).toMatchObject({ reason: 'hub_gated', message: expect.stringContaining('token … may not') })
    expect(everythingSaid(error)).not.toContain('hf_secret')
  })

  test('a Hub where nobody listens is unreachable, which may pass', async () => {
    const nobody = await closedPort()
    const error = await failure(
      store({ hubUrl: nobody }).resolve({ repository: 'acme/open', revision: null }),
    )
    expect(error).toMatchObject({ code: 'unavailable', reason: 'hub_unreachable' })
    expect(error.message).toMatch(/ECONNREFUSED.*HF_ENDPOINT/)
  })

  test('something that answers and is no Hub is unreachable too', async () => {
    const page = createServer((_, response) => response.end('<html>Please log in</html>'))
    await new Promise<void>((ready) => page.listen(0, '127.0.0.1', ready))
    const { port } = page.address() as { port: number }
    try {
      const it = store({ hubUrl: `http://127.0.0.1:${port}` })
      expect(await failure(it.resolve({ repository: 'acme/open', revision: null }))).toMatchObject({
        reason: 'hub_unreachable',
      })
    } finally {
      page.closeAllConnections()
      page.close()
    }
  })

  test('a Hub that says nothing is given up after the silence limit', async () => {
    let asked = 0
    const mute = createServer(() => {
      asked += 1
    })
    await new Promise<void>((ready) => mute.listen(0, '127.0.0.1', ready))
    const { port } = mute.address() as { port: number }
    const clock = new FakeClock()
    try {
      const it = store({
        hubUrl: `http://127.0.0.1:${port}`,
        clock,
        limits: { silenceMs: 1_000, firstBackoffMs: 1 },
      })
      const outcome = failure(it.resolve({ repository: 'acme/open', revision: null }))
      // Sockets do not follow the clock, so it is moved until the last attempt has come and gone.
      await expect
        .poll(
          async () => {
            if (asked < 3) await clock.advance(250)
            return asked
          },
          { timeout: 10_000, interval: 10 },
        )
        .toBe(3)
      await clock.advance(1_000)
      expect(await outcome).toMatchObject({
        reason: 'hub_unreachable',
        message: expect.stringContaining('nothing came for 1 s'),
      })
    } finally {
      mute.closeAllConnections()
      mute.close()
    }
  })
})

/** Message, causes and all: whatever a log would print of it. */
function everythingSaid(error: unknown): string {
  if (!(error instanceof Error)) return messageOf(error)
  return `${error.stack} ${JSON.stringify(error)} ${error.cause ? everythingSaid(error.cause) : ''}`
}

async function closedPort(): Promise<string> {
  const server = createServer()
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const { port } = server.address() as { port: number }
  await new Promise((closed) => server.close(closed))
  return `http://127.0.0.1:${port}`
}
