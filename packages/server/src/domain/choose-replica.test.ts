import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseReplica, type ReplicaLoad } from './choose-replica.ts'
import type { ReplicaId } from './replica.ts'

const anyReplicas = fc
  .array(
    fc.record({
      state: fc.constantFrom<ReplicaLoad['state']>('ready', 'draining'),
      inFlight: fc.nat(5),
      resting: fc.boolean(),
    }),
    { maxLength: 8 },
  )
  .map((shapes) => shapes.map((shape, i): ReplicaLoad => ({ id: `r${i}` as ReplicaId, ...shape })))

const takesRequests = (replica: ReplicaLoad) => replica.state === 'ready' && !replica.resting

describe('choosing a replica', () => {
  test('gives the least busy one that takes requests, and none only when there is none', () => {
    fc.assert(
      fc.property(anyReplicas, fc.nat(), (replicas, turn) => {
        const open = replicas.filter(takesRequests)
        const chosen = chooseReplica(replicas, turn)
        expect(chosen === undefined).toBe(open.length === 0)
        if (!chosen) return
        expect(open).toContain(chosen)
        expect(chosen.inFlight).toBe(Math.min(...open.map((replica) => replica.inFlight)))
      }),
    )
  })

  test('claiming over and over keeps equal replicas within one request of each other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(100), (count, requests) => {
        const loads = Array.from({ length: count }, (_, i) => ({
          id: `r${i}` as ReplicaId,
          state: 'ready' as const,
          inFlight: 0,
          resting: false,
        }))
        for (let turn = 0; turn < requests; turn++) chooseReplica(loads, turn)!.inFlight++
        const counts = loads.map(({ inFlight }) => inFlight)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      }),
    )
  })

  test('idle replicas take turns', () => {
    const idle = ['a', 'b'].map(
      (id): ReplicaLoad => ({ id: id as ReplicaId, state: 'ready', inFlight: 0, resting: false }),
    )
    expect([0, 1, 2].map((turn) => chooseReplica(idle, turn)?.id)).toEqual(['a', 'b', 'a'])
  })
})
