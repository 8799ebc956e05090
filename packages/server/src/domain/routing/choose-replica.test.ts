import { RoutingPolicy } from '@berth/contract'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseReplica, mostRequests, type ReplicaLoad, type RoutingRules } from './choose-replica.ts'

const IDLE: ReplicaLoad = {
  state: 'ready',
  resting: false,
  avoided: false,
  inFlight: 0,
  outstanding: 0,
  unread: 0,
  cached: 0,
  hasSession: false,
  slowness: 1,
}

const anyReplica = fc.record({
  state: fc.constantFrom<ReplicaLoad['state']>('ready', 'ready', 'draining'),
  resting: fc.boolean(),
  avoided: fc.boolean(),
  inFlight: fc.nat(8),
  outstanding: fc.nat(100_000),
  unread: fc.nat(100_000),
  cached: fc.nat(20_000),
  hasSession: fc.boolean(),
  slowness: fc.double({ min: 1, max: 8, noNaN: true }),
})
const anyReplicas = fc.array(anyReplica, { maxLength: 8 })
const anyRules = fc.record({
  policy: fc.constantFrom(...RoutingPolicy.options),
  room: fc.option(fc.integer({ min: 1, max: 8 })),
})
const rules = (policy: RoutingPolicy, room: number | null = null): RoutingRules => ({ policy, room })
const affinity = rules('prefix-affinity')

describe('whatever the policy', () => {
  test('the chosen one is ready, rested and has room, and there is none only when none is', () => {
    fc.assert(
      fc.property(anyReplicas, anyRules, fc.nat(50_000), fc.nat(), (replicas, rules, units, turn) => {
        const open = replicas.filter(
          ({ state, resting, inFlight }) =>
            state === 'ready' && !resting && (rules.room === null || inFlight < rules.room),
        )
        const chosen = chooseReplica(replicas, rules, units, turn)
        expect(chosen === undefined).toBe(open.length === 0)
        if (chosen) expect(open).toContain(chosen)
        if (chosen?.avoided) expect(open.every(({ avoided }) => avoided)).toBe(true)
      }),
    )
  })

  test('equal ones are within one request of each other however many come', () => {
    fc.assert(
      fc.property(anyRules, fc.integer({ min: 1, max: 8 }), fc.nat(60), ({ policy }, count, requests) => {
        const loads = Array.from({ length: count }, () => ({ ...IDLE }))
        for (let turn = 0; turn < requests; turn++) {
          const chosen = chooseReplica(loads, rules(policy), 100, turn)!
          chosen.inFlight++
          chosen.unread += 356
          chosen.outstanding += 100
        }
        const counts = loads.map(({ inFlight }) => inFlight)
        // Tokens count a request's own as well, so they are as even as requests when all are the same size.
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      }),
    )
  })
})

describe('by prefix affinity', () => {
  test('none gets more requests than the bound on the average of those that could be chosen', () => {
    fc.assert(
      fc.property(anyReplicas, fc.nat(50_000), fc.nat(), (replicas, units, turn) => {
        const chosen = chooseReplica(replicas, affinity, units, turn)
        if (!chosen) return
        const open = replicas.filter(
          ({ state, resting, avoided }) => state === 'ready' && !resting && avoided === chosen.avoided,
        )
        const total = open.reduce((sum, { inFlight }) => sum + inFlight, 0)
        expect(chosen.inFlight + 1).toBeLessThanOrEqual(mostRequests(total, open.length))
      }),
    )
  })

  test('without anything to reuse the fewest requests win among those with equally much to read', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(9), { minLength: 1, maxLength: 8 }),
        fc.nat(50_000),
        fc.nat(),
        (counts, units, turn) => {
          const replicas = counts.map((inFlight): ReplicaLoad => ({ ...IDLE, inFlight }))
          expect(chooseReplica(replicas, affinity, units, turn)?.inFlight).toBe(Math.min(...counts))
        },
      ),
    )
  })

  test('a prompt goes where it was read, until that is too busy for the reading that it saves', () => {
    const replicas = [{ ...IDLE }, { ...IDLE, cached: 8_000 }, { ...IDLE }]
    for (const turn of [0, 1, 2]) expect(chooseReplica(replicas, affinity, 8_000, turn)).toBe(replicas[1])
    const others = [
      { ...IDLE, inFlight: 4 },
      { ...IDLE, inFlight: 5, cached: 8_000 },
      { ...IDLE, inFlight: 4 },
    ]
    expect(chooseReplica(others, affinity, 8_000, 0)).toBe(others[1])
    const busy = [{ ...IDLE }, { ...IDLE, unread: 9_000, cached: 8_000 }]
    expect(chooseReplica(busy, affinity, 8_000, 0)).toBe(busy[0])
  })

  test('a long prompt that is being read keeps others away though it is one request', () => {
    const replicas = [
      { ...IDLE, inFlight: 1, unread: 400_000 },
      { ...IDLE, inFlight: 2 },
    ]
    expect(chooseReplica(replicas, affinity, 1_000, 0)).toBe(replicas[1])
  })

  test('among equals a session stays where it was, and no more than that', () => {
    const replicas = [{ ...IDLE }, { ...IDLE }, { ...IDLE, hasSession: true }]
    for (const turn of [0, 1, 2]) expect(chooseReplica(replicas, affinity, 500, turn)).toBe(replicas[2])
    replicas[2]!.inFlight++
    expect(chooseReplica(replicas, affinity, 500, 0)).toBe(replicas[0])
  })

  test('a slow one counts as busier', () => {
    const replicas = [
      { ...IDLE, inFlight: 1, slowness: 4 },
      { ...IDLE, inFlight: 2 },
    ]
    expect(chooseReplica(replicas, affinity, 500, 0)).toBe(replicas[1])
  })
})

test('round robin takes turns whatever the load', () => {
  const replicas = [{ ...IDLE, inFlight: 9 }, { ...IDLE }, { ...IDLE }]
  const turns = [0, 1, 2, 3].map((turn) =>
    replicas.indexOf(chooseReplica(replicas, rules('round-robin'), 1, turn)!),
  )
  expect(turns).toEqual([0, 1, 2, 0])
})

test('least requests counts requests, least tokens what they hold', () => {
  const replicas = [
    { ...IDLE, inFlight: 1, outstanding: 90_000 },
    { ...IDLE, inFlight: 3, outstanding: 3_000 },
  ]
  expect(chooseReplica(replicas, rules('least-requests'), 500, 1)).toBe(replicas[0])
  expect(chooseReplica(replicas, rules('least-tokens'), 500, 0)).toBe(replicas[1])
})
