import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Changes } from './changes.ts'
import { claimDirectory } from './claim.ts'
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

test('ids are told apart', () => {
  const ids = new Set(Array.from({ length: 1_000 }, () => newReplicaId('abcdefghijkl' as never)))
  expect(ids.size).toBe(1_000)
  expect([...ids][0]).toMatch(/^abcdefgh-[a-z2-7]{5}$/)
  expect(newTokenText()).toMatch(/^berth_[a-z2-7]{40}$/)
})

test('a log that has grown large is set aside at the next start, and only then', () => {
  const file = path.join(home, 'control.log')
  const options = { name: 'control', level: 'info', file }
  createLog(options).info('first')
  createLog(options).info('second')
  expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(2)

  writeFileSync(file, '')
  truncateSync(file, LOG_BYTES + 1)
  createLog(options).info('third')
  expect(existsSync(`${file}.1`)).toBe(true)
  expect(readFileSync(file, 'utf8')).toContain('third')
})
