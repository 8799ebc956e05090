import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import type { ReplicaId } from '../domain/replica.ts'
import { systemClock } from '../platform/clock.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { Prober, startIntervalMs } from './prober.ts'

const ID = 'r1' as ReplicaId
const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** An engine's health route, whose answer a test changes. */
async function engine(answer: { status: number | 'silent' }) {
  const asked: (string | undefined)[] = []
  const server = http.createServer((request, response) => {
    asked.push(request.headers.authorization)
    if (answer.status !== 'silent') response.writeHead(answer.status).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  closers.push(close)
  const { port } = server.address() as AddressInfo
  return {
    target: {
      id: ID,
      address: { host: '127.0.0.1', port },
      route: '/health',
      apiKey: 'k',
      startedAt: systemClock.now(),
    },
    asked,
    close,
  }
}

function prober(clock = systemClock) {
  const changed: string[] = []
  const it: Prober = new Prober(clock, (id) => changed.push(`${id} ${it.probe(id)?.state}`))
  closers.push(() => it.close())
  return { it, changed }
}

test('a loading engine becomes ready when its health route says 200', async () => {
  const answer = { status: 503 }
  const { target, asked } = await engine(answer)
  const { it, changed } = prober()

  it.track(target)
  await vi.waitFor(() => expect(it.probe(ID)?.state).toBe('loading'))
  answer.status = 200
  await vi.waitFor(() => expect(it.probe(ID)?.state).toBe('ready'))

  expect(changed).toEqual(['r1 loading', 'r1 ready'])
  expect(asked[0]).toBe('Bearer k')
})

test('what an engine answered before it was ready is remembered for who asks why it never was', async () => {
  const answer = { status: 404 }
  const { target } = await engine(answer)
  const { it } = prober()

  it.track(target)
  await vi.waitFor(() => expect(it.probe(ID)?.history.answered).toBeGreaterThan(1))
  expect(it.probe(ID)?.history).toMatchObject({ refused: 0, silent: 0, lastStatus: 404 })
})

test('an engine that does not listen yet is unknown, and the first refusal is an answer', async () => {
  const { target, close } = await engine({ status: 200 })
  close()
  const { it, changed } = prober()

  it.track(target)
  await it.firstAnswer(ID)

  expect(it.probe(ID)?.state).toBe('unknown')
  expect(changed).toEqual([])
})

test('a ready engine is unhealthy only after several misses in a row', async () => {
  const clock = new FakeClock(1_000)
  const answer = { status: 200 }
  const { target, asked } = await engine(answer)
  const { it } = prober(clock)
  it.track(target)
  await vi.waitFor(() => expect(it.probe(ID)?.state).toBe('ready'))

  answer.status = 500
  for (let miss = 1; miss <= 3; miss++) {
    expect(it.probe(ID)?.state).toBe('ready')
    const before = asked.length
    await clock.advance(5_000)
    await vi.waitFor(() => expect(asked.length).toBeGreaterThan(before))
  }
  await vi.waitFor(() => expect(it.probe(ID)?.state).toBe('unhealthy'))
})

test('a suspected replica is asked at once', async () => {
  const { target, asked } = await engine({ status: 200 })
  const { it } = prober(new FakeClock())
  it.track(target)
  await vi.waitFor(() => expect(it.probe(ID)?.state).toBe('ready'))

  it.hurry(ID)
  await vi.waitFor(() => expect(asked).toHaveLength(2))
})

test('a replica that is not tracked any more is not asked any more', async () => {
  const { target, asked } = await engine({ status: 503 })
  const { it } = prober()
  it.track(target)
  await it.firstAnswer(ID)
  it.untrack(ID)
  const before = asked.length
  await new Promise(setImmediate)

  expect(it.probe(ID)).toBeUndefined()
  expect(asked.length).toBeLessThanOrEqual(before + 1)
})

test('the usual time of a start counts from where the runtime began it, not from when it was heard of', async () => {
  const { target, asked } = await engine({ status: 503 })
  const clock = new FakeClock(10_000)
  const { it } = prober(clock)
  it.track({ ...target, startedAt: 9_000, usual: { usualMs: 1_100, earliestMs: 1_000, latestMs: 1_200 } })
  await it.firstAnswer(ID)
  await new Promise(setImmediate)

  await clock.advance(5)
  await vi.waitFor(() => expect(asked).toHaveLength(2))
})

const usual = { usualMs: 30_000, earliestMs: 20_000, latestMs: 40_000 }
test.for([
  { when: 'nothing is known of it', ageMs: 100, usual: undefined, everyMs: 5 },
  { when: 'nothing is known of it, minutes later', ageMs: 120_000, usual: undefined, everyMs: 500 },
  { when: 'it is far from ready', ageMs: 1_000, usual, everyMs: 250 },
  { when: 'it is nearly time', ageMs: 15_900, usual, everyMs: 100 },
  { when: 'it is time', ageMs: 16_000, usual, everyMs: 5 },
  { when: 'it is a little late', ageMs: 44_000, usual, everyMs: 5 },
  { when: 'it is minutes late', ageMs: 100_000, usual, everyMs: 500 },
])('a replica that starts is asked every $everyMs ms when $when', ({ ageMs, usual, everyMs }) => {
  expect(startIntervalMs(ageMs, usual)).toBe(everyMs)
})
