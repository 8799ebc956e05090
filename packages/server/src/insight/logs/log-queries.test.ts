import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { FollowLogLinesQuery, LogLineList, LogLinesQuery, LogsQuery } from '@berth/contract'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { LogArchive } from './log-archive.ts'
import { followLines, readLines, textLines } from './log-queries.ts'

const CHAT = 'chat' as EndpointId
const A = 'aaaaaaaa-aaaaa' as ReplicaId
const AT = Date.UTC(2026, 7, 1, 10)

let directory: string
let archive: LogArchive
beforeEach(async () => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'berth-queries-'))
  archive = new LogArchive(directory, new FakeClock(AT))
  const lines = Array.from({ length: 8 }, (_, i) => ({
    at: AT + 1_000 * i,
    number: i + 1,
    stream: 'output' as const,
    level: null,
    text: `line ${i + 1}`,
  }))
  await archive.replica(CHAT, A)!.append({ lines, place: 'p' })
})
afterEach(() => rmSync(directory, { recursive: true }))

const read = async (query: object) => {
  const lines = await readLines(archive, CHAT, LogLinesQuery.parse(query))
  expect(LogLineList.parse(lines)).toEqual(lines)
  return lines.map(({ line }) => Number(line.slice(5)))
}

test.for<[string, object, number[]]>([
  ['all, the oldest first', {}, [1, 2, 3, 4, 5, 6, 7, 8]],
  ['the first few', { limit: '2' }, [1, 2]],
  ['the last few, the newest first', { limit: '2', order: 'desc' }, [8, 7]],
  ['the tail, the oldest first', { tail: '2' }, [7, 8]],
  ['no tail', { tail: '0' }, []],
  [
    'a range in another time zone',
    { since: '2026-08-01T12:00:02+02:00', until: '2026-08-01T10:00:03Z' },
    [3, 4],
  ],
  ['the page before a line', { before: `${AT + 5_000}.6.${A}`, limit: '2', order: 'desc' }, [5, 4]],
  ['what is after a line', { after: `${AT + 5_000}.6.${A}` }, [7, 8]],
])('%s', async ([, query, expected]) => {
  expect(await read(query)).toEqual(expected)
})

test('what is no id of a line is refused by the name of its field', async () => {
  await expect(read({ before: 'yesterday' })).rejects.toMatchObject({ code: 'invalid', field: 'before' })
  const lines = followLines(
    archive,
    CHAT,
    FollowLogLinesQuery.parse({ after: '1.2' }),
    new AbortController().signal,
  )
  await expect(Array.fromAsync(lines)).rejects.toMatchObject({ field: 'after' })
})

test('as text the newest come, or all of a range', async () => {
  const text = (query: object) =>
    Array.fromAsync(textLines(archive, CHAT, LogsQuery.parse(query), new AbortController().signal))
  expect(await text({ tail: '2' })).toEqual(['line 7', 'line 8'])
  expect(await text({ since: '2026-08-01T10:00:06Z', search: 'LINE' })).toEqual(['line 7', 'line 8'])
})
