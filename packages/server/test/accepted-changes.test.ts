/** What becomes of a wish: accepted as a revision, refused with its reason, and nothing of a secret anywhere. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await World.start()
})
afterEach(() => world.end())

const stored = async () => (await world.store.endpoints.find('admin', 'chat'))!

test('the spec keeps the image as it was asked for, and the revision knows what was chosen', async () => {
  await world.create({ image: { huggingface: {} } })
  expect((await world.see()).model.image).toEqual({ huggingface: {} })
  const revision = await world.store.revisions.get((await stored()).id, 1)
  expect(revision).toMatchObject({ engine: 'llamacpp', image: { llamacpp: { modelPath: 'm.gguf' } } })
})

test('the password of a registry pulls the image, and is shown to nobody, not even to the engine', async () => {
  await world.end()
  world = await World.start({ runtimes: ['container'] })
  const url = 'registry.test/acme/engine:1'
  const image = { custom: { url, credentials: { username: 'robot', password: 'hunter2' } } }
  await world.create({ min: 1, image })
  await world.untilState('running')
  const [replica] = world.runtime.replicas.values()
  expect(replica!.spec.registry).toEqual({ username: 'robot', password: 'hunter2' })
  expect(replica!.env).toEqual({})

  const shown = await world.see()
  expect(shown.model.image.custom?.credentials).toEqual({ username: 'robot', password: '' })
  expect(shown.model.secrets).toEqual({})
  const { id } = await stored()
  const everything = [
    shown,
    await stored(),
    await world.store.revisions.list(id, 10),
    await world.store.events.list({ limit: 100 }),
  ]
  expect(JSON.stringify(everything)).not.toContain('hunter2')

  // What was shown is sent back: the same password, and nothing to restart.
  await world.update({ model: { image: shown.model.image } })
  expect((await stored()).generation).toBe(1)
  await world.update({ model: { image: { custom: { url } } } })
  await world.until('restarted', () => world.replicas.every(({ revision }) => revision === 2))
  expect([...world.runtime.replicas.values()][0]!.spec.registry).toBeUndefined()
  expect(await world.store.secrets.names(id)).toEqual([])
})

test('a secret is written, named, and never shown; changing it restarts, and null removes it', async () => {
  await world.create({ min: 1 })
  await world.untilState('running')
  await world.update({ model: { secrets: { API_KEY: 'hunter2' } } })
  await world.until('restarted', () => world.replicas.every((replica) => replica.revision === 2))
  await world.untilState('running')

  const everything = JSON.stringify([
    await world.see(),
    await stored(),
    await world.store.events.list({ limit: 100 }),
  ])
  expect(everything).not.toContain('hunter2')
  expect((await world.see()).model.secrets).toEqual({ API_KEY: '' })
  expect([...world.runtime.replicas.values()][0]!.env).toMatchObject({ API_KEY: 'hunter2' })

  await world.update({ model: { secrets: { API_KEY: null } } })
  expect((await world.see()).model.secrets).toEqual({})
})

test('an update that changes nothing makes no revision', async () => {
  await world.create()
  await world.update({})
  await world.update({ tags: [] })
  expect((await stored()).generation).toBe(1)
})

test('of two changes of the same version one is told to look again', async () => {
  await world.create()
  const outcomes = await Promise.allSettled([world.update({ tags: ['a'] }), world.update({ tags: ['b'] })])
  expect(outcomes.map((outcome) => outcome.status).toSorted()).toEqual(['fulfilled', 'rejected'])
  expect(outcomes.find((outcome) => outcome.status === 'rejected')).toMatchObject({
    reason: { code: 'conflict' },
  })
})

test('a name is taken once, and free again after a delete', async () => {
  await world.create()
  await expect(world.create()).rejects.toMatchObject({ code: 'conflict', field: 'name' })
  await world.act('deleteEndpoint')
  await world.create()
})

test.for([
  { what: 'an engine that needs containers', image: { vLLM: {} }, says: /vLLM.*needs/ },
  { what: 'a size that is not here', size: 'x64', says: /no hardware "local \/ default \/ cpu \/ x64"/ },
  { what: 'bounds that contradict', min: 3, max: 2, says: /minReplica is 3 and maxReplica is 2/ },
])('$what is refused with the way out, and nothing is kept', async ({ says, what: _what, ...wish }) => {
  await expect(world.create(wish)).rejects.toThrow(says)
  expect(await world.store.endpoints.list()).toEqual([])
})

test.for([
  { update: { model: { command: ['rm', '-rf', '/'] } }, field: 'model.command' },
  { update: { model: { env: { LD_PRELOAD: '/evil.so' } } }, field: 'model.env.LD_PRELOAD' },
  { update: { model: { env: { ECHO_API_KEY: 'x' } } }, field: 'model.env.ECHO_API_KEY' },
  { update: { model: { args: ['--port', '1'] } }, field: 'model.args.0' },
])('$field cannot be set', async ({ update, field }) => {
  world.runtimeName = 'process'
  await world.create()
  await expect(world.update(update)).rejects.toMatchObject({ code: 'invalid', field })
})

test('how replicas share requests and what may be asked reach the gateways without a restart', async () => {
  await world.create({ min: 1, image: { echo: { parallel: 2 } } })
  await world.untilState('running')
  const { id } = await stored()
  expect(world.routes.get(id)).toMatchObject({ routing: { policy: 'prefix-affinity', room: 2 } })
  expect(world.routes.get(id)).not.toHaveProperty('limits')
  const before = world.replicas.map((replica) => replica.id)

  const routing = { policy: 'round-robin', requestsPerReplica: 5 } as const
  await world.update({ routing, limits: { requestsPerMinute: 60 } })
  await world.until('told', () => world.routes.get(id)?.routing?.room === 5)
  expect(world.routes.get(id)).toMatchObject({
    routing: { policy: 'round-robin', room: 5 },
    limits: { requestsPerMinute: 60 },
  })
  expect(await world.see()).toMatchObject({ routing, limits: { requestsPerMinute: 60 } })

  await world.update({ routing: null, limits: null })
  await world.until('told', () => world.routes.get(id)?.routing?.room === 2)
  expect(world.routes.get(id)).not.toHaveProperty('limits')
  expect(world.replicas.map((replica) => replica.id)).toEqual(before)
})

test('a fallback that leads nowhere, in a circle or without a key is refused by name', async () => {
  await world.create()
  const refused = (fallback: object) =>
    world.update({ fallback }).then(
      () => expect.unreachable(),
      (error: { field?: string; message: string }) => `${error.field}: ${error.message}`,
    )
  expect(await refused({ endpoint: 'spare' })).toMatch(
    /^fallback\.endpoint: .*"admin\/spare", which does not exist/,
  )
  expect(await refused({ endpoint: 'chat' })).toMatch(/chat → chat, and it would lead back to itself/)
  const external = { baseUrl: 'https://api.example.com/v1', model: 'large', secret: 'OTHER_KEY' }
  expect(await refused({ external })).toMatch(/^fallback\.external\.secret: .*"OTHER_KEY"/)
})

test('the key of a server elsewhere goes to the gateways and to no engine', async () => {
  await world.create({ min: 1 })
  const external = { baseUrl: 'https://api.example.com/v1', model: 'large', secret: 'OTHER_KEY' }
  await world.update({ model: { secrets: { OTHER_KEY: 'hunter2', MINE: 'm' } }, fallback: { external } })
  await world.until('restarted', () => world.replicas.every((replica) => replica.revision === 2))
  await world.untilState('running')
  expect([...world.runtime.replicas.values()][0]!.env).toMatchObject({ MINE: 'm' })
  expect([...world.runtime.replicas.values()][0]!.env).not.toHaveProperty('OTHER_KEY')
  expect(JSON.stringify([await world.see(), await stored()])).not.toContain('hunter2')
})
