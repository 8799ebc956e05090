import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSqliteStore } from '../store/sql/sqlite-store.ts'
import type { Store } from '../store/store.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { CHANGES_KEPT, HAPPENINGS_KEPT, pruneEvents } from './prune-events.ts'

const DAY_MS = 24 * 3_600_000

let directory: string
let store: Store
const clock = new FakeClock(1_800_000_000_000)

beforeEach(async () => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'berth-events-'))
  store = await openSqliteStore({ file: path.join(directory, 'berth.db'), key: Buffer.alloc(32, 1) })
})
afterEach(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

const append = (kind: string, at: number) =>
  store.events.append({
    at,
    kind,
    endpoint: 'team/chat',
    actor: { id: 'x', name: 'x' },
    message: '',
    details: {},
  })
const left = async () => (await store.events.list({ limit: 10_000 })).map(({ kind }) => kind).toReversed()

test('who changed what outlives what happened by itself', async () => {
  const now = clock.now()
  await append('endpoint.created', now - CHANGES_KEPT.ageMs - DAY_MS)
  await append('endpoint.updated', now - CHANGES_KEPT.ageMs + DAY_MS)
  await append('replica.failed', now - HAPPENINGS_KEPT.ageMs - DAY_MS)
  await append('scale.changed', now - HAPPENINGS_KEPT.ageMs + DAY_MS)
  await append('state.changed', now)
  await pruneEvents(store, clock)
  expect(await left()).toEqual(['endpoint.updated', 'scale.changed', 'state.changed'])
})

test('an endpoint that crashes all day loses its oldest crashes, and no change', async () => {
  await append('endpoint.created', clock.now())
  await store.transaction(async ({ events }) => {
    for (let i = 0; i < HAPPENINGS_KEPT.perEndpoint + 50; i++) {
      const actor = { id: 'x', name: 'x' }
      await events.append({
        at: clock.now(),
        kind: 'replica.failed',
        endpoint: 'team/chat',
        actor,
        message: '',
        details: { i },
      })
    }
  })
  await pruneEvents(store, clock)
  const events = await store.events.list({ limit: 10_000 })
  expect(events).toHaveLength(HAPPENINGS_KEPT.perEndpoint + 1)
  expect(events.at(-1)?.kind).toBe('endpoint.created')
  expect(events.at(-2)?.details).toEqual({ i: 50 })
})
