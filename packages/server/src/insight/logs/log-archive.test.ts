import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import { silentLog } from '../../platform/log.ts'
import { FakeDriver, FakeRuntime } from '../../runtime/fake/fake-driver.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import type { KeptLine } from './kept-line.ts'
import { lineId, parseLineId } from './line-id.ts'
import { type FollowQuery, type LineQuery, LOGS_KEPT_MS, LogArchive } from './log-archive.ts'
import { LogKeeper } from './log-keeper.ts'
import { ReplicaArchive } from './replica-archive.ts'

const CHAT = 'chat' as EndpointId
const A = 'aaaaaaaa-aaaaa' as ReplicaId
const B = 'aaaaaaaa-bbbbb' as ReplicaId

let directory: string
let clock: FakeClock
let leaving: AbortController
beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'berth-archive-'))
  clock = new FakeClock(1_800_000_000_000)
  leaving = new AbortController()
})
afterEach(() => {
  leaving.abort()
  rmSync(directory, { recursive: true })
})

const line = (number: number, changes: Partial<KeptLine> = {}): KeptLine => ({
  at: clock.now() + number,
  number,
  stream: 'output',
  level: null,
  text: `line ${number}`,
  ...changes,
})

describe('what one replica printed', () => {
  const at = () => path.join(directory, CHAT, A)
  const open = () => new ReplicaArchive(at(), 500)
  const numbers = async (archive = open()) => {
    const segments = await new LogArchive(directory, clock).read(CHAT, { limit: 10_000, from: 'oldest' })
    expect(await archive.end()).toMatchObject({ number: segments.at(-1)?.number ?? 0 })
    return segments.map(({ number }) => number)
  }

  test('is read back, and goes on in a later process where it was left', async () => {
    const archive = open()
    await archive.append({ lines: [line(1), line(2)], place: 'p2' })
    expect(await open().end()).toEqual({ at: line(2).at, number: 2, place: 'p2' })
    const next = open()
    await next.append({ lines: [line(3)], place: 'p3' })
    expect(await numbers()).toEqual([1, 2, 3])
  })

  test('is compressed piece by piece', async () => {
    const archive = open()
    for (let i = 1; i <= 40; i++) await archive.append({ lines: [line(i)], place: `p${i}` })
    const closed = readdirSync(at()).filter((name) => name.endsWith('.zst'))
    expect(closed.length).toBeGreaterThan(3)
    expect(statSync(path.join(at(), 'open.ndjson')).size).toBeLessThan(500)
    expect(await numbers()).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
    expect(await open().end()).toMatchObject({ number: 40, place: 'p40' })
  })

  test('a kill anywhere in a write loses that write alone, and its place with it', async () => {
    const archive = open()
    await archive.append({ lines: [line(1)], place: 'p1' })
    const whole = statSync(path.join(at(), 'open.ndjson')).size
    await archive.append({ lines: [line(2)], place: 'p2' })
    const all = readFileSync(path.join(at(), 'open.ndjson'))
    for (let cut = whole; cut < all.length; cut++) {
      truncateSync(path.join(at(), 'open.ndjson'), whole)
      appendFileSync(path.join(at(), 'open.ndjson'), all.subarray(whole, cut))
      const next = open()
      expect(await next.end()).toMatchObject({ number: 1, place: 'p1' })
      await next.append({ lines: [line(2)], place: 'p2' })
      expect(await numbers()).toEqual([1, 2])
    }
  })

  test('a kill between compressing and emptying leaves no line twice', async () => {
    const archive = open()
    await archive.append({ lines: [line(1), line(2)], place: 'p2' })
    const before = readFileSync(path.join(at(), 'open.ndjson'))
    await archive.finish()
    rmSync(path.join(at(), 'open.ndjson'))
    appendFileSync(path.join(at(), 'open.ndjson'), before)
    expect(await open().end()).toMatchObject({ number: 2, place: 'p2' })
    expect(await numbers()).toEqual([1, 2])
  })
})

describe('what is asked of the logs of an endpoint', () => {
  let archive: LogArchive
  beforeEach(async () => {
    archive = new LogArchive(directory, clock)
    const levels = ['info', 'warn', 'error'] as const
    const lines = Array.from({ length: 6 }, (_, i) => line(i + 1, { level: levels[i % 3]! }))
    await archive.replica(CHAT, A)!.append({ lines, place: 'a' })
    await archive.replica(CHAT, A)!.finish()
    const other = [
      line(1, { at: clock.now() + 2, text: 'Grüße "quoted"' }),
      line(2, { at: clock.now() + 90, text: 'last' }),
    ]
    await archive.replica(CHAT, B)!.append({ lines: other, place: 'b' })
  })

  const read = async (query: Partial<LineQuery>) =>
    (await archive.read(CHAT, { limit: 100, from: 'newest', ...query })).map(
      ({ replica, number }) => `${replica.at(-1)}${number}`,
    )

  test.for<[string, () => Partial<LineQuery>, string[]]>([
    [
      'everything, in the order of time over all replicas',
      () => ({}),
      ['a1', 'a2', 'b1', 'a3', 'a4', 'a5', 'a6', 'b2'],
    ],
    ['the newest', () => ({ limit: 2 }), ['a6', 'b2']],
    ['the oldest', () => ({ limit: 2, from: 'oldest' }), ['a1', 'a2']],
    ['none', () => ({ limit: 0 }), []],
    ['one replica', () => ({ replica: B }), ['b1', 'b2']],
    [
      'a range, both ends included',
      () => ({ since: clock.now() + 2, until: clock.now() + 4 }),
      ['a2', 'b1', 'a3', 'a4'],
    ],
    ['a severity and worse', () => ({ level: 'warn' as const }), ['a2', 'a3', 'a5', 'a6']],
    ['a text, whatever its case', () => ({ search: 'LINE 3' }), ['a3']],
    ['a text that a file writes otherwise', () => ({ search: '"QUOTED' }), ['b1']],
    ['a text with letters of its own', () => ({ search: 'GRÜSSE'.toLowerCase().replace('ss', 'ß') }), ['b1']],
    ['a text that nobody printed', () => ({ search: 'nowhere' }), []],
    [
      'what is older than a line',
      () => ({ before: { at: clock.now() + 3, number: 3, replica: A } }),
      ['a1', 'a2', 'b1'],
    ],
    ['what is newer than a line', () => ({ after: { at: clock.now() + 6, number: 6, replica: A } }), ['b2']],
  ])('%s', async ([, query, expected]) => {
    expect(await read(query())).toEqual(expected)
  })

  test('the id of a line is read back, and nothing else is one', () => {
    const id = { at: 1_800_000_000_000, number: 7, replica: A }
    expect(parseLineId(lineId(id))).toEqual(id)
    for (const text of ['', '1.2', '1.2.', 'a.b.c', `1.2.${'x'.repeat(61)}`, '1.2.<x>']) {
      expect(parseLineId(text)).toBeUndefined()
    }
  })

  test('what is older than a month is removed, and the oldest of what is too much', async () => {
    await archive.replica(CHAT, B)!.finish()
    await new LogArchive(directory, clock).prune()
    expect(await read({})).toHaveLength(8)
    const bytes = readdirSync(path.join(directory, CHAT, B)).map(
      (name) => statSync(path.join(directory, CHAT, B, name)).size,
    )
    await new LogArchive(directory, clock, Math.max(...bytes)).prune()
    expect(await read({})).toEqual(['b1', 'b2'])
    await clock.advance(LOGS_KEPT_MS + 1_000)
    await archive.prune()
    expect(await read({})).toEqual([])
  })

  test('the logs of a deleted endpoint go with it, and nothing comes back', async () => {
    await archive.forget(CHAT)
    expect(archive.replica(CHAT, A)).toBeUndefined()
    expect(readdirSync(directory)).toEqual([])
  })
})

describe('what replicas print', () => {
  let runtime: FakeRuntime
  let archive: LogArchive
  let keeper: LogKeeper
  beforeEach(() => {
    runtime = new FakeRuntime(clock)
    begin()
  })

  /** As a control process does when it starts. */
  function begin() {
    archive = new LogArchive(directory, clock)
    keeper = new LogKeeper({ clock, log: silentLog, driver: new FakeDriver(runtime, clock), archive })
  }

  async function start(id: ReplicaId) {
    await new FakeDriver(runtime, clock).start({
      id,
      endpointId: CHAT,
      endpoint: 'admin/chat',
      revision: 1,
      plan: { command: ['engine'], env: {} } as never,
      modelPath: '/model',
      env: {},
      resources: { cpus: 1, memoryBytes: 1, gpus: 0 },
    })
    keeper.see([{ id, endpointId: CHAT }])
  }

  const texts = async () =>
    (await archive.read(CHAT, { limit: 1_000, from: 'oldest' })).map(({ text }) => text)
  /** Lets it be read and written. */
  const settle = async () => {
    for (let i = 0; i < 6; i++) {
      await clock.advance(100)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  function follow(query: Partial<FollowQuery> = {}) {
    const told: string[] = []
    const ended = (async () => {
      for await (const { text } of archive.follow(CHAT, { tail: 0, ...query }, leaving.signal))
        told.push(text)
    })()
    return { told, ended }
  }

  test('is kept line by line, and is still there when the replica is gone', async () => {
    await start(A)
    runtime.write(A, 'one')
    runtime.write(A, 'two \u001b[31mred')
    await settle()
    expect(await texts()).toEqual(['one', 'two red'])
    runtime.exit(A, 1)
    await settle()
    begin()
    expect(await texts()).toEqual(['one', 'two red'])
  })

  test('is neither lost nor doubled by a process that ends in the middle', async () => {
    await start(A)
    runtime.write(A, 'one')
    await settle()
    runtime.write(A, 'two')
    // Nothing waits for the second line to be written.
    begin()
    runtime.write(A, 'three')
    keeper.see([{ id: A, endpointId: CHAT }])
    await settle()
    expect(await texts()).toEqual(['one', 'two', 'three'])
  })

  test('is followed as it comes, over replicas that start later', async () => {
    await start(A)
    runtime.write(A, 'one')
    await settle()
    const all = follow({ tail: 5 })
    const later = follow()
    const onlyB = follow({ replica: B, search: 'O' })
    await settle()
    expect(all.told).toEqual(['one'])
    runtime.write(A, 'two')
    await start(B)
    runtime.write(B, 'three')
    runtime.write(B, 'four')
    await settle()
    expect(all.told.toSorted()).toEqual(['four', 'one', 'three', 'two'])
    expect(later.told.toSorted()).toEqual(['four', 'three', 'two'])
    expect(onlyB.told).toEqual(['four'])
  })

  test('a follower that comes back goes on after the last line that it had', async () => {
    await start(A)
    for (const text of ['one', 'two', 'three']) runtime.write(A, text)
    await settle()
    const [first] = await archive.read(CHAT, { limit: 1, from: 'oldest' })
    const again = follow({ after: first })
    await settle()
    runtime.write(A, 'four')
    await settle()
    expect(again.told).toEqual(['two', 'three', 'four'])
  })

  test('a follower that is far behind reads from files what memory does not hold', async () => {
    await start(A)
    const many = Array.from({ length: 5_000 }, (_, i) => `line ${i}`)
    const slow = archive.follow(CHAT, { tail: 0 }, leaving.signal)[Symbol.asyncIterator]()
    const first = slow.next()
    await settle()
    for (const text of many) runtime.write(A, text)
    await settle()
    const told = [(await first).value!.text]
    while (told.length < many.length) told.push((await slow.next()).value!.text)
    expect(told).toEqual(many)
  })

  test('ends for followers when the endpoint is deleted, and nothing of it is written any more', async () => {
    await start(A)
    const follower = follow()
    await settle()
    await archive.forget(CHAT)
    runtime.write(A, 'too late')
    await settle()
    await follower.ended
    expect(readdirSync(directory)).toEqual([])
  })

  test('at the end the last words of replicas that were stopped are waited for', async () => {
    await start(A)
    await settle()
    runtime.write(A, 'last words')
    runtime.exit(A, 0)
    const closed = keeper.close()
    await settle()
    await closed
    expect(await texts()).toEqual(['last words'])
  })

  test('nobody looks for replicas while there is none, and the next one is read', async () => {
    const driver = new FakeDriver(runtime, clock)
    let lists = 0
    keeper = new LogKeeper({
      ...{ clock, log: silentLog, archive },
      driver: {
        list: () => {
          lists++
          return driver.list()
        },
        output: (...asked) => driver.output(...asked),
      },
    })
    const stop = new AbortController()
    const running = keeper.run(stop.signal)
    await clock.advance(3_600_000)
    expect(lists).toBe(1)
    await start(A)
    runtime.write(A, 'one')
    await settle()
    expect(await texts()).toEqual(['one'])

    // A second one that nobody showed is found by looking.
    const before = lists
    await driver.start({ ...runtime.replicas.get(A)!.spec, id: B })
    runtime.write(B, 'two')
    await clock.advance(2_000)
    await settle()
    expect(lists).toBeGreaterThan(before)
    expect(await texts()).toEqual(['one', 'two'])

    for (const id of [A, B]) {
      runtime.exit(id, 0)
      await driver.stop(id, { graceMs: 0 })
    }
    await settle()
    await clock.advance(4_000)
    const afterwards = lists
    await clock.advance(3_600_000)
    expect(lists).toBe(afterwards)
    stop.abort()
    await running
  })

  test('a replica that never ends does not keep the process from ending', async () => {
    await start(A)
    runtime.write(A, 'still here')
    await settle()
    const closed = keeper.close()
    await clock.advance(2_000)
    await closed
    expect(await texts()).toEqual(['still here'])
  })
})
