import { expect, test } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { Silence, withSilenceLimit } from './silence-limit.ts'

/** Work that ends only when its signal says so. */
const until = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

test('work that is heard in time may take as long as it wants', async () => {
  const clock = new FakeClock()
  const work = withSilenceLimit({ clock, silenceMs: 100 }, async (signal, heard) => {
    for (let i = 0; i < 10; i++) {
      await clock.sleep(90, signal)
      heard()
    }
    return 'done'
  })
  await clock.advance(900)
  expect(await work).toBe('done')
})

test('work that falls silent is broken off', async () => {
  const clock = new FakeClock()
  const work = withSilenceLimit({ clock, silenceMs: 100 }, async (signal, heard) => {
    await clock.sleep(50, signal)
    heard()
    return until(signal)
  })
  const outcome = expect(work).rejects.toBeInstanceOf(Silence)
  await clock.advance(149)
  await clock.advance(1)
  await outcome
})

test("the caller's signal passes through with its reason", async () => {
  const stop = new AbortController()
  const work = withSilenceLimit({ clock: new FakeClock(), silenceMs: 100, signal: stop.signal }, until)
  stop.abort(new Error('changed my mind'))
  await expect(work).rejects.toThrow('changed my mind')
})
