import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ReplicaId } from '../../domain/replica.ts'
import { systemClock } from '../../platform/clock.ts'
import { KEPT_ENDED_LOGS, KEPT_ENDED_LOGS_MS, KEPT_OLD_FILES, ReplicaLogs } from './replica-logs.ts'

const ID = 'abcdefgh-abcde' as ReplicaId
const MAX_BYTES = 300
const never = new AbortController().signal

test('lines stay in order over the files they were moved to', async () => {
  const { logs, write } = await logsForTest()
  for (const name of ['a', 'b', 'c']) {
    await write(numbered(name, 100))
    await logs.rotate(ID)
  }
  await write(numbered('d', 100))
  expect(await read(logs)).toEqual(
    ['a', 'b', 'c', 'd'].flatMap((name) => numbered(name, 100).trim().split('\n')),
  )
})

test.for([0, 1, 3, 20, 21, 22, 120, 121, 122, 221, 10_000])(
  'the newest %i lines are the newest',
  async (tail) => {
    const { logs, write } = await logsForTest()
    await write(numbered('a', 100))
    await logs.rotate(ID)
    await write(numbered('b', 100))
    await logs.rotate(ID)
    await write(`${numbered('c', 20)}unfinished`)
    const all = await read(logs)
    expect(all).toHaveLength(221)
    expect(await read(logs, tail)).toEqual(tail === 0 ? [] : all.slice(-tail))
  },
)

test.for([0, 1, 2, 100, 101])('the newest %i lines are found right after the log was cut', async (tail) => {
  const { logs, write } = await logsForTest()
  await write(numbered('a', 100))
  await logs.rotate(ID)
  await write(numbered('b', 100))
  await logs.rotate(ID)
  const all = await read(logs)
  expect(await read(logs, tail)).toEqual(tail === 0 ? [] : all.slice(-tail))
})

test('the newest lines are found in a file much longer than one read', async () => {
  const { logs, write } = await logsForTest(2 ** 30)
  await write(numbered('line', 40_000))
  expect(await read(logs, 2)).toEqual(['line 39998', 'line 39999'])
  expect(await read(logs, 39_999)).toHaveLength(39_999)
})

test('a small log is left as it is', async () => {
  const { logs, write, directory } = await logsForTest()
  await write('short\n')
  await logs.rotate(ID)
  expect(await readdir(directory)).toEqual([`${ID}.log`])
})

test('no more than the kept files remain, and no temporary one', async () => {
  const { logs, write, directory } = await logsForTest()
  for (let i = 0; i < KEPT_OLD_FILES + 3; i++) {
    await write(numbered(String(i), 200))
    await logs.rotate(ID)
  }
  expect((await readdir(directory)).toSorted()).toEqual(
    ['', '.4', '.5', '.6'].map((end) => `${ID}.log${end}`),
  )
  expect((await read(logs))[0]).toBe('3 0')
})

test('a follower loses no line when the log is cut under it', async () => {
  const { logs, write } = await logsForTest()
  let running = true
  const followed = Array.fromAsync(logs.lines(ID, { follow: true, signal: never }, () => running))
  for (let i = 0; i < 20; i++) {
    await write(numbered(String(i), 100))
    await logs.rotate(ID)
    await new Promise((resolve) => setImmediate(resolve))
  }
  running = false
  const lines = await followed
  // It may fall behind by more than is kept, but what it reads it reads once and in order.
  const position = (line: string) => Number(line.split(' ')[0]) * 100 + Number(line.split(' ')[1])
  const positions = lines.map(position)
  expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b))
  expect(positions.at(-1)).toBe(1_999)
})

test('whoever keeps the lines goes on after the last one, in a later process and over cuts', async () => {
  const { logs, write, directory } = await logsForTest()
  const keep = async (from: ReplicaLogs, after?: string) =>
    Array.fromAsync(from.output(ID, { ...(after !== undefined && { after }), signal: never }, () => false))
  await write(numbered('a', 100))
  await logs.rotate(ID)
  await write(numbered('b', 5))
  const first = await keep(logs)
  expect(first.map(({ text }) => text)).toEqual(await read(logs))

  const middle = first[50]!.place
  await write(`${numbered('b', 95)}`)
  await logs.rotate(ID)
  await write('c 0\nunfinished')
  const later = new ReplicaLogs(directory, systemClock, MAX_BYTES)
  const all = await read(later)
  expect((await keep(later, middle)).map(({ text }) => text)).toEqual(all.slice(51))
  const rest = await keep(later, first.at(-1)!.place)
  expect(rest.map(({ text }) => text)).toEqual(all.slice(105))
  expect(await keep(later, rest.at(-1)!.place)).toEqual([])
})

test.for(['nonsense', '99:0', '-1:5'])('from a place that is none (%s) everything is read', async (after) => {
  const { logs, write } = await logsForTest()
  await write('one\ntwo\n')
  const lines = await Array.fromAsync(logs.output(ID, { after, signal: never }, () => false))
  expect(lines.map(({ text }) => text)).toEqual(['one', 'two'])
  expect(Math.abs(lines[0]!.at - Date.now())).toBeLessThan(60_000)
})

test('a process that writes all the time goes on when its log is cut', async () => {
  const { logs, directory } = await logsForTest(20_000)
  const handle = await logs.open(ID)
  const source = `let i = 0; setInterval(() => { for (let n = 0; n < 20; n++) fs.writeSync(1, "line " + i++ + "\\n") }, 1)`
  const writer = spawn(process.execPath, ['-e', `const fs = require("fs"); ${source}`], {
    stdio: ['ignore', handle.fd, handle.fd],
  })
  onTestFinished(() => void writer.kill('SIGKILL'))
  await handle.close()
  await vi.waitFor(
    async () => {
      await logs.rotate(ID)
      expect(await readdir(directory)).toHaveLength(1 + KEPT_OLD_FILES)
    },
    { timeout: 15_000, interval: 5 },
  )
  writer.kill('SIGKILL')
  await once(writer, 'exit')

  const sizes = await Promise.all((await readdir(directory)).map((name) => stat(path.join(directory, name))))
  for (const { size } of sizes) expect(size).toBeLessThan(200_000)
  const numbers = (await read(logs)).map((line) => Number(/^line (\d+)$/.exec(line)?.[1]))
  expect(numbers.length).toBeGreaterThan(1_000)
  expect(numbers.every((number, i) => i === 0 || number > (numbers[i - 1] ?? Number.NaN))).toBe(true)
})

test('logs of replicas that are gone are removed when they are old or too many, and nothing else is', async () => {
  const { logs, directory } = await logsForTest()
  const name = (i: number) => `aaaaaaaa-${letters(i)}.log`
  for (let i = 0; i < KEPT_ENDED_LOGS + 2; i++) {
    await writeFile(path.join(directory, name(i)), 'x')
    // The first is the newest.
    const changedAt = Date.now() / 1000 - i
    await utimes(path.join(directory, name(i)), changedAt, changedAt)
  }
  const longAgo = (Date.now() - KEPT_ENDED_LOGS_MS - 60_000) / 1000
  for (const old of ['bbbbbbbb-aaaaa.log.2', 'cccccccc-aaaaa.log', 'control.log', 'my-own-notes.log']) {
    await writeFile(path.join(directory, old), 'x')
    await utimes(path.join(directory, old), longAgo, longAgo)
  }
  await logs.prune((id) => id === 'cccccccc-aaaaa')

  const left = await readdir(directory)
  expect(left.filter((file) => file.startsWith('aaaaaaaa'))).toHaveLength(KEPT_ENDED_LOGS)
  expect(left).not.toContain(name(KEPT_ENDED_LOGS))
  expect(left.filter((file) => !file.startsWith('aaaaaaaa')).toSorted()).toEqual([
    'cccccccc-aaaaa.log',
    'control.log',
    'my-own-notes.log',
  ])
})

async function logsForTest(maxBytes = MAX_BYTES) {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'berth-logs-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const logs = new ReplicaLogs(directory, systemClock, maxBytes)
  const write = async (text: string) => {
    const handle = await logs.open(ID)
    await handle.write(text)
    await handle.close()
  }
  return { directory, logs, write }
}

const read = (logs: ReplicaLogs, tail?: number) =>
  Array.fromAsync(
    logs.lines(ID, { follow: false, signal: never, ...(tail === undefined ? {} : { tail }) }, () => true),
  )

function numbered(name: string, count: number): string {
  return Array.from({ length: count }, (_, i) => `${name} ${i}\n`).join('')
}

/** Five letters that are another word for every number below 26². */
const letters = (i: number) =>
  `aaa${String.fromCharCode(97 + Math.floor(i / 26))}${String.fromCharCode(97 + (i % 26))}`
