import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../replica.ts'
import type { UsageRecord } from './usage-record.ts'
import { mergeUsage, totalUsage } from './usage-totals.ts'

const HOUR_MS = 3_600_000

const record = (changes: Partial<UsageRecord> = {}): UsageRecord => ({
  requestId: 'r',
  endpointId: 'chat' as EndpointId,
  replicaId: 'a' as ReplicaId,
  tokenId: 'mine',
  arrivedAt: 10 * HOUR_MS,
  status: 200,
  inputTokens: 10,
  outputTokens: 5,
  cachedTokens: 2,
  isEstimated: false,
  durationMs: 100,
  heldMs: 0,
  firstTokenMs: null,
  interTokenMs: null,
  ...changes,
})

test('requests of one endpoint, token and hour become one row', () => {
  const totals = totalUsage(
    [
      record(),
      record({ arrivedAt: 11 * HOUR_MS - 1, status: 500, isEstimated: true, firstTokenMs: 40, heldMs: 3 }),
      record({ status: 499, firstTokenMs: 20 }),
    ],
    HOUR_MS,
  )
  expect(totals).toEqual([
    {
      endpointId: 'chat',
      tokenId: 'mine',
      periodStart: 10 * HOUR_MS,
      requests: 3,
      failed: 2,
      estimated: 1,
      inputTokens: 30,
      outputTokens: 15,
      cachedTokens: 6,
      durationMs: 300,
      heldMs: 3,
      streams: 2,
      firstTokenMs: 60,
    },
  ])
})

test.for<[string, Partial<UsageRecord>]>([
  ['another endpoint', { endpointId: 'other' as EndpointId }],
  ['another token', { tokenId: 'yours' }],
  ['no token', { tokenId: null }],
  ['the next hour', { arrivedAt: 11 * HOUR_MS }],
])('%s is a row of its own', ([, changes]) => {
  expect(totalUsage([record(), record(changes)], HOUR_MS)).toHaveLength(2)
})

test('what adapters had is told apart within a row, by what they were and how they were called', () => {
  const asked = (name: string, hash: string) => record({ adapter: { name, hash } })
  const [row, ...others] = totalUsage(
    [record(), asked('support', 'bb'), asked('support', 'aa'), asked('support', 'bb'), asked('help', 'bb')],
    HOUR_MS,
  )
  expect(others).toEqual([])
  expect(row).toMatchObject({ requests: 5, inputTokens: 50, outputTokens: 25 })
  expect(row?.adapters).toEqual([
    { hash: 'aa', name: 'support', requests: 1, inputTokens: 10, outputTokens: 5 },
    { hash: 'bb', name: 'help', requests: 1, inputTokens: 10, outputTokens: 5 },
    { hash: 'bb', name: 'support', requests: 2, inputTokens: 20, outputTokens: 10 },
  ])
  expect(totalUsage([record()], HOUR_MS)[0]).not.toHaveProperty('adapters')
})

test('nobody whose name is made of the separators of others shares their row', () => {
  const odd = record({ endpointId: 'chat","mine' as EndpointId, tokenId: '' })
  expect(
    totalUsage([record(), odd, record({ tokenId: 'null' }), record({ tokenId: null })], HOUR_MS),
  ).toHaveLength(4)
})

test('however records are cut into batches, and whatever the order, the sums are the same', () => {
  const anyRecord = fc.record({
    endpointId: fc.constantFrom('a', 'b').map((id) => id as EndpointId),
    tokenId: fc.constantFrom('t', null),
    arrivedAt: fc.nat(3 * HOUR_MS),
    status: fc.constantFrom(200, 429, 499),
    inputTokens: fc.nat(1_000),
    isEstimated: fc.boolean(),
    firstTokenMs: fc.option(fc.nat(100)),
    adapter: fc.constantFrom(undefined, { name: 'a', hash: '1' }, { name: 'a', hash: '2' }),
  })
  fc.assert(
    fc.property(fc.array(anyRecord), fc.nat(), fc.boolean(), (changes, cutAt, isTurned) => {
      const records = changes.map((change) => record(change))
      const cut = records.length === 0 ? 0 : cutAt % records.length
      const batches = [records.slice(0, cut), records.slice(cut)]
      const merged = mergeUsage(
        (isTurned ? batches.toReversed() : batches).flatMap((batch) => totalUsage(batch, HOUR_MS)),
      )
      const whole = totalUsage(records, HOUR_MS)
      expect(new Set(merged.map((total) => JSON.stringify(total)))).toEqual(
        new Set(whole.map((total) => JSON.stringify(total))),
      )
      expect(whole.reduce((sum, total) => sum + total.inputTokens, 0)).toBe(
        records.reduce((sum, { inputTokens }) => sum + inputTokens, 0),
      )
    }),
  )
})
