import { expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { RoutedReplica } from '../link/messages.ts'
import { ReplicaLeases } from './replica-leases.ts'

const CHAT = 'chat' as EndpointId
const replica = (id: string, state: RoutedReplica['state'] = 'ready'): RoutedReplica => ({
  id: id as ReplicaId,
  host: '127.0.0.1',
  port: 1,
  apiKey: null,
  state,
})

function leasesWith(...replicas: RoutedReplica[]) {
  const drained: string[] = []
  const leases = new ReplicaLeases((id) => void drained.push(id))
  leases.list(CHAT, replicas)
  return { leases, drained }
}

test('a claim counts at once, and releasing it twice counts once', () => {
  const { leases } = leasesWith(replica('a'), replica('b'))
  const first = leases.claim(CHAT)
  const second = leases.claim(CHAT)
  expect([first?.replica.id, second?.replica.id].toSorted()).toEqual(['a', 'b'])
  expect(leases.inFlight(CHAT)).toBe(2)
  first?.release()
  first?.release()
  expect(leases.inFlight(CHAT)).toBe(1)
  expect(leases.claim(CHAT)?.replica.id).toBe(first?.replica.id)
})

test('a resting replica is not chosen until its rest ends, and rests once however many complain', () => {
  const { leases } = leasesWith(replica('a'))
  expect(leases.rest('a' as ReplicaId)).toBe(true)
  expect(leases.rest('a' as ReplicaId)).toBe(false)
  expect(leases.claim(CHAT)).toBeUndefined()
  leases.endRest('a' as ReplicaId)
  expect(leases.claim(CHAT)).toBeDefined()
})

test('a replica is drained when its last request ended, not before, and at once when it has none', () => {
  const { leases, drained } = leasesWith(replica('busy'))
  const one = leases.claim(CHAT)
  const two = leases.claim(CHAT)
  leases.list(CHAT, [replica('busy', 'draining'), replica('idle', 'draining')])
  expect(drained).toEqual(['idle'])
  one?.release()
  expect(drained).toEqual(['idle'])
  two?.release()
  expect(drained).toEqual(['idle', 'busy'])
})

test('a replica that comes back into the table keeps its count', () => {
  const { leases, drained } = leasesWith(replica('a'))
  const lease = leases.claim(CHAT)
  leases.list(CHAT, [])
  expect(leases.claim(CHAT)).toBeUndefined()
  leases.list(CHAT, [replica('a')])
  expect(leases.inFlightByReplica(CHAT)).toEqual({ a: 1 })
  lease?.release()
  expect(drained).toEqual([])
})

test('a new address of a known replica is used from then on', () => {
  const { leases } = leasesWith(replica('a'))
  leases.list(CHAT, [{ ...replica('a'), port: 2 }])
  expect(leases.claim(CHAT)?.replica.port).toBe(2)
})
