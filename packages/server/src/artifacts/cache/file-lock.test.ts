import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeClock } from '../../testing/fake-clock.ts'
import { tryFileLock, waitForFileLock } from './file-lock.ts'

let directory: string
let file: string

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'berth-lock-'))
  file = path.join(directory, 'a.lock')
})
afterEach(() => rm(directory, { recursive: true }))

test('one holder at a time, and the next one after it let go', () => {
  const first = tryFileLock(file)
  expect(first).toBeDefined()
  expect(tryFileLock(file)).toBeUndefined()
  first?.release()
  const second = tryFileLock(file)
  expect(second).toBeDefined()
  second?.release()
})

test('a process that is killed lets go', async () => {
  const program = `
    import { tryFileLock } from ${JSON.stringify(path.join(import.meta.dirname, 'file-lock.ts'))}
    if (tryFileLock(process.argv[1])) process.stdout.write('held')
    process.stdin.resume()
  `
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program, file])
  const ended = once(child, 'exit')
  try {
    expect(String((await once(child.stdout, 'data'))[0])).toBe('held')
    expect(tryFileLock(file)).toBeUndefined()
  } finally {
    child.kill('SIGKILL')
    await ended
  }
  const lock = tryFileLock(file)
  expect(lock).toBeDefined()
  lock?.release()
})

test('waiting ends with the lock, or with the signal', async () => {
  const clock = new FakeClock()
  const first = tryFileLock(file)
  const giveUp = new AbortController()
  const impatient = waitForFileLock(file, { clock, pollMs: 100, signal: giveUp.signal })
  const patient = waitForFileLock(file, { clock, pollMs: 100, signal: new AbortController().signal })

  await clock.advance(250)
  giveUp.abort(new Error('no longer'))
  await expect(impatient).rejects.toThrow('no longer')

  first?.release()
  await clock.advance(100)
  const lock = await patient
  expect(tryFileLock(file)).toBeUndefined()
  lock.release()
})
