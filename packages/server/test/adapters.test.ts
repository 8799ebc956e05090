/** Adapters from the wish to the replica: pinned by their content, and another content is another rollout. */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await World.start()
  put('support', 'first')
})
afterEach(() => world.end())

const placeOf = (name: string) => path.join(world.directory, name)
const repository = (name: string) => `file:${placeOf(name)}`
function put(name: string, weights: string): void {
  mkdirSync(placeOf(name), { recursive: true })
  writeFileSync(path.join(placeOf(name), 'adapter_config.json'), '{"r": 8}')
  writeFileSync(path.join(placeOf(name), 'adapter_model.safetensors'), weights)
}
const wish = () => ({ support: { repository: repository('support') } })
const route = () => [...world.routes.values()][0]!
const ready = () => route().replicas.filter(({ state }) => state === 'ready')
const hash = () => ready()[0]?.adapters?.['support']?.hash

test('a replica is started with them, and the gateways know what it has', async () => {
  await world.create({ min: 1, adapters: wish() })
  await world.untilState('running')
  const [replica] = [...world.runtime.replicas.values()]
  const id = `support-${hash()!.slice(0, 12)}`
  expect(replica?.command.slice(-2)).toEqual(['--adapters', `${id}=${placeOf('support')}`])
  expect(route().adapters).toEqual(['support'])
  expect(ready()[0]?.adapters).toEqual({
    support: { hash: expect.stringMatching(/^[0-9a-f]{64}$/), members: { model: id } },
  })
  expect((await world.see()).model.adapters).toEqual({
    support: { repository: repository('support'), revision: null },
  })
})

test('other content under the old name is a rollout, and each replica is known for what it has', async () => {
  await world.create({ min: 1, adapters: wish() })
  await world.untilState('running')
  const before = hash()

  put('support', 'second')
  expect(await world.planUpdate({ model: { adapters: wish() } })).toMatchObject({ restarts: true })
  await world.update({ model: { adapters: wish() } })
  await world.until('the second revision serves alone', () =>
    world.replicas.every(({ revision }) => revision === 2),
  )
  await world.untilState('running')
  expect(hash()).toMatch(/^[0-9a-f]{64}$/)
  expect(hash()).not.toBe(before)
})

test('while both run, the older replica keeps the adapter that it was started with', async () => {
  await world.create({ min: 1, adapters: wish() })
  await world.untilState('running')
  const before = hash()
  world.busy.add(world.replicas[0]!.id)
  put('support', 'second')
  await world.update({ model: { adapters: wish() } })
  await world.until('both are there', () => route().replicas.length === 2)
  expect(new Set(route().replicas.map(({ adapters }) => adapters?.['support']?.hash))).toEqual(
    new Set([before, expect.not.stringMatching(before!)]),
  )
  world.finish(world.replicas[0]!.id)
})

test('the same again, or a change of something else, restarts nothing', async () => {
  await world.create({ min: 1, adapters: wish() })
  await world.untilState('running')
  expect(await world.planUpdate({ model: { adapters: wish() } })).toMatchObject({
    changes: [],
    restarts: false,
  })
  expect(await world.planUpdate({ tags: ['blue'] })).toMatchObject({ restarts: false })
})

test('files that changed after they were accepted are not served under the old name', async () => {
  await world.create({ min: 0, adapters: wish() })
  await world.act('scaleEndpointToZero')
  await world.untilState('scaledToZero')
  put('support', 'tampered')
  await world.request()
  await world.untilState('failed')
  const { errorMessage } = (await world.see()).status
  expect(errorMessage).toContain('its files have changed')
})

test('all of them can be taken away', async () => {
  await world.create({ min: 1, adapters: wish() })
  await world.untilState('running')
  await world.update({ model: { adapters: {} } })
  await world.until('the second revision serves alone', () =>
    world.replicas.every(({ revision }) => revision === 2),
  )
  await world.untilState('running')
  expect(route().adapters).toBeUndefined()
  expect(ready()[0]).not.toHaveProperty('adapters')
})

test.for<[what: string, repositoryName: string, words: string]>([
  ['that is not there', 'nowhere', 'The adapter "support" cannot be served.'],
  ['that is none', 'model', 'it is no adapter as the PEFT library saves one'],
])('an adapter %s is refused by its name', async ([, name, words]) => {
  const refused = world.create({ adapters: { support: { repository: repository(name) } } })
  await expect(refused).rejects.toMatchObject({
    message: expect.stringContaining(words),
    field: 'model.adapters.support',
  })
})

test('an engine that serves a model alone refuses them with the way out', async () => {
  const refused = world.create({ image: { llamacpp: {} }, adapters: wish() })
  await expect(refused).rejects.toMatchObject({
    message: expect.stringContaining('install llama-server'),
    field: 'model.adapters',
    reason: 'no_adapters',
  })
})
