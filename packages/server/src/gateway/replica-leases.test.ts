import { expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import { DEFAULT_ROUTING } from '../domain/routing/choose-replica.ts'
import { PLAIN_REQUEST, type RoutingRequest } from '../domain/routing/prompt.ts'
import type { RoutedReplica } from '../link/messages.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { HoldLine } from './hold-line.ts'
import { GATEWAY_LIMITS } from './limits.ts'
import { ReplicaLeases } from './replica-leases.ts'
import type { Lease } from './running-lease.ts'

const CHAT = 'chat' as EndpointId
const OK = { status: 200 }
const id = (text: string) => text as ReplicaId
const replica = (name: string, state: RoutedReplica['state'] = 'ready'): RoutedReplica => ({
  id: id(name),
  host: '127.0.0.1',
  port: 1,
  apiKey: null,
  state,
})

function leasesWith(...replicas: RoutedReplica[]) {
  const drained: string[] = []
  const freed: string[] = []
  const clock = new FakeClock(1_000_000)
  const leases = new ReplicaLeases({
    clock,
    drained: (replicaId) => void drained.push(replicaId),
    roomCameFree: (endpointId) => void freed.push(endpointId),
  })
  leases.list(CHAT, replicas)
  return { leases, drained, freed, clock }
}

test('a claim counts at once, and releasing it twice counts once', () => {
  const { leases } = leasesWith(replica('a'), replica('b'))
  const first = leases.claim(CHAT)
  const second = leases.claim(CHAT)
  expect([first?.replica.id, second?.replica.id].toSorted()).toEqual(['a', 'b'])
  expect(leases.inFlight(CHAT)).toBe(2)
  first?.release(OK)
  first?.release(OK)
  expect(leases.inFlight(CHAT)).toBe(1)
  expect(leases.inFlightByReplica(CHAT)).toEqual({ [second!.replica.id]: 1 })
  expect(leases.claim(CHAT)?.replica.id).toBe(first?.replica.id)
})

test('a resting replica is not chosen until its rest ends, and rests once however many complain', () => {
  const { leases } = leasesWith(replica('a'))
  expect(leases.rest(CHAT, id('a'))).toBe(true)
  expect(leases.rest(CHAT, id('a'))).toBe(false)
  expect(leases.claim(CHAT)).toBeUndefined()
  leases.endRest(CHAT, id('a'))
  expect(leases.claim(CHAT)).toBeDefined()
})

test('a replica is drained when its last request ended, not before, and at once when it has none', () => {
  const { leases, drained } = leasesWith(replica('busy'))
  const one = leases.claim(CHAT)
  const two = leases.claim(CHAT)
  leases.list(CHAT, [replica('busy', 'draining'), replica('idle', 'draining')])
  expect(drained).toEqual(['idle'])
  one?.release(OK)
  expect(drained).toEqual(['idle'])
  two?.release(OK)
  expect(drained).toEqual(['idle', 'busy'])
})

test('a replica that left the table is drained once, when its last request ended', () => {
  const { leases, drained } = leasesWith(replica('a'), replica('b'))
  const claims = [leases.claim(CHAT), leases.claim(CHAT)]
  leases.list(CHAT, [])
  expect(drained).toEqual([])
  for (const claim of claims) claim?.release('left')
  expect(drained.toSorted()).toEqual(['a', 'b'])
  leases.list(CHAT, [])
  expect(drained.toSorted()).toEqual(['a', 'b'])
})

test('a replica that comes back into the table keeps its count', () => {
  const { leases, drained } = leasesWith(replica('a'))
  const lease = leases.claim(CHAT)
  leases.list(CHAT, [])
  expect(leases.claim(CHAT)).toBeUndefined()
  leases.list(CHAT, [replica('a')])
  expect(leases.inFlightByReplica(CHAT)).toEqual({ a: 1 })
  lease?.release(OK)
  expect(drained).toEqual([])
})

test('a new address of a known replica is used from then on', () => {
  const { leases } = leasesWith(replica('a'))
  leases.list(CHAT, [{ ...replica('a'), port: 2 }])
  expect(leases.claim(CHAT)?.replica.port).toBe(2)
})

test('a full replica gets nothing more, and who waits is told when it has room again', () => {
  const { leases, freed } = leasesWith()
  leases.list(CHAT, [replica('a'), replica('b')], { ...DEFAULT_ROUTING, room: 1 })
  const held = [leases.claim(CHAT), leases.claim(CHAT)]
  expect(held.map((lease) => lease?.replica.id).toSorted()).toEqual(['a', 'b'])
  expect(leases.claim(CHAT)).toBeUndefined()
  expect(freed).toEqual([])
  held[0]?.release(OK)
  held[0]?.release(OK)
  expect(freed).toEqual([CHAT])
  expect(leases.claim(CHAT)?.replica.id).toBe(held[0]?.replica.id)
})

test('who waits for room gets the replica that has some first, a new one too', async () => {
  const clock = new FakeClock()
  const leases: ReplicaLeases = new ReplicaLeases({
    clock,
    drained: () => {},
    roomCameFree: (endpointId) => line.handOut(endpointId),
  })
  const line = new HoldLine({
    clock,
    limits: GATEWAY_LIMITS,
    areFull: (endpointId) => leases.areFull(endpointId),
    claim: (endpointId, request) => {
      if (request) asked.add(request)
      return leases.claim(endpointId, request)
    },
    wake: () => {},
  })
  const asked = new Set<RoutingRequest>()
  const requests: RoutingRequest[] = [{ ...PLAIN_REQUEST }, { ...PLAIN_REQUEST }]
  const rules = { ...DEFAULT_ROUTING, room: 1 }
  leases.list(CHAT, [replica('old')], rules)
  const first = leases.claim(CHAT)!
  expect([leases.areFull(CHAT), leases.claim(CHAT)]).toEqual([true, undefined])
  const { signal } = new AbortController()
  const waiters = requests.map((request) =>
    line.wait(CHAT, {
      ...{ request, holder: 'a', urgency: 3, tokens: 1, bytes: 0, ms: 60_000, signal },
      expired: () => new Error('expired'),
      refused: () => new Error('refused'),
    }),
  )

  leases.list(CHAT, [replica('old'), replica('new')], rules)
  line.handOut(CHAT)
  expect((await waiters[0])?.replica.id).toBe('new')
  expect(line.waiting(CHAT)).toBe(1)
  first.release(OK)
  expect((await waiters[1])?.replica.id).toBe('old')
  expect([...asked]).toEqual(requests)
})

test('without a bound on a replica nobody is woken by every request that ends', () => {
  const { leases, freed } = leasesWith(replica('a'))
  leases.claim(CHAT)?.release(OK)
  expect(freed).toEqual([])
})

test('a replica that failed is avoided for a while, then tried again', async () => {
  const { leases, clock } = leasesWith(replica('a'), replica('b'))
  const claims: Lease[] = [leases.claim(CHAT)!, leases.claim(CHAT)!]
  const failed = claims.find((lease) => lease.replica.id === 'a')!
  claims.find((lease) => lease.replica.id === 'b')!.begun(200)
  failed.release('failed')
  const next = Array.from({ length: 3 }, () => leases.claim(CHAT)!.replica.id)
  expect(next).toEqual(['b', 'b', 'b'])
  await clock.advance(1_000)
  expect(leases.claim(CHAT)?.replica.id).toBe('a')
})
