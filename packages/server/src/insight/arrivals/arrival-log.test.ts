import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import type { UsageRecord } from '../../domain/usage/usage-record.ts'
import { silentLog } from '../../platform/log.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { ROW_BYTES } from './arrival.ts'
import { ARRIVALS_KEPT_DAYS, ArrivalLog } from './arrival-log.ts'

const DAY_MS = 24 * 60 * 60_000
const ID = 'endpoint-1' as EndpointId
let directory: string
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'arrivals-'))
})
afterEach(() => rm(directory, { recursive: true }))

function open(at = 0, maxBytesPerEndpoint?: number) {
  const clock = new FakeClock(at)
  const limits = maxBytesPerEndpoint === undefined ? {} : { maxBytesPerEndpoint }
  return new ArrivalLog({ directory, clock, log: silentLog, ...limits })
}

function record(arrivedAt: number, changes: Partial<UsageRecord> = {}): UsageRecord {
  return {
    requestId: 'r',
    endpointId: ID,
    replicaId: 'replica-1' as ReplicaId,
    tokenId: null,
    arrivedAt,
    status: 200,
    inputTokens: 700,
    outputTokens: 60,
    cachedTokens: 100,
    isEstimated: false,
    durationMs: 2_000,
    heldMs: 10,
    firstTokenMs: 250.5,
    interTokenMs: 20.25,
    ...changes,
  }
}

const everything = { from: 0, to: 1_000 * DAY_MS, limit: 1_000_000 }

test('what came is read again as it was, in the order it came, by another process too', async () => {
  const log = open(100 * DAY_MS)
  const now = 100 * DAY_MS
  log.count([
    record(now + 500),
    record(now - 1),
    record(now + 20, { firstTokenMs: null, interTokenMs: null }),
  ])
  await log.flush()
  const read = await open().read(ID, everything)
  expect(read.map(({ at }) => at)).toEqual([now - 1, now + 20, now + 500])
  const { at: _, replica, ...fields } = read[2]!
  const { inputTokens, cachedTokens, outputTokens, heldMs, durationMs } = record(0)
  const times = { firstTokenMs: 250.5, interTokenMs: 20.25 }
  expect(fields).toEqual({ inputTokens, cachedTokens, outputTokens, heldMs, durationMs, ...times })
  expect(replica).toBe(read[0]!.replica)
  expect(read[1]).toMatchObject({ firstTokenMs: null, interTokenMs: null })
  expect(await log.read(ID, { ...everything, limit: 2 })).toEqual(read.slice(1))
  expect(await log.read(ID, { ...everything, from: now, to: now + 500 })).toEqual([read[1]])
})

test('only numbers are kept, and refused requests are no demand', async () => {
  const log = open()
  log.count([
    record(5, { status: 429 }),
    record(6, { status: 401 }),
    record(7, { status: 499 }),
    record(8, { status: 503 }),
  ])
  expect((await log.read(ID, everything)).map(({ at }) => at)).toEqual([7, 8])
})

test('a row that a kill cut off costs that row alone', async () => {
  const log = open()
  log.count([record(1), record(2)])
  await log.flush()
  const file = path.join(directory, ID, (await readdir(path.join(directory, ID)))[0]!)
  await appendFile(file, Buffer.alloc(ROW_BYTES - 3))
  const next = open()
  next.count([record(3)])
  expect((await next.read(ID, everything)).map(({ at }) => at)).toEqual([1, 2, 3])
})

test('an endpoint keeps so many days and so many bytes, the newest of them', async () => {
  const log = open(100 * DAY_MS, 3 * ROW_BYTES)
  log.count([record((100 - ARRIVALS_KEPT_DAYS - 1) * DAY_MS)])
  await log.flush()
  expect(await log.read(ID, everything)).toEqual([])
  log.count([98, 98, 99, 100, 100].map((day) => record(day * DAY_MS)))
  await log.flush()
  expect((await log.read(ID, everything)).map(({ at }) => at / DAY_MS)).toEqual([99, 100, 100])
})

test('an endpoint that is deleted leaves nothing, and its neighbour everything', async () => {
  const log = open()
  const other = 'endpoint-2' as EndpointId
  log.count([record(1), record(2, { endpointId: other })])
  await log.flush()
  log.count([record(3)])
  await log.forget(ID)
  expect(await log.read(ID, everything)).toEqual([])
  expect(await log.read(other, everything)).toHaveLength(1)
  expect(await readdir(directory)).toEqual([other])
})
