import { describe, expect, test } from 'vitest'
import { isSameRouter, type RouterFacts, routerOf, routerStatus } from './custom-router.ts'
import type { Replica, ReplicaId, ReplicaPhase } from './replica.ts'
import type { StartFailures } from './start-failures.ts'

const ID = 'chat-router-1' as ReplicaId
const router = (phase: ReplicaPhase): Replica => ({ id: ID, revision: 1, phase, phaseSince: 0, inFlight: 0 })
const failures = (final: boolean): StartFailures => ({
  revision: 1,
  count: 4,
  lastAt: 0,
  reason: 'It fell.',
  final,
})
const FACTS: RouterFacts = { wanted: 1, routers: [], backends: 0, failure: undefined, problem: undefined }

describe('how a router fares', () => {
  test.for<[what: string, facts: Partial<RouterFacts>, state: string, says: RegExp, id: string | null]>([
    ['no replica is wanted', { wanted: 0 }, 'stopped', /next replica/, null],
    ['it has not begun', {}, 'starting', /Starting.*Berth chooses/, null],
    ['it begins', { routers: [router('starting')] }, 'starting', /Starting/, ID],
    [
      'it has no memory to begin in',
      { problem: 'Waiting for hardware.' },
      'starting',
      /^Waiting for hardware/,
      null,
    ],
    ['it answers and knows nobody', { routers: [router('ready')] }, 'starting', /being told/, ID],
    ['it knows one', { routers: [router('ready')], backends: 1 }, 'ready', /one replica\.$/, ID],
    ['it knows three', { routers: [router('ready')], backends: 3 }, 'ready', /3 replicas/, ID],
    [
      'it answers and takes no list',
      { routers: [router('ready')], problem: 'No list.' },
      'failed',
      /^No list/,
      ID,
    ],
    ['it starts once more', { failure: failures(false) }, 'starting', /again: It fell\./, null],
    ['it has failed for good', { failure: failures(true) }, 'failed', /It fell\..*instead/s, null],
    [
      'it works after all',
      { failure: failures(true), routers: [router('ready')], backends: 1 },
      'ready',
      /one replica/,
      ID,
    ],
    [
      'the old one drains while the new one works',
      { routers: [router('draining'), router('ready')], backends: 2 },
      'ready',
      /2 replicas/,
      ID,
    ],
  ])('%s', ([, facts, state, says, id]) => {
    const status = routerStatus({ ...FACTS, ...facts })
    expect([status.state, status.id]).toEqual([state, id])
    expect(status.message).toMatch(says)
  })
})

test.for([[undefined], [null], [{}], [{ tag: null }]] as const)('%j is no router', ([customRouter]) => {
  expect(routerOf({ ...(customRouter !== undefined && { customRouter }) })).toBeUndefined()
})

test('the same router is one whose tag, environment and port are the same, however the port was said', () => {
  const one = routerOf({ customRouter: { tag: 'a:1' } })
  expect(isSameRouter(one, routerOf({ customRouter: { tag: 'a:1', port: 3_000, env: {} } }))).toBe(true)
  expect(isSameRouter(one, routerOf({ customRouter: { tag: 'a:2' } }))).toBe(false)
  expect(isSameRouter(one, routerOf({ customRouter: { tag: 'a:1', env: { A: '1' } } }))).toBe(false)
  expect(isSameRouter(undefined, undefined)).toBe(true)
})
