import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { EndpointWithStatus, News } from '@berth/contract'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EndpointId } from '../domain/replica.ts'
import { Changes } from '../platform/changes.ts'
import { anEndpoint, anEvent } from '../store/conformance.ts'
import { openSqliteStore } from '../store/sql/sqlite-store.ts'
import type { Store } from '../store/store.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { liveNews } from './live.ts'

const ID = 'aaaaaaaaaaaaaaaa' as EndpointId

let directory: string
let store: Store
let clock: FakeClock
let changes: Changes<EndpointId>
let leaving: AbortController
/** What an endpoint looks like now. */
let state: string
beforeEach(async () => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'berth-live-'))
  store = await openSqliteStore({ file: path.join(directory, 'berth.db'), key: Buffer.alloc(32, 7) })
  clock = new FakeClock(1_800_000_000_000)
  changes = new Changes()
  leaving = new AbortController()
  state = 'running'
  await store.endpoints.create(anEndpoint(ID))
})
afterEach(async () => {
  leaving.abort()
  await store.close()
  rmSync(directory, { recursive: true })
})

/** A listener, and the news that it has had. */
function listen(after?: string) {
  const news: News[] = []
  const rooms = {
    clock,
    store,
    listen: (listener: (id: EndpointId) => void) => changes.listen(listener),
    view: async ({ spec }: { readonly spec: { readonly name: string } }) =>
      ({ name: spec.name, status: { state } }) as EndpointWithStatus,
  }
  const ended = (async () => {
    for await (const one of liveNews(rooms, 'team', after, leaving.signal)) news.push(one)
  })()
  return { news, ended }
}

const inShort = (news: readonly News[]) =>
  news.map((one) =>
    one.type === 'endpoint'
      ? `${one.endpoint.name} ${one.endpoint.status.state}`
      : one.type === 'event'
        ? one.event.kind
        : one.type === 'ready'
          ? `ready${one.missed ? ', missed' : ''}`
          : `${one.name} gone`,
  )

/** Lets time pass until so much is told. */
async function until(listener: ReturnType<typeof listen>, count: number) {
  for (let step = 0; step < 200 && listener.news.length < count; step++) await clock.advance(50)
  return inShort(listener.news)
}

test('a new listener is told to read what it shows, and from then on what changes', async () => {
  await store.events.append(anEvent({ kind: 'long.ago' }))
  const listener = listen()
  expect(await until(listener, 1)).toEqual(['ready, missed'])
  state = 'updating'
  changes.announce(ID)
  expect(await until(listener, 2)).toEqual(['ready, missed', 'guide-aaaa updating'])
  await store.events.append(anEvent({ kind: 'scale.changed' }))
  expect(await until(listener, 3)).toContain('scale.changed')
})

test('what is announced and did not change is not told again', async () => {
  const listener = listen()
  await until(listener, 1)
  for (let i = 0; i < 3; i++) {
    changes.announce(ID)
    await clock.advance(100)
  }
  await store.events.append(anEvent({ kind: 'last' }))
  expect(await until(listener, 3)).toEqual(['ready, missed', 'guide-aaaa running', 'last'])
})

test('what happens elsewhere is not told', async () => {
  const listener = listen()
  await until(listener, 1)
  await store.events.append(anEvent({ kind: 'elsewhere', endpoint: 'other/guide' }))
  await store.events.append(anEvent({ kind: 'here' }))
  expect(await until(listener, 2)).toEqual(['ready, missed', 'here'])
})

test('an endpoint that is deleted is gone', async () => {
  const listener = listen()
  await until(listener, 1)
  await store.endpoints.delete(ID)
  changes.announce(ID)
  expect(await until(listener, 2)).toEqual(['ready, missed', 'guide-aaaa gone'])
})

test('who lost the stream goes on after the last news, and misses nothing', async () => {
  const first = listen()
  await until(first, 1)
  await store.events.append(anEvent({ kind: 'one' }))
  await until(first, 2)
  const last = first.news.at(-1)!.id
  leaving.abort()
  await clock.advance(1)
  await first.ended
  await store.events.append(anEvent({ kind: 'two' }))
  await store.events.append(anEvent({ kind: 'three' }))
  const status = { endpointId: ID, state: 'failed', at: clock.now() + 1 } as never
  await store.statuses.set(status)
  state = 'failed'

  leaving = new AbortController()
  expect(await until(listen(last), 4)).toEqual(['ready', 'two', 'three', 'guide-aaaa failed'])
})

test.for(['999999.1', 'nonsense', `0.${'9'.repeat(20)}`])(
  'a place that is none (%s) is as good as no place',
  async (place) => {
    expect(await until(listen(place), 1)).toEqual(['ready, missed'])
  },
)

test('who was away for too long is told so instead of everything', async () => {
  await store.transaction(async ({ events }) => {
    for (let i = 0; i < 501; i++) await events.append(anEvent({ kind: 'one.of.many' }))
  })
  expect(await until(listen('0.1'), 1)).toEqual(['ready, missed'])
})

test('a listener that leaves is forgotten', async () => {
  const listener = listen()
  await until(listener, 1)
  leaving.abort()
  await listener.ended
  changes.announce(ID)
  expect(inShort(listener.news)).toEqual(['ready, missed'])
})
