import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { TokenGrant } from '../link/messages.ts'
import { silentLog } from '../platform/log.ts'
import { openSqliteStore } from '../store/sql/sqlite-store.ts'
import type { Store } from '../store/store.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { Access } from './access.ts'
import { TokenUses } from './token-uses.ts'

let directory: string
let store: Store
const clock = new FakeClock(1_000_000)
const granted: TokenGrant[] = []
const revoked: string[] = []
let uses: TokenUses
let access: Access

beforeEach(async () => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'berth-access-'))
  store = await openSqliteStore({ file: path.join(directory, 'berth.db'), key: Buffer.alloc(32, 1) })
  await store.namespaces.create({ name: 'admin', kind: 'user', createdAt: 0 })
  granted.length = revoked.length = 0
  uses = new TokenUses({ clock, log: silentLog, store })
  access = new Access({
    clock,
    store,
    uses,
    granted: (grant) => granted.push(grant),
    revoked: (hash) => revoked.push(hash),
  })
})

afterEach(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

const wish = { name: 'laptop', role: 'read', expiresAt: null } as const

test('a token works until it is revoked, and the gateways are told both times', async () => {
  const { token, text } = await access.createToken(wish, 'admin')
  expect(await access.authenticate(text)).toMatchObject({
    user: 'admin',
    role: 'read',
    namespaces: ['admin'],
  })
  expect(granted).toMatchObject([{ hash: token.hash, user: 'admin' }])

  await access.revokeToken(token.id, 'admin')
  expect(await access.authenticate(text)).toBeUndefined()
  expect(revoked).toEqual([token.hash])
})

test('the text of a token is nowhere in the store', async () => {
  const { text, token } = await access.createToken(wish, 'admin')
  const everything = JSON.stringify([await store.tokens.list(), await store.events.list({ limit: 100 })])
  expect(everything).not.toContain(text)
  expect(text.startsWith(token.prefix)).toBe(true)
})

test('an expired token is no token', async () => {
  const { text } = await access.createToken({ ...wish, expiresAt: clock.now() + 10 }, 'admin')
  expect(await access.authenticate(text)).toBeDefined()
  await clock.advance(10)
  expect(await access.authenticate(text)).toBeUndefined()
  expect(await access.grants()).toEqual([])
})

test('an expiry in the past is refused', async () => {
  await expect(access.createToken({ ...wish, expiresAt: 1 }, 'admin')).rejects.toThrow(
    'must be in the future',
  )
})

test('signing out ends what a sign-in began, and leaves a token that a person made', async () => {
  const session = await access.createToken({ ...wish, name: 'console', isSession: true }, 'admin')
  const made = await access.createToken(wish, 'admin')
  await access.endSession(session.token.id, 'mallory')
  expect(await access.authenticate(session.text)).toBeDefined()
  for (const { token } of [session, made]) await access.endSession(token.id, 'admin')
  expect(await access.authenticate(session.text)).toBeUndefined()
  expect(await access.authenticate(made.text)).toBeDefined()
  expect(revoked).toEqual([session.token.hash])
})

test('nobody revokes the token of another', async () => {
  const { token } = await access.createToken(wish, 'admin')
  await expect(access.revokeToken(token.id, 'mallory')).rejects.toThrow('no token with the id')
})

test('the limits of a token reach the gateways', async () => {
  const limits = { requestsPerMinute: 60 }
  await access.createToken({ ...wish, limits }, 'admin')
  expect(granted).toMatchObject([{ limits }])
  expect(await access.grants()).toMatchObject([{ limits }])
})

describe('when a token was last used', () => {
  const lastUsed = async () => (await access.tokensOf('admin')).map(({ lastUsedAt }) => lastUsedAt)
  const stored = async () => (await store.tokens.list()).map(({ lastUsedAt }) => lastUsedAt)

  test('is known at once, and written down with what else came in half a minute', async () => {
    const { token, text } = await access.createToken(wish, 'admin')
    expect(await lastUsed()).toEqual([null])
    await access.authenticate(text)
    const first = clock.now()
    expect(await lastUsed()).toEqual([first])
    expect(await stored()).toEqual([null])
    await clock.advance(30_000)
    await expect.poll(stored).toEqual([first])

    // A gateway tells of a time after that; within the minute it is no news.
    uses.used({ tokenId: token.id, at: first + 59_000 })
    expect(await lastUsed()).toEqual([first])
    uses.used({ tokenId: token.id, at: first + 60_000 })
    expect(await lastUsed()).toEqual([first + 60_000])
    await uses.close()
    expect(await stored()).toEqual([first + 60_000])
  })

  test('is what another process wrote down, if that is later', async () => {
    const { token } = await access.createToken(wish, 'admin')
    uses.used({ tokenId: token.id, at: 5_000 })
    await store.tokens.used([{ id: token.id, at: 70_000 }])
    expect(await lastUsed()).toEqual([70_000])
    await uses.close()
    expect(await stored()).toEqual([70_000])
  })

  test('is told again after it could not be written', async () => {
    let isBroken = true
    const flaky = new TokenUses({
      clock,
      log: silentLog,
      store: {
        tokens: {
          ...store.tokens,
          used: (list) =>
            isBroken ? Promise.reject(new Error('the disk is full')) : store.tokens.used(list),
        },
      },
    })
    const { token } = await access.createToken(wish, 'admin')
    flaky.used({ tokenId: token.id, at: 5_000 })
    await clock.advance(30_000)
    isBroken = false
    flaky.used({ tokenId: token.id, at: 6_000 })
    await flaky.close()
    expect(await stored()).toEqual([6_000])
  })
})

test('what a sign-in left goes when it has expired, and what a person made a month later', async () => {
  const names = async () => (await store.tokens.list()).map(({ name }) => name).toSorted()
  const expiresAt = clock.now() + 1_000
  await access.createToken({ ...wish, name: 'console', expiresAt, isSession: true }, 'admin')
  await access.createToken({ ...wish, name: 'mine', expiresAt }, 'admin')
  await access.createToken(wish, 'admin')
  await access.tidy()
  expect(await names()).toEqual(['console', 'laptop', 'mine'])
  await clock.advance(1_000)
  await access.tidy()
  expect(await names()).toEqual(['laptop', 'mine'])
  expect(revoked).toHaveLength(1)
  await clock.advance(30 * 24 * 3_600_000)
  await access.tidy()
  expect(await names()).toEqual(['laptop'])
})
