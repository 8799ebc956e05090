import { expect, test } from 'vitest'
import type { EventRecord } from '../store/store.ts'
import { markersOf, replicaLives } from './timeline.ts'

const at = (second: number) => Date.UTC(2026, 7, 1, 10, 0, second)
const iso = (second: number) => new Date(at(second)).toISOString()
const range = { from: at(0), to: at(60) }

let sequence = 0
const event = (
  second: number,
  kind: string,
  details: Readonly<Record<string, unknown>> = {},
  message = kind,
): EventRecord => ({
  sequence: ++sequence,
  at: at(second),
  actor: { id: 'reconciler', name: 'reconciler' },
  kind,
  endpoint: 'admin/chat',
  message,
  details,
})
const of = (replica: string, second: number, kind: string, more: object = {}) =>
  event(second, `replica.${kind}`, { replica, revision: 1, ...more })

test('a whole life is start, readiness, drain and end, without a gap', () => {
  const events = [of('a', 1, 'started'), of('a', 5, 'ready'), of('a', 30, 'draining')]
  const lives = replicaLives([...events, of('a', 33, 'stopped', { reason: 'drained' })], [], range)
  expect(lives).toEqual([
    {
      id: 'a',
      revision: 1,
      spans: [
        { phase: 'starting', start: iso(1), stop: iso(5) },
        { phase: 'ready', start: iso(5), stop: iso(30) },
        { phase: 'draining', start: iso(30), stop: iso(33) },
      ],
      gone: { at: iso(33), reason: 'drained', failed: false },
    },
  ])
})

test('what runs goes on, also when its start was long before what is known of it', () => {
  const there = [{ id: 'b', revision: 2, startedAt: at(-500) }]
  expect(replicaLives([of('b', 10, 'ready')], there, range)).toMatchObject([
    {
      spans: [
        { phase: 'starting', start: iso(-500), stop: iso(10) },
        { phase: 'ready', start: iso(10), stop: null },
      ],
      gone: null,
    },
  ])
})

test('a start that is known by its end alone is drawn from how long it took', () => {
  const [life] = replicaLives(
    [of('a', 10, 'ready', { tookMs: 4_000 })],
    [{ id: 'x', revision: 1, startedAt: at(20) }],
    range,
  )
  expect(life!.spans[0]).toEqual({ phase: 'starting', start: iso(6), stop: iso(10) })
})

test('a failure ends a life with its reason, whatever is tidied up later', () => {
  const failed = event(5, 'replica.failed', { replica: 'a', revision: 1 }, 'exited with code 3')
  const [life] = replicaLives(
    [of('a', 1, 'started'), failed, of('a', 9, 'stopped', { reason: 'failed' })],
    [],
    range,
  )
  expect(life).toMatchObject({
    spans: [{ phase: 'starting', stop: iso(5) }],
    gone: { at: iso(5), reason: 'exited with code 3', failed: true },
  })
})

test('one that went while nobody looked ends where it was last seen', () => {
  const [life] = replicaLives([of('a', 1, 'started'), of('a', 5, 'ready')], [], range)
  expect(life!.gone).toEqual({ at: iso(5), reason: 'went while nobody looked', failed: false })
})

test('only those of the range, the first one first', () => {
  const events = [
    ...[of('early', -50, 'started'), of('early', -40, 'stopped')],
    ...[of('second', 20, 'started'), of('first', 10, 'started')],
  ]
  const there = ['first', 'second'].map((id, i) => ({ id, revision: 1, startedAt: at(10 + 10 * i) }))
  const late = { id: 'late', revision: 1, startedAt: at(90) }
  expect(replicaLives(events, [...there, late], range).map(({ id }) => id)).toEqual(['first', 'second'])
})

test('markers are in order and know who and which revision', () => {
  const markers = markersOf([
    event(9, 'scale.changed', { from: 0, to: 1 }, 'From 0 to 1: a request arrived.'),
    { ...event(3, 'endpoint.updated', { revision: 4 }), sequence: 0, actor: { id: 'u', name: 'ada' } },
  ])
  expect(markers).toEqual([
    {
      at: iso(3),
      kind: 'endpoint.updated',
      message: 'endpoint.updated',
      actor: 'ada',
      revision: 4,
      sequence: 0,
    },
    expect.objectContaining({ at: iso(9), revision: null, message: 'From 0 to 1: a request arrived.' }),
  ])
})
