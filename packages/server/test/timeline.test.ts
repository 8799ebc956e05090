/** What the timeline says of a life that really passed. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readMarkers, readTimeline, type TimelineAsk } from '../src/insight/read-timeline.ts'
import { World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await World.start()
  await world.create({ min: 1 })
  await world.untilState('running')
})
afterEach(() => world.end())

const endpoint = async () => (await world.store.endpoints.find('admin', 'chat'))!
/** Events are written a moment after what they tell of. */
const timeline = async (asked: Partial<TimelineAsk> = {}) => {
  await world.pass(1_000)
  return readTimeline(world.control, await endpoint(), {
    from: undefined,
    to: undefined,
    limit: 100,
    ...asked,
  })
}

test('replicas of two revisions follow each other, and each phase ends where the next begins', async () => {
  await world.update({ model: { env: { MODE: 'fast' } } })
  await world.until('the second revision runs alone', () =>
    world.replicas.every(({ revision }) => revision === 2),
  )
  const { replicas } = await timeline()
  expect(replicas.map(({ revision, spans }) => [revision, spans.map(({ phase }) => phase)])).toEqual([
    [1, ['starting', 'ready', 'draining']],
    [2, ['starting', 'ready']],
  ])
  const [first, second] = replicas
  for (const { spans } of replicas) {
    for (const [i, { stop }] of spans.slice(0, -1).entries()) expect(stop).toBe(spans[i + 1]!.start)
  }
  expect(first!.gone).toMatchObject({ reason: 'drained', failed: false })
  expect(first!.spans.at(-1)!.stop).toBe(first!.gone!.at)
  expect(second!.gone).toBeNull()
})

test('a crash is the end of a life, with its reason, and a marker', async () => {
  world.runtime.exit(world.replicas[0]!.id, 3)
  await world.until('replaced', async () => (await timeline()).replicas.length === 2)
  const { replicas } = await timeline()
  expect(replicas[0]!.gone).toMatchObject({ failed: true, reason: expect.stringContaining('code 3') })
  const markers = await readMarkers(world.control, await endpoint(), { from: 0, to: world.clock.now() })
  expect(markers.map(({ kind }) => kind)).toEqual(['endpoint.created', 'replica.failed'])
})

test('events come page by page, of the kinds and the time that were asked for', async () => {
  await world.update({ tags: ['blue'] })
  const all = (await timeline()).events
  const first = await timeline({ limit: 2 })
  const second = await timeline({ limit: 100, cursor: first.nextCursor! })
  expect([...first.events, ...second.events]).toEqual(all)
  expect(second.nextCursor).toBeNull()

  const { events } = await timeline({ kinds: ['state', 'endpoint.updated'] })
  expect(events.map(({ kind, actor }) => `${kind} by ${actor}`)).toEqual([
    'endpoint.updated by admin',
    'state.changed by reconciler',
    'state.changed by reconciler',
  ])
  const early = await timeline({ to: Date.parse(all.at(-1)!.at), kinds: ['endpoint'] })
  expect(early.events.map(({ kind }) => kind)).toEqual(['endpoint.created'])
})

test('an endpoint of the same name that was deleted is another one', async () => {
  await world.act('deleteEndpoint')
  await world.until('gone', () => world.replicas.length === 0)
  await world.pass(10_000)
  await world.create()
  await world.untilState('running')
  const { replicas, events } = await timeline()
  expect(replicas).toHaveLength(1)
  expect(events.filter(({ kind }) => kind === 'endpoint.created')).toHaveLength(1)
})

test('a range that is turned round is refused', async () => {
  await expect(timeline({ from: 2, to: 1 })).rejects.toMatchObject({ code: 'invalid', field: 'from' })
})
