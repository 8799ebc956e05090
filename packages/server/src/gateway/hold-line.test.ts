import { expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { HoldLine } from './hold-line.ts'
import type { Lease } from './running-lease.ts'
import { addressOf } from './upstream/connection.ts'

const CHAT = 'chat' as EndpointId

function lineWith() {
  const clock = new FakeClock()
  const log: string[] = []
  let free = 0
  const state = { areFull: false }
  const line = new HoldLine({
    clock,
    limits: {
      firstWakeAgainMs: 250,
      longestWakeAgainMs: 2_000,
      heldRequests: 100,
      heldBytes: 1_000_000,
      retryAfterMs: 2_000,
    },
    areFull: () => state.areFull,
    claim: (): Lease | undefined => {
      if (free === 0) return undefined
      free--
      const where = { host: 'h', port: 1 }
      const replica = { id: 'r' as ReplicaId, ...where, apiKey: null, state: 'ready' as const }
      const nothing = () => {}
      return {
        replica: { ...replica, address: addressOf(where) },
        begun: nothing,
        advanced: nothing,
        paused: nothing,
        awaits: nothing,
        release: nothing,
      }
    },
    wake: (id, waiting) => void log.push(`${clock.now()} wake ${id} ${waiting}`),
  })
  const wait = (
    name: string,
    ms = 60_000,
    signal = new AbortController().signal,
    { holder = 'a', urgency = 3 } = {},
  ) =>
    line
      .wait(CHAT, {
        ...{ holder, urgency, tokens: 10, bytes: 10, ms, signal },
        expired: () => new Error('expired'),
        refused: (why) => new Error(`refused: ${why}`),
      })
      .then(
        () => void log.push(`${clock.now()} ${name} served`),
        (error: Error) => void log.push(`${clock.now()} ${name} ${error.message}`),
      )
  const withoutWakes = () => log.filter((entry) => !entry.includes('wake'))
  return {
    clock,
    line,
    log,
    state,
    wait,
    withoutWakes,
    giveOut: (count: number) => {
      free += count
      line.handOut(CHAT)
    },
  }
}

test('wakes at once, then ever less often, and stops when nobody waits', async () => {
  const { clock, log, wait, giveOut } = lineWith()
  void wait('a')
  await clock.advance(6_000)
  expect(log).toEqual([0, 250, 750, 1_750, 3_750, 5_750].map((at) => `${at} wake chat 1`))
  giveOut(1)
  await clock.advance(60_000)
  expect(log.slice(6)).toEqual(['6000 a served'])
})

test('many who wait cause one wake', async () => {
  const { clock, log, wait } = lineWith()
  for (let i = 0; i < 100; i++) void wait(`${i}`)
  await clock.advance(200)
  expect(log).toEqual(['0 wake chat 1'])
})

test('first come, first served, as far as the replicas go', async () => {
  const { clock, wait, withoutWakes, giveOut, line } = lineWith()
  for (const name of ['a', 'b', 'c']) void wait(name)
  giveOut(2)
  await clock.advance(0)
  expect(withoutWakes()).toEqual(['0 a served', '0 b served'])
  expect(line.waiting(CHAT)).toBe(1)
})

test('each waits for its own time', async () => {
  const { clock, wait, withoutWakes, line } = lineWith()
  void wait('a', 2_000)
  void wait('b', 1_000)
  await clock.advance(3_000)
  expect(withoutWakes()).toEqual(['1000 b expired', '2000 a expired'])
  expect(line.waiting(CHAT)).toBe(0)
})

test('a client that leaves is gone at once and its replica goes to the next', async () => {
  const { clock, wait, withoutWakes, giveOut, line } = lineWith()
  const leaving = new AbortController()
  void wait('a', 60_000, leaving.signal)
  void wait('b')
  leaving.abort(new Error('left'))
  expect(line.waiting(CHAT)).toBe(1)
  giveOut(1)
  await clock.advance(0)
  expect(withoutWakes()).toEqual(['0 a left', '0 b served'])
})

test('a refusal reaches everybody who waits, and the line works again afterwards', async () => {
  const { clock, line, wait, withoutWakes, giveOut } = lineWith()
  void wait('a')
  void wait('b')
  line.refuseAll(CHAT, new Error('paused'))
  void wait('c')
  giveOut(1)
  await clock.advance(0)
  expect(withoutWakes().toSorted()).toEqual(['0 a paused', '0 b paused', '0 c served'])
})

test('nobody is woken while replicas are there and only full', async () => {
  const { clock, log, wait, state } = lineWith()
  state.areFull = true
  void wait('a')
  await clock.advance(10_000)
  expect(log).toEqual([])
  state.areFull = false
  await clock.advance(2_000)
  expect(log).toEqual(['11750 wake chat 1'])
})

test('holders take turns, and the more urgent go first', async () => {
  const { clock, wait, withoutWakes, giveOut } = lineWith()
  for (const name of ['a1', 'a2', 'a3']) void wait(name)
  void wait('b1', 60_000, undefined, { holder: 'b' })
  void wait('c1', 60_000, undefined, { holder: 'c', urgency: 1 })
  giveOut(5)
  await clock.advance(0)
  expect(withoutWakes()).toEqual(['c1', 'a1', 'b1', 'a2', 'a3'].map((name) => `0 ${name} served`))
})

test('who finds no place is told why, and so is who makes room for another', async () => {
  const { clock, wait, withoutWakes } = lineWith()
  for (let i = 1; i <= 101; i++) void wait(`a${i}`)
  void wait('b1', 60_000, undefined, { holder: 'b' })
  await clock.advance(0)
  expect(withoutWakes()).toEqual(['0 a101 refused: requests', '0 a100 refused: share'])
})

test('how long the line takes is measured by the turns that came', async () => {
  const { clock, line, wait, giveOut } = lineWith()
  expect(line.drainMs(CHAT)).toBe(2_000)
  for (let i = 0; i < 30; i++) void wait(`${i}`)
  for (let i = 0; i < 10; i++) {
    await clock.advance(1_000)
    giveOut(1)
  }
  expect(line.drainMs(CHAT)).toBeGreaterThan(15_000)
  expect(line.drainMs(CHAT)).toBeLessThan(25_000)
})
