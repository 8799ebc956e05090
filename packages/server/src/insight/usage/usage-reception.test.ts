import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import type { UsageRecord } from '../../domain/usage/usage-record.ts'
import { silentLog } from '../../platform/log.ts'
import { openSqliteStore } from '../../store/sql/sqlite-store.ts'
import type { Store } from '../../store/store.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { type UsageConsumer, UsageReception } from './usage-reception.ts'

let directory: string
let store: Store
let clock: FakeClock
let acknowledged: string[]
let consumed: string[]
beforeEach(async () => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'berth-usage-'))
  store = await openSqliteStore({ file: path.join(directory, 'berth.db'), key: Buffer.alloc(32, 7) })
  clock = new FakeClock(1_800_000_000_000)
  acknowledged = []
  consumed = []
})
afterEach(async () => {
  await store.close()
  rmSync(directory, { recursive: true })
})

const consume: UsageConsumer = (records) => consumed.push(...records.map(({ requestId }) => requestId))

const reception = (consumers = [consume], on = store) =>
  new UsageReception({
    clock,
    log: silentLog,
    store: on,
    acknowledge: (gatewayId, sequence) => acknowledged.push(`${gatewayId} ${sequence}`),
    consumers,
  })

const record = (requestId: string, changes: Partial<UsageRecord> = {}): UsageRecord => ({
  requestId,
  endpointId: 'chat' as EndpointId,
  replicaId: 'a' as ReplicaId,
  tokenId: 'mine',
  arrivedAt: clock.now(),
  status: 200,
  inputTokens: 10,
  outputTokens: 5,
  cachedTokens: 0,
  isEstimated: false,
  durationMs: 100,
  heldMs: 0,
  firstTokenMs: null,
  interTokenMs: null,
  ...changes,
})

const requests = async () =>
  (await store.usage.list({ from: 0, to: Number.MAX_SAFE_INTEGER })).reduce(
    (sum, total) => sum + total.requests,
    0,
  )

test('a batch is stored, acknowledged and handed on', async () => {
  const usage = reception()
  usage.receive('gw-1', 1, [record('a'), record('b')])
  expect(acknowledged).toEqual([])
  await usage.close()
  expect(acknowledged).toEqual(['gw-1 1'])
  expect(consumed).toEqual(['a', 'b'])
  expect(await requests()).toBe(2)
})

test('a batch that comes again is acknowledged again and counted once, also by another process', async () => {
  const first = reception()
  first.receive('gw-1', 1, [record('a')])
  first.receive('gw-1', 1, [record('a')])
  await first.close()
  const second = reception()
  second.receive('gw-1', 1, [record('a')])
  second.receive('gw-1', 2, [record('b')])
  await second.close()
  expect(acknowledged).toEqual(['gw-1 1', 'gw-1 1', 'gw-1 1', 'gw-1 2'])
  expect(consumed).toEqual(['a', 'b'])
  expect(await requests()).toBe(2)
})

test('what could not be stored is neither acknowledged nor handed on, and tried again', async () => {
  let broken = true
  const flaky: Store = {
    ...store,
    transaction: (body) => (broken ? Promise.reject(new Error('the disk is full')) : store.transaction(body)),
  }
  const usage = reception([consume], flaky)
  usage.receive('gw-1', 1, [record('a')])
  await clock.advance(10)
  expect(acknowledged).toEqual([])
  broken = false
  await clock.advance(1_000)
  await expect.poll(() => acknowledged).toEqual(['gw-1 1'])
  expect(consumed).toEqual(['a'])
})

test('a consumer that fails takes nothing from the others', async () => {
  const fails = () => {
    throw new Error('a bug')
  }
  const usage = reception([fails, consume])
  usage.receive('gw-1', 1, [record('a')])
  await usage.close()
  expect(consumed).toEqual(['a'])
  expect(acknowledged).toEqual(['gw-1 1'])
})

test('an empty batch is acknowledged too', async () => {
  const usage = reception()
  usage.receive('gw-1', 1, [])
  await usage.close()
  expect(acknowledged).toEqual(['gw-1 1'])
})

test('sums are kept for more than a year, and no longer', async () => {
  const usage = reception()
  usage.receive('gw-1', 1, [record('old'), record('new', { arrivedAt: clock.now() + 3_600_000 })])
  await expect.poll(() => acknowledged).toHaveLength(1)
  await clock.advance(400 * 24 * 3_600_000 + 3_600_000)
  await usage.prune()
  expect(await requests()).toBe(1)
  await usage.close()
})
