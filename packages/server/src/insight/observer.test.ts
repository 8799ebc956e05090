import { beforeEach, expect, test } from 'vitest'
import type { EndpointId, Replica, ReplicaId } from '../domain/replica.ts'
import type { EndpointDemand } from '../link/messages.ts'
import { silentLog } from '../platform/log.ts'
import type { ReplicaStats, RunningReplica } from '../runtime/driver.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { Observer } from './observer.ts'

const CHAT = 'chat' as EndpointId
const A = 'a' as ReplicaId

let clock: FakeClock
let looks: string[]
let lists: number
let stats: Map<ReplicaId, ReplicaStats | Error>
let observer: Observer
beforeEach(() => {
  clock = new FakeClock(1_000_000)
  looks = []
  lists = 0
  stats = new Map()
  observer = new Observer({
    clock,
    log: silentLog,
    driver: {
      list: async () => {
        lists++
        return [...stats.keys()].map(running)
      },
      stats: async (id) => {
        const found = stats.get(id)
        if (found instanceof Error) throw found
        return found
      },
    },
    look: (id, name, value, replica) =>
      looks.push(`${[id, replica].filter(Boolean).join(' ')} ${name} ${value}`),
  })
})

const running = (id: ReplicaId): RunningReplica => ({
  id,
  endpointId: CHAT,
  endpoint: 'admin/chat',
  revision: 1,
  resources: { cpus: 2, memoryBytes: 1e9, gpus: 0 },
  startedAt: 0,
  state: 'running',
  address: { host: '127.0.0.1', port: 1 },
})

const replica = (id: string, phase: Replica['phase']): Replica => ({
  id: id as ReplicaId,
  revision: 1,
  phase,
  phaseSince: 0,
  inFlight: 0,
})

const demand = (waiting: number, inFlight: number, inFlightByReplica = {}): EndpointDemand => ({
  id: CHAT,
  arrivals: 0,
  waiting,
  inFlight,
  lastActivityAt: null,
  inFlightByReplica,
  pending: waiting,
  tokens: null,
})

test('what gateways count is added up, and what one had goes with it', () => {
  observer.demand('gw-1', demand(2, 3, { a: 3 }))
  observer.demand('gw-2', demand(0, 4, { a: 1, b: 3 }))
  observer.look()
  expect(looks).toEqual(['chat pending 2', 'chat inFlight 7', 'chat a inFlight 4', 'chat b inFlight 3'])
  observer.gatewayGone('gw-2')
  expect(observer.present(CHAT)).toMatchObject({ pending: 2, inFlight: 3 })
})

test('replicas are counted by their phase', () => {
  observer.looked(CHAT, [replica('a', 'ready'), replica('b', 'ready'), replica('c', 'starting')])
  observer.look()
  expect(looks).toEqual(['chat pending 0', 'chat inFlight 0', 'chat starting 1', 'chat ready 2'])
})

test('an endpoint that sleeps leaves no trace', () => {
  observer.looked(CHAT, [])
  observer.demand('gw-1', demand(0, 0))
  observer.look()
  expect(looks).toEqual([])
})

test('the use of processors is what was spent between two looks, of all that the replica may use', async () => {
  stats.set(A, { cpuSeconds: 10, memoryBytes: 512 })
  await observer.measure()
  expect(looks).toEqual(['chat memory 512', 'chat a memory 512'])
  looks = []
  await clock.advance(10_000)
  stats.set(A, { cpuSeconds: 15, memoryBytes: 512 })
  await observer.measure()
  expect(looks.slice(0, 2)).toEqual(['chat cpu 25', 'chat a cpu 25'])
})

test('GPUs are one number for each replica: their mean use, and their memory together', async () => {
  const gpus = [
    { index: 0, usePercent: 90, memoryBytes: 100 },
    { index: 1, usePercent: 30, memoryBytes: 50 },
  ]
  stats.set(A, { cpuSeconds: 1, memoryBytes: 1, gpus })
  await observer.measure()
  expect(looks).toContain('chat a gpu 60')
  expect(looks).toContain('chat a gpuMemory 150')
})

test('a replica that cannot be measured holds no other up, and one that is gone is forgotten', async () => {
  stats.set('broken' as ReplicaId, new Error('the daemon hangs'))
  stats.set(A, { cpuSeconds: 1, memoryBytes: 7 })
  await observer.measure()
  expect(looks).toEqual(['chat memory 7', 'chat a memory 7'])
  expect([...observer.present(CHAT).use.keys()]).toEqual([A])
  stats.clear()
  await observer.measure()
  expect(observer.present(CHAT).use.size).toBe(0)
})

test('nobody looks while every endpoint sleeps, and a request or a replica is seen at once', async () => {
  const stop = new AbortController()
  const running = observer.run(stop.signal)
  await clock.advance(3_600_000)
  expect(lists).toBe(1)

  observer.demand('gw-1', demand(1, 0))
  await clock.advance(0)
  expect(looks).toEqual(['chat pending 1', 'chat inFlight 0'])
  await clock.advance(2_000)
  expect(looks).toHaveLength(6)
  expect(lists).toBe(1)

  observer.demand('gw-1', demand(0, 0))
  stats.set(A, { cpuSeconds: 1, memoryBytes: 7 })
  observer.looked(CHAT, [replica('a', 'starting')])
  await clock.advance(20_000)
  expect(lists).toBe(4)
  expect(looks.filter((look) => look === 'chat a memory 7')).toHaveLength(3)
  expect(looks.filter((look) => look === 'chat starting 1')).toHaveLength(20)

  stats.clear()
  observer.looked(CHAT, [])
  await clock.advance(10_000)
  expect(observer.present(CHAT).use.size).toBe(0)
  lists = 0
  await clock.advance(3_600_000)
  expect(lists).toBe(0)
  stop.abort()
  await running
})

test('what runs when it begins is measured although nobody told of it', async () => {
  stats.set(A, { cpuSeconds: 1, memoryBytes: 7 })
  const stop = new AbortController()
  const running = observer.run(stop.signal)
  await clock.advance(20_000)
  expect(lists).toBe(3)
  stop.abort()
  await running
})
