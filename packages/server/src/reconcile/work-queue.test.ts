import { expect, test } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { WorkQueue } from './work-queue.ts'

function startQueue(handle: (key: string, clock: FakeClock) => Promise<number | undefined>, concurrency = 2) {
  const clock = new FakeClock()
  const queue = new WorkQueue<string>(clock)
  const stopping = new AbortController()
  const finished = queue.run((key) => handle(key, clock), { concurrency, signal: stopping.signal })
  const stop = () => {
    stopping.abort()
    return finished
  }
  return { clock, queue, stop }
}

test('a key added many times is handed out once', async () => {
  const seen: string[] = []
  const { clock, queue } = startQueue(async (key) => void seen.push(key))

  for (let i = 0; i < 5; i++) queue.add('a')
  await clock.advance(0)

  expect(seen).toEqual(['a'])
})

test('a key added while in hand is handed out again afterwards, never at the same time', async () => {
  const log: string[] = []
  const { clock, queue } = startQueue(async (key, clock) => {
    log.push(`begin ${key}`)
    await clock.sleep(10)
    log.push(`end ${key}`)
    return undefined
  })

  queue.add('a')
  await clock.advance(5)
  queue.add('a')
  queue.add('b')
  await clock.advance(50)

  expect(log).toEqual(['begin a', 'begin b', 'end a', 'begin a', 'end b', 'end a'])
})

test('a key comes back when its handler asked, and the earliest ask wins', async () => {
  const seen: number[] = []
  const { clock, queue } = startQueue(async (_key, clock) => {
    seen.push(clock.now())
    return seen.length < 3 ? 1_000 : undefined
  })

  queue.add('a')
  await clock.advance(1_500)
  queue.add('a', 100)
  queue.add('a', 9_000)
  await clock.advance(10_000)

  expect(seen).toEqual([0, 1_000, 1_600])
})

test('no more keys are in hand than allowed', async () => {
  let inHand = 0
  let most = 0
  const { clock, queue } = startQueue(async (_key, clock) => {
    most = Math.max(most, ++inHand)
    await clock.sleep(10)
    inHand--
    return undefined
  }, 3)

  for (let i = 0; i < 10; i++) queue.add(`k${i}`)
  await clock.advance(200)

  expect(most).toBe(3)
  expect(inHand).toBe(0)
})

test('stopping waits for what is in hand and hands out nothing more', async () => {
  const log: string[] = []
  const { clock, queue, stop } = startQueue(async (key, clock) => {
    await clock.sleep(10)
    log.push(key)
    return 0
  })

  queue.add('a')
  await clock.advance(5)
  const stopped = stop().then(() => log.push('stopped'))
  await clock.advance(1_000)
  await stopped

  expect(log).toEqual(['a', 'stopped'])
})

test('a key that falls due between two looks at the clock is handed out', async () => {
  const handed = Promise.withResolvers<string>()
  let now = 0
  // Each look is a millisecond later than the one before.
  const clock = { now: () => now++, elapsed: () => now, sleep: async () => {} }
  const queue = new WorkQueue<string>(clock)
  queue.add('a', 2)
  const stopping = new AbortController()
  const running = queue.run(async (key) => void handed.resolve(key), {
    concurrency: 1,
    signal: stopping.signal,
  })
  expect(await handed.promise).toBe('a')
  stopping.abort()
  await running
})
