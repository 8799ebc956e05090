import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { TokenGrant } from '../link/messages.ts'
import { openSqliteStore } from '../store/sql/sqlite-store.ts'
import type { Store } from '../store/store.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { Access } from './access.ts'

let directory: string
let store: Store
const clock = new FakeClock(1_000_000)
const granted: TokenGrant[] = []
const revoked: string[] = []
let access: Access

beforeEach(async () => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'berth-access-'))
  store = await openSqliteStore({ file: path.join(directory, 'berth.db'), key: Buffer.alloc(32, 1) })
  await store.namespaces.create({ name: 'admin', kind: 'user', createdAt: 0 })
  granted.length = revoked.length = 0
  access = new Access({
    clock,
    store,
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
