import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ReplicaId } from '../replica.ts'
import { DEFAULT_ROUTING, LOAD_BOUND, type RoutingPolicy } from './choose-replica.ts'
import type { Claim } from './claim.ts'
import { EndpointRouting, type ListedReplica } from './endpoint-routing.ts'
import { PLAIN_REQUEST, type RoutingRequest } from './prompt.ts'

const T = 1_000_000
const OK = { status: 200 }
/** New replicas have warmed up by then. */
const WARM = T + 60_000
const BLOCK = 1_000

const listed = (...names: readonly string[]): ListedReplica[] =>
  names.map((name) => ({ id: name as ReplicaId, state: 'ready' }))
const named = (count: number) => Array.from({ length: count }, (_, i) => `r${i}`)

function routingOver(names: readonly string[], policy: RoutingPolicy = 'prefix-affinity'): EndpointRouting {
  const routing = new EndpointRouting()
  routing.list(listed(...names), { ...DEFAULT_ROUTING, policy }, T)
  return routing
}

/** A request whose prompt is these blocks. */
const asking = (...keys: readonly number[]): RoutingRequest => ({
  units: keys.length * BLOCK,
  session: () => undefined,
  prompt: () => ({
    keys: Float64Array.from(keys),
    ends: Float64Array.from(keys, (_, i) => BLOCK * (i + 1)),
  }),
})
const inSession = (key: number): RoutingRequest => ({ ...PLAIN_REQUEST, session: () => key })
const counts = (routing: EndpointRouting) => [...routing.loads()].map(([, inFlight]) => inFlight)

function serve(routing: EndpointRouting, request: RoutingRequest): ReplicaId {
  const claim = routing.claim(request, WARM)!
  claim.begun(200, WARM + 100)
  claim.ended(OK, WARM + 200)
  return claim.replicaId
}

describe('prefixes', () => {
  test('each turn of a conversation goes to the replica of the turn before', () => {
    const routing = routingOver(named(8))
    for (let conversation = 1; conversation <= 20; conversation++) {
      const block = (n: number) => conversation * 100 + n
      const first = serve(routing, asking(block(1), block(2), block(3)))
      expect(serve(routing, asking(block(1), block(2), block(3), block(4)))).toBe(first)
      expect(serve(routing, asking(block(1), block(2), block(3), block(4), block(5)))).toBe(first)
    }
  })

  test('one prompt that everybody sends spreads over all replicas within the bound', () => {
    const routing = routingOver(named(6))
    for (let i = 1; i <= 120; i++) {
      routing.claim(asking(1, 2, 3), WARM)!.begun(200, WARM)
      expect(Math.max(...counts(routing))).toBeLessThanOrEqual(Math.ceil((LOAD_BOUND * i) / 6))
    }
    expect(Math.min(...counts(routing))).toBeGreaterThan(0)
  })

  test('no mix of prompts, ends and changes makes a replica busier than the bound on the average', () => {
    const step = fc.record({
      keys: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 }),
      ends: fc.nat(3),
    })
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 6 }), fc.array(step, { maxLength: 80 }), (count, steps) => {
        const routing = routingOver(named(count))
        const held: Claim[] = []
        for (const { keys, ends } of steps) {
          const total = routing.inFlight
          const claim = routing.claim(asking(...keys), WARM)!
          held.push(claim)
          const load = Object.fromEntries(routing.loads())[claim.replicaId]!
          expect(load).toBeLessThanOrEqual(Math.ceil((LOAD_BOUND * (total + 1)) / count))
          for (let i = 0; i < ends; i++) held.shift()?.ended(OK, WARM)
          expect(counts(routing).reduce((sum, inFlight) => sum + inFlight, 0)).toBe(held.length)
        }
      }),
    )
  })

  test('with nothing to reuse it spreads as evenly as by fewest requests', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 8 }),
        fc.array(fc.boolean(), { maxLength: 100 }),
        (count, ends) => {
          const routings = [routingOver(named(count)), routingOver(named(count), 'least-requests')]
          const spreads = routings.map((routing) => {
            const held: Claim[] = []
            let key = 1
            for (const one of ends) {
              if (one) held.shift()?.ended(OK, WARM)
              else held.push(routing.claim(asking(key++, key++), WARM)!)
            }
            return Math.max(...counts(routing))
          })
          expect(spreads[0]).toBeLessThanOrEqual(Math.ceil(LOAD_BOUND * spreads[1]!))
        },
      ),
    )
  })

  test('a request that has begun to be answered is no longer work to be read', () => {
    const routing = routingOver(['a', 'b'])
    const long = routing.claim(asking(...Array.from({ length: 50 }, (_, i) => i + 1)), WARM)!
    const other = long.replicaId === 'a' ? 'b' : 'a'
    const short = [routing.claim(asking(1_001), WARM)!, routing.claim(asking(1_002), WARM)!]
    expect(short.map((claim) => claim.replicaId)).toEqual([other, other])
    long.begun(200, WARM + 1_000)
    for (const claim of short) claim.begun(200, WARM + 1_000)
    expect(routing.claim(asking(1_003), WARM)!.replicaId).toBe(long.replicaId)
  })

  test('nothing is asked of a request and nothing is kept while there is no choice', () => {
    const unasked: RoutingRequest = {
      units: 400,
      session: () => expect.fail('it was asked for its session'),
      prompt: () => expect.fail('it was asked for its prompt'),
    }
    const routing = routingOver(['a'])
    expect(routing.claim(unasked, T)?.replicaId).toBe('a')
    expect(routing.prefixBytes).toBe(0)
    routing.list([...listed('a'), { id: 'b' as ReplicaId, state: 'draining' }], DEFAULT_ROUTING, T)
    expect(routing.claim(unasked, T)?.replicaId).toBe('a')
  })

  test('a new replica in the place of one that left is not taken for it', () => {
    // Which of the equals it is goes by turns, so that all are seen.
    const chosen = [0, 1, 2].map((turns) => {
      const routing = routingOver(['a', 'b', 'c'])
      const home = serve(routing, asking(1, 2, 3))
      const others = ['a', 'b', 'c'].filter((name) => name !== home)
      routing.list(listed(...others), DEFAULT_ROUTING, T)
      routing.list(listed('new', ...others), DEFAULT_ROUTING, T)
      for (let i = 0; i < turns; i++) serve(routing, PLAIN_REQUEST)
      return serve(routing, asking(1, 2, 3))
    })
    expect(new Set(chosen).size).toBe(3)
  })

  test('memory is given back when there is no choice any more', () => {
    const routing = routingOver(named(4))
    serve(routing, asking(1, 2, 3))
    expect(routing.prefixBytes).toBeGreaterThan(0)
    routing.list(listed('r0'), DEFAULT_ROUTING, T)
    expect(routing.prefixBytes).toBe(0)
  })
})

describe('sessions', () => {
  test('stay on their replica while it is as good as another', () => {
    const routing = routingOver(named(5))
    const homes = [1, 2, 3].map((session) => serve(routing, inSession(session)))
    for (let round = 0; round < 5; round++) {
      expect([1, 2, 3].map((session) => serve(routing, inSession(session)))).toEqual(homes)
    }
    const held = routing.claim(inSession(1), WARM)!
    expect(held.replicaId).toBe(homes[0])
    expect(routing.claim(inSession(1), WARM)!.replicaId).not.toBe(homes[0])
  })
})

describe('replicas that come, fail and go', () => {
  test('a new one is not flooded, and gets more as it answers', () => {
    const routing = routingOver(['old'])
    routing.claim(PLAIN_REQUEST, T)!.begun(200, T)
    routing.list(listed('old', 'new'), DEFAULT_ROUTING, WARM)
    for (let i = 0; i < 10; i++) routing.claim(asking(i + 1), WARM)
    const before = Object.fromEntries(routing.loads())
    expect(before['new']).toBe(2)
    expect(before['old']).toBe(9)
  })

  test('a replica that fails gets nothing while another can take it, and everything when none can', () => {
    const routing = routingOver(['a', 'b'])
    const failed = routing.claim(PLAIN_REQUEST, WARM)!
    failed.ended('failed', WARM)
    const other = failed.replicaId === 'a' ? 'b' : 'a'
    const next = Array.from({ length: 5 }, () => routing.claim(PLAIN_REQUEST, WARM + 500)!.replicaId)
    expect(new Set(next)).toEqual(new Set([other]))
    routing.list([{ id: failed.replicaId, state: 'ready' }], DEFAULT_ROUTING, WARM)
    expect(routing.claim(PLAIN_REQUEST, WARM + 500)?.replicaId).toBe(failed.replicaId)
  })

  test('a slow one is found out by its answers and relieved', () => {
    const routing = routingOver(named(4))
    let key = 1
    const tally = { slow: 0, all: 0 }
    for (let round = 0; round < 60; round++) {
      const now = WARM + round * 100
      const claims = Array.from({ length: 6 }, () => routing.claim(asking(key++), now)!)
      for (const claim of claims) {
        const isSlow = claim.replicaId === 'r0'
        claim.begun(200, now + (isSlow ? 5_000 : 100))
        claim.ended(OK, now + 5_000)
        if (round < 30) continue
        tally.all++
        if (isSlow) tally.slow++
      }
    }
    expect(tally.slow / tally.all).toBeLessThan(0.15)
  })

  test('a draining or resting replica gets nothing, whoever had its prompt read there', () => {
    const routing = routingOver(['a', 'b', 'c'])
    const home = serve(routing, asking(1, 2, 3))
    routing.rest(home)
    expect(serve(routing, asking(1, 2, 3))).not.toBe(home)
    routing.endRest(home)
    const draining = ['a', 'b', 'c'].map(
      (name): ListedReplica => ({
        id: name as ReplicaId,
        state: name === home ? 'draining' : 'ready',
      }),
    )
    routing.list(draining, DEFAULT_ROUTING, WARM)
    for (let i = 0; i < 5; i++) expect(serve(routing, asking(1, 2, 3))).not.toBe(home)
  })

  test('a replica that only answers with errors is avoided longer each time', () => {
    const routing = routingOver(['a', 'b'])
    const pauses = [1_000, 2_000, 4_000, 8_000]
    let now = WARM
    const isGiven = (name: string, at: number) =>
      Array.from({ length: 4 }, () => {
        const claim = routing.claim(PLAIN_REQUEST, at)!
        claim.ended('left', at)
        return claim.replicaId
      }).includes(name as ReplicaId)
    for (const pause of pauses) {
      for (let errors = 0; errors < 5; ) {
        const claim = routing.claim(PLAIN_REQUEST, now)!
        const status = claim.replicaId === 'a' ? 500 : 200
        claim.begun(status, now)
        claim.ended({ status }, now)
        if (status === 500) errors++
      }
      expect(isGiven('a', now + pause - 1)).toBe(false)
      expect(isGiven('a', now + pause)).toBe(true)
      now += pause
    }
  })

  test('what left without an answer is no work that is still to be done', () => {
    const routing = routingOver(['a', 'b'])
    routing.claim(asking(...Array.from({ length: 50 }, (_, i) => i + 1)), WARM)!.ended('left', WARM)
    const next = [routing.claim(asking(1_001), WARM)!, routing.claim(asking(1_002), WARM)!]
    expect(next.map((claim) => claim.replicaId).toSorted()).toEqual(['a', 'b'])
  })

  test('one that left with a request on it is forgotten when that has ended', () => {
    const routing = routingOver(['a'])
    const claim = routing.claim(PLAIN_REQUEST, T)!
    routing.list([], DEFAULT_ROUTING, T)
    expect([routing.isEmpty, routing.isDrained(claim.replicaId)]).toEqual([false, false])
    claim.ended(OK, T)
    expect([routing.isEmpty, routing.isDrained(claim.replicaId)]).toEqual([true, true])
  })

  test('ending twice counts once, and a beginning after the end counts nothing', () => {
    const routing = routingOver(['a', 'b'])
    const claim = routing.claim(asking(1), WARM)!
    claim.ended('left', WARM)
    claim.ended('failed', WARM)
    claim.begun(200, WARM + 60_000)
    expect(routing.inFlight).toBe(0)
    expect(counts(routing)).toEqual([0, 0])
  })
})
