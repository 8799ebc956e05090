import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { Bell } from './bell.ts'
import { Changes } from './changes.ts'
import { claimDirectory } from './claim.ts'
import { atOneTime, systemClock } from './clock.ts'
import { EventLoopLag, UNASKED_MS } from './event-loop.ts'
import { newReplicaId, newTokenText } from './ids.ts'
import { createLog, LOG_BYTES } from './log.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), 'berth-platform-'))
})
afterEach(() => rmSync(home, { recursive: true }))

test('a directory is claimed by one at a time, and the refusal says by whom', () => {
  const lock = path.join(home, 'run', 'control.lock')
  const claim = claimDirectory(lock)
  expect(() => claimDirectory(lock)).toThrow(`Berth already serves ${home} (process ${process.pid})`)
  claim.release()
  claimDirectory(lock).release()
})

test.skipIf(process.getuid?.() === 0)('a directory that cannot be written is refused with its path', () => {
  chmodSync(home, 0o500)
  expect(() => claimDirectory(path.join(home, 'run', 'control.lock'))).toThrow(home)
  chmodSync(home, 0o700)
})

test('a listener hears of changes, many as one, until it is told to stop', async () => {
  const changes = new Changes<'a' | 'b'>()
  const stop = new AbortController()
  let heard = 0
  const listening = (async () => {
    for await (const _ of changes.of('a', stop.signal)) heard++
  })()
  const settled = () => new Promise(setImmediate)

  await settled()
  expect(heard).toBe(1)
  changes.announce('a')
  changes.announce('a')
  changes.announce('b')
  await settled()
  expect(heard).toBe(2)
  stop.abort()
  await listening
  changes.announce('a')
  expect(heard).toBe(2)
})

test('a bell that rang while nobody waited is heard once', async () => {
  const bell = new Bell()
  const stop = new AbortController()
  bell.ring()
  bell.ring()
  await bell.heard(stop.signal)
  let heard = false
  const waiting = bell.heard(stop.signal).then(() => {
    heard = true
  })
  await new Promise(setImmediate)
  expect(heard).toBe(false)
  bell.ring()
  await waiting
  const given = bell.heard(stop.signal)
  stop.abort()
  await given
  await bell.heard(stop.signal)
})

test('the event loop is measured from the first time that somebody asks, until nobody has asked for long', async () => {
  const clock = new FakeClock()
  const lag = new EventLoopLag(clock, 5)
  const isMeasured = async () => {
    // Longer than its timer needs to fire, however busy the machine is.
    const begun = Date.now()
    do await new Promise(setImmediate)
    while (Date.now() - begun < 30)
    return lag.take().count > 0
  }
  expect(await isMeasured()).toBe(false)
  expect(await isMeasured()).toBe(true)
  await clock.advance(UNASKED_MS)
  expect(await isMeasured()).toBe(false)
  lag.close()
})

test('ids are told apart', () => {
  const ids = new Set(Array.from({ length: 1_000 }, () => newReplicaId('abcdefghijkl' as never)))
  expect(ids.size).toBe(1_000)
  expect([...ids][0]).toMatch(/^abcdefgh-[a-z2-7]{5}$/)
  expect(newTokenText()).toMatch(/^berth_[a-z2-7]{40}$/)
})

test('a log that grows large is set aside while it is written, and no line is lost', () => {
  const file = path.join(home, 'logs', 'control.log')
  const options = { name: 'control', level: 'info', file, maxBytes: 2_000 }
  const first = createLog(options)
  for (let i = 0; i < 20; i++) first.info('line', { i })
  // A later process goes on where this one was.
  const second = createLog(options)
  for (let i = 20; i < 60; i++) second.info('line', { i })

  const files = ['.3', '.2', '.1', ''].map((end) => `${file}${end}`).filter((name) => existsSync(name))
  expect(files.length).toBeGreaterThan(2)
  const lines = files.flatMap((name) => readFileSync(name, 'utf8').trim().split('\n'))
  for (const name of files) expect(statSync(name).size).toBeLessThan(2_300)
  expect(lines.map((line) => (JSON.parse(line) as { i: number }).i)).toEqual(
    Array.from({ length: 60 }, (_, i) => i),
  )
})

test('no more than a few older logs are kept', () => {
  const file = path.join(home, 'control.log')
  const log = createLog({ name: 'control', level: 'info', file, maxBytes: 300 })
  for (let i = 0; i < 24; i++) log.info('line', { i })
  const kept = readdirSync(home).filter((name) => name.startsWith('control.log'))
  expect(kept.toSorted()).toEqual(['control.log', 'control.log.1', 'control.log.2', 'control.log.3'])
  expect(readFileSync(file, 'utf8') + readFileSync(`${file}.1`, 'utf8')).toContain('"i":23')
})

test('a log larger than it may be is set aside by the first line of the next process', () => {
  const file = path.join(home, 'control.log')
  writeFileSync(file, 'x'.repeat(LOG_BYTES))
  const log = createLog({ name: 'control', level: 'info', file })
  log.info('first')
  log.info('second')
  expect(readFileSync(`${file}.1`, 'utf8')).toContain('first')
  expect(readFileSync(file, 'utf8')).toContain('second')
})

test('what is done at one time reads one time, and what comes after it the time that it is then', () => {
  const spin = (until: number) => {
    while (performance.now() < until);
  }
  const before = systemClock.elapsed()
  expect(() =>
    atOneTime(() => {
      const read = systemClock.elapsed()
      spin(performance.now() + 2)
      expect(systemClock.elapsed()).toBe(read)
      throw new Error('broken off')
    }),
  ).toThrow('broken off')
  expect(systemClock.elapsed()).toBeGreaterThan(before)
})
