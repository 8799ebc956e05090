import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import {
  encodeFrame,
  type Intervals,
  intervalOf,
  readFrame,
  TOGETHER,
  type Wanted,
  wholeFrameAt,
} from './frame.ts'
import { gaugeNames, type Interval } from './interval.ts'

const everything: Wanted = { from: 0, to: Number.MAX_SAFE_INTEGER, part: () => 'everything' }

const readAll = (bytes: Buffer, wanted = everything) => {
  const byTime = new Map<number, Intervals>()
  for (let at: number | undefined = 0; at !== undefined; ) {
    at = readFrame(bytes, at, wanted, (beginsAt) => {
      const intervals = byTime.get(beginsAt) ?? new Map()
      byTime.set(beginsAt, intervals)
      return intervals
    })
  }
  return byTime
}

/** Everything that an interval knows, as plain data. */
const told = (interval: Interval | undefined) =>
  interval && {
    requests: [...interval.requests].toSorted(([a], [b]) => a - b),
    tokens: [interval.inputTokens, interval.outputTokens, interval.cachedTokens],
    times: Object.entries(interval.distributions)
      .map(([name, one]) => [name, one.count, one.quantile(0.5), one.quantile(0.99)])
      .toSorted(),
    gauges: Object.entries(interval.gauges).toSorted(),
  }

const anyInterval = fc.record({
  records: fc.array(
    fc.record({
      status: fc.constantFrom(200, 429, 499, 500),
      durationMs: fc.nat(100_000),
      firstTokenMs: fc.option(fc.nat(10_000)),
      interTokenMs: fc.option(fc.nat(1_000)),
      inputTokens: fc.nat(2 ** 40),
      outputTokens: fc.nat(1_000),
    }),
    { maxLength: 20 },
  ),
  looks: fc.array(fc.tuple(fc.constantFrom(...gaugeNames), fc.nat(1_000)), { maxLength: 20 }),
})

type Content = typeof anyInterval extends fc.Arbitrary<infer Value> ? Value : never

const fill = (interval: Interval, { records, looks }: Content) => {
  const rest = { requestId: 'r', endpointId: 'e' as EndpointId, replicaId: 'a' as ReplicaId, tokenId: null }
  for (const record of records) {
    interval.count({ ...rest, arrivedAt: 0, cachedTokens: 0, isEstimated: false, heldMs: 0, ...record })
  }
  for (const [name, value] of looks) interval.look(name, value)
}

test('what is written is read, and what comes later for the same time is added', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), anyInterval), { maxLength: 6 }), (parts) => {
      const whole: Intervals = new Map()
      const frames = parts.map(([replica, content]) => {
        const one: Intervals = new Map()
        fill(intervalOf(one, `r${replica}`), content)
        fill(intervalOf(whole, `r${replica}`), content)
        return encodeFrame(70_000, one)
      })
      const read = readAll(Buffer.concat(frames)).get(70_000) ?? new Map()
      for (const replica of new Set([...whole.keys(), ...read.keys()])) {
        expect(told(read.get(replica))).toEqual(told(whole.get(replica)))
      }
    }),
  )
})

test('a file that was cut off anywhere is read up to its last whole frame', () => {
  const intervals: Intervals = new Map()
  intervalOf(intervals, TOGETHER).look('ready', 2)
  const frames = [10_000, 20_000, 30_000].map((beginsAt) => encodeFrame(beginsAt, intervals))
  const bytes = Buffer.concat(frames)
  for (let cut = 0; cut <= bytes.length; cut++) {
    const whole = Math.floor(cut / frames[0]!.length)
    expect([...readAll(bytes.subarray(0, cut)).keys()]).toEqual([10_000, 20_000, 30_000].slice(0, whole))
  }
})

test('a byte that changed on the disk is no frame', () => {
  const intervals: Intervals = new Map()
  intervalOf(intervals, TOGETHER).look('ready', 2)
  const bytes = encodeFrame(10_000, intervals)
  for (let at = 0; at < bytes.length; at++) {
    const broken = Buffer.from(bytes)
    broken[at]! ^= 0x40
    expect(wholeFrameAt(broken, 0)).toBeUndefined()
  }
})

test('only what is wanted is read', () => {
  const intervals: Intervals = new Map()
  for (const replica of [TOGETHER, 'a', 'b']) {
    const rest = { requestId: 'r', endpointId: 'e' as EndpointId, tokenId: null, cachedTokens: 0 }
    const sizes = {
      inputTokens: 1,
      outputTokens: 1,
      isEstimated: false,
      heldMs: 0,
      durationMs: 5,
      status: 200,
    }
    const times = { firstTokenMs: null, interTokenMs: null, arrivedAt: 0 }
    intervalOf(intervals, replica).count({ ...rest, ...sizes, ...times, replicaId: replica as ReplicaId })
  }
  const bytes = Buffer.concat([encodeFrame(10_000, intervals), encodeFrame(20_000, intervals)])
  const some = readAll(bytes, {
    from: 20_000,
    to: 30_000,
    part: (replica) => (replica === 'a' ? 'presence' : replica === 'b' ? 'numbers' : 'everything'),
  })
  expect([...some.keys()]).toEqual([20_000])
  const read = (replica: string) => {
    const { requests, distributions } = some.get(20_000)!.get(replica)!
    return [requests.get(200), distributions.latency?.count]
  }
  expect(read('a')).toEqual([undefined, undefined])
  expect(read('b')).toEqual([1, undefined])
  expect(read(TOGETHER)).toEqual([1, 1])
})
