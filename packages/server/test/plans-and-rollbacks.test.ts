/** What a change would do is what it does, and every change can be taken back. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { listRevisions } from '../src/control/endpoint-queries.ts'
import { World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await World.start()
  await world.create({ min: 1, max: 2 })
  await world.untilState('running')
})
afterEach(() => world.end())

const revisions = async () => {
  const endpoint = (await world.store.endpoints.find('admin', 'chat'))!
  return (await listRevisions(world.control, endpoint, 10)).items
}

test('a plan names the fields, says what restarts, and changes nothing', async () => {
  expect(await world.planUpdate({ tags: ['blue'] })).toMatchObject({
    changes: [{ path: 'tags', from: [], to: ['blue'] }],
    revision: 2,
    restarts: false,
    replicas: 0,
  })
  expect(await world.planUpdate({ model: { env: { MODE: 'fast' } } })).toMatchObject({
    changes: [{ path: 'model.env.MODE', from: null, to: 'fast' }],
    restarts: true,
    replicas: 1,
  })
  expect(await world.planUpdate({ tags: [] })).toMatchObject({ changes: [], revision: 1, restarts: false })
  expect((await world.see()).status.generation).toBe(1)
})

test('a plan of a secret shows that it changes and never what it is', async () => {
  const plan = await world.planUpdate({ model: { secrets: { KEY: 'hunter2' } } })
  expect(plan).toMatchObject({ restarts: true })
  expect(plan.changes.map(({ path }) => path)).toContain('model.secrets.KEY')
  expect(JSON.stringify(plan)).not.toContain('hunter2')
})

test('a plan is refused for what the change would be refused for', async () => {
  await expect(world.planUpdate({ compute: { scaling: { minReplica: 9 } } })).rejects.toMatchObject({
    field: 'compute.scaling.minReplica',
  })
  await expect(world.planRollback(7)).rejects.toMatchObject({ code: 'not_found', field: 'revision' })
})

test('rolling back makes a new revision with the configuration of the old one, and replicas follow', async () => {
  await world.update({ model: { env: { MODE: 'fast' } }, tags: ['blue'] })
  await world.until('the second revision runs', () => world.replicas.every(({ revision }) => revision === 2))
  const plan = await world.planRollback(1)
  expect(plan.changes.map(({ path }) => path).toSorted()).toEqual(['model.env.MODE', 'tags'])

  await world.rollback(1)

  await world.until('the third revision runs', () => world.replicas.every(({ revision }) => revision === 3))
  expect(await world.see()).toMatchObject({ tags: [], model: { env: {} }, status: { generation: 3 } })
  const [third, second, first] = await revisions()
  expect(third).toMatchObject({ number: 3, restarts: true, spec: first!.spec })
  expect(third!.changes).toEqual(second!.changes!.map(({ path, from, to }) => ({ path, from: to, to: from })))
  expect(first!.changes).toBeNull()
})

test('rolling back what replicas do not notice restarts nothing', async () => {
  await world.update({ tags: ['blue'] })
  const before = world.replicas.map(({ id }) => id)
  await world.rollback(1)
  await world.untilState('running')
  expect(world.replicas.map(({ id }) => id)).toEqual(before)
  expect((await revisions())[0]).toMatchObject({ number: 3, runs: 1, restarts: false })
})

test('secrets have no history: those of now stay', async () => {
  await world.update({ model: { secrets: { KEY: 'hunter2' } } })
  await world.rollback(1)
  await world.until('the third revision runs', () =>
    [...world.runtime.replicas.values()].every(({ state }) => state.revision !== 1),
  )
  expect((await world.see()).model.secrets).toEqual({ KEY: '' })
})

test('rolling back to what is already so makes no revision', async () => {
  await world.rollback(1)
  expect((await world.see()).status.generation).toBe(1)
})
