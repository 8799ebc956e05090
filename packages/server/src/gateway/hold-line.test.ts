import { expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { HoldLine } from './hold-line.ts'
import type { Lease } from './replica-leases.ts'

const CHAT = 'chat' as EndpointId

function lineWith() {
  const clock = new FakeClock()
  const log: string[] = []
  let free = 0
  const line = new HoldLine({
    clock,
    limits: { firstWakeAgainMs: 250, longestWakeAgainMs: 2_000 },
    claim: (): Lease | undefined => {
      if (free === 0) return undefined
      free--
      const replica = { id: 'r' as ReplicaId, host: 'h', port: 1, apiKey: null, state: 'ready' as const }
      const nothing = () => {}
      return {
        replica,
        begun: nothing,
        advanced: nothing,
        paused: nothing,
        whenGivenUp: nothing,
        release: nothing,
      }
    },
    wake: (id, waiting) => void log.push(`${clock.now()} wake ${id} ${waiting}`),
  })
  const wait = (name: string, ms = 60_000, signal = new AbortController().signal) =>
    line
      .wait(CHAT, ms, signal, () => new Error('expired'))
      .then(
        () => void log.push(`${clock.now()} ${name} served`),
        (error: Error) => void log.push(`${clock.now()} ${name} ${error.message}`),
      )
  const withoutWakes = () => log.filter((entry) => !entry.includes('wake'))
  return {
    clock,
    line,
    log,
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
