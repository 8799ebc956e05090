/** Scenarios across the rooms, with a moved clock: what users are promised, whatever happens in between. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { recommend } from '../src/control/recommend.ts'
import { World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await World.start()
})
afterEach(() => world.end())

test('a new endpoint starts one replica and runs', async () => {
  await world.create()
  expect((await world.see()).status.state).toBe('pending')
  await world.untilState('running')
  expect(world.replicas).toHaveLength(1)
  expect((await world.see()).status).toMatchObject({ readyReplica: 1, targetReplica: 1, generation: 1 })
})

test('the minimum is honoured', async () => {
  await world.create({ min: 2, max: 3 })
  await world.until('two ready', async () => (await world.see()).status.readyReplica === 2)
  expect(world.replicas).toHaveLength(2)
})

test('an idle endpoint goes to sleep, and the next request wakes it', async () => {
  await world.create({ idleMinutes: 1 })
  await world.untilState('running')
  await world.pass(59_000)
  expect((await world.see()).status.state).toBe('running')
  await world.pass(2_000)
  await world.until('asleep', () => world.replicas.length === 0)
  expect((await world.see()).status).toMatchObject({ state: 'scaledToZero', readyReplica: 0 })

  await world.request()
  await world.untilState('running')
  expect(world.replicas).toHaveLength(1)
})

test('while an endpoint sleeps its next replica is prepared once, and a wake starts just that', async () => {
  await world.create()
  await world.untilState('running')
  expect(world.prepared).toEqual([])
  await world.act('scaleEndpointToZero')
  await world.until('prepared', () => world.prepared.length > 0)
  await world.pass(65_000)
  expect(world.prepared).toHaveLength(1)

  await world.request()
  await world.untilState('running')
  expect(world.replicas.map(({ id }) => id)).toEqual(world.prepared)
})

test('what was prepared is given back when the endpoint is paused, and made anew after a change', async () => {
  await world.create()
  await world.untilState('running')
  await world.act('scaleEndpointToZero')
  await world.until('prepared', () => world.prepared.length === 1)
  await world.act('pauseEndpoint')
  const [first] = world.prepared
  await world.until('given back', () => world.runtime.calls.includes(`stop ${first}`))

  await world.act('resumeEndpoint')
  await world.untilState('running')
  await world.act('scaleEndpointToZero')
  await world.until('prepared again', () => world.prepared.length === 2)
  await world.update({ model: { env: { GREETING: 'hello' } } })
  const [, second] = world.prepared
  await world.until('given back too', () => world.runtime.calls.includes(`stop ${second}`))
  await world.request()
  await world.untilState('running')
  expect(world.replicas.map(({ id }) => id)).not.toContain(second)
})

test('a start that takes longer than the idle time is not idleness', async () => {
  world.onStart((id) => world.health.set(id, 'loading'))
  await world.create({ idleMinutes: 0.1 })
  await world.until('started', () => world.replicas.length === 1)
  const [replica] = world.replicas
  await world.pass(20_000)
  expect(world.replicas.map(({ id }) => id)).toEqual([replica!.id])
})

test('a request that comes while the last replica drains gets a new one, and the old one finishes', async () => {
  await world.create()
  await world.untilState('running')
  const [old] = world.replicas
  world.busy.add(old!.id)
  await world.act('scaleEndpointToZero')
  await world.until('draining', () => [...world.routes.values()][0]?.replicas[0]?.state === 'draining')

  await world.request()
  await world.untilState('running')
  expect(world.replicas).toHaveLength(2)
  world.finish(old!.id)
  await world.until('the old one is gone', () => world.replicas.every(({ id }) => id !== old!.id))
})

test('the last replica stops when a gateway that lost its link has said that it holds requests, not before', async () => {
  await world.create()
  await world.untilState('running')
  const [last] = world.replicas
  world.otherGateways = ['gw-cut-off']
  await world.act('scaleEndpointToZero')
  await world.until('draining', () => [...world.routes.values()][0]?.replicas[0]?.state === 'draining')
  await world.pass(10_000)
  expect(world.replicas.map(({ id }) => id)).toEqual([last!.id])
  world.reconciler.drained('gw-cut-off', last!.id)
  await world.until('it is gone', () => world.replicas.length === 0)
})

test('a gateway that is gone holds up nothing', async () => {
  await world.create()
  await world.untilState('running')
  world.otherGateways = ['gw-cut-off']
  await world.act('scaleEndpointToZero')
  await world.until('draining', () => [...world.routes.values()][0]?.replicas[0]?.state === 'draining')
  world.otherGateways = []
  await world.until('it is gone', () => world.replicas.length === 0)
})

test('an engine that takes its time to end keeps no request waiting', async () => {
  await world.create()
  await world.untilState('running')
  const [old] = world.replicas
  world.runtime.hanging.add('stop')
  await world.act('scaleEndpointToZero')
  await world.until('being stopped', () => world.runtime.calls.includes(`stop ${old!.id}`))
  await world.request()
  await world.untilState('running')
  expect(world.replicas).toHaveLength(2)
})

test('a rollout always keeps one ready', async () => {
  await world.create({ min: 1 })
  await world.untilState('running')
  world.readyCounts.length = 0
  await world.update({ model: { env: { MODE: 'new' } } })
  expect((await world.see()).status.state).toBe('updating')
  await world.until('rolled over', () => world.replicas.length === 1 && world.replicas[0]!.revision === 2)
  await world.untilState('running')
  expect(Math.min(...world.readyCounts)).toBe(1)
})

test('a change of scaling, access or tags restarts nothing', async () => {
  await world.create()
  await world.untilState('running')
  const before = world.replicas.map(({ id }) => id)
  await world.update({ type: 'public', tags: ['x'], compute: { scaling: { maxReplica: 5 } } })
  await world.until('observed', async () => (await world.see()).status.observedGeneration === 2)
  expect(world.replicas.map(({ id }) => id)).toEqual(before)
  expect(
    (await world.store.revisions.list((await world.store.endpoints.find('admin', 'chat'))!.id, 5)).map(
      (it) => it.runs,
    ),
  ).toEqual([1, 1])
})

test('what a replica really used is learned, survives a restart, and stands beside the next plan', async () => {
  world.runtime.stats = () => ({ cpuSeconds: 1, memoryBytes: 123_000_000 })
  await world.create({ min: 1, image: { llamacpp: {} } })
  await world.untilState('running')
  const measured = async () => (await world.see()).status.footprint?.memoryBytes
  await world.until('measured', async () => (await measured()) === 123_000_000)
  await world.restartControl()
  expect(await measured()).toBe(123_000_000)

  world.runtime.stats = () => ({ cpuSeconds: 1, memoryBytes: 456_000_000 })
  await world.pass(31_000)
  await world.until('grown', async () => (await measured()) === 456_000_000)
  const { model } = await world.see()
  const advice = await recommend(world.control, { repository: 'berth/test' })
  expect(advice.measured?.memoryBytes, JSON.stringify(model)).toBe(456_000_000)
  const other = await recommend(world.control, { repository: 'berth/test', concurrency: 7 })
  expect(other.measured).toBeNull()
})

test('a start that would always fail is tried once, and its cause and remedy are in the status', async () => {
  let starts = 0
  const crashing = world.onStart((id) => {
    starts++
    world.health.set(id, 'loading')
    world.runtime.write(id, 'echo: error: unrecognized arguments: --max-modle-len 4096')
    world.runtime.exit(id, 2)
  })
  await world.create({ min: 1 })
  await world.untilState('failed')
  crashing()

  const { status } = await world.see()
  expect(starts).toBe(1)
  expect(status.failure).toMatchObject({
    cause: 'bad_argument',
    evidence: ['echo: error: unrecognized arguments: --max-modle-len 4096'],
  })
  expect(status.message).toBe(`${status.failure?.summary} ${status.failure?.remedy}`)
  expect(status.errorMessage).toContain('exited with code 2')
  const events = await world.store.events.list({ endpoint: 'admin/chat', limit: 20 })
  const failed = events.find(({ kind }) => kind === 'replica.failed')
  expect(failed).toMatchObject({ details: { cause: 'bad_argument' } })
  expect(failed?.message).toContain('--max-modle-len')

  await world.update({ model: { env: { MODE: 'mended' } } })
  await world.untilState('running')
  expect((await world.see()).status.failure).toBeNull()
})

test('an update that does not come up leaves the old revision serving, and says why', async () => {
  await world.create({ min: 1 })
  await world.untilState('running')
  const [old] = world.replicas
  const crashing = world.onStart((id) => {
    world.health.set(id, 'loading')
    world.runtime.write(id, 'no such layer: attn_q')
    world.runtime.exit(id, 7)
  })
  await world.update({ model: { env: { MODE: 'broken' } } })
  await world.untilState('updateFailed')
  crashing()

  const { status } = await world.see()
  expect(status.errorMessage).toContain('exited with code 7')
  expect(status.errorMessage).toContain('no such layer: attn_q')
  expect(world.routes.values().next().value?.replicas).toMatchObject([{ id: old!.id, state: 'ready' }])

  await world.update({ model: { env: { MODE: 'mended' } } })
  await world.until('mended', () => world.replicas.length === 1 && world.replicas[0]!.revision === 3)
  await world.untilState('running')
})

test('after a failed update the old revision is replaced when it crashes, and woken when it sleeps', async () => {
  await world.create({ idleMinutes: 1 })
  await world.untilState('running')
  const crashing = world.onStart((id) => world.runtime.exit(id, 7))
  await world.update({ model: { env: { MODE: 'broken' } } })
  await world.untilState('updateFailed')
  crashing()

  world.runtime.exit(world.replicas[0]!.id, 1)
  await world.until('replaced', () => [...world.routes.values()][0]?.replicas[0]?.state === 'ready')
  expect(world.replicas).toMatchObject([{ revision: 1 }])

  await world.pass(70_000)
  await world.until('asleep', () => world.replicas.length === 0)
  await world.request()
  await world.until('awake', () => world.replicas.length === 1)
  expect(world.replicas).toMatchObject([{ revision: 1 }])
})

test('after an update to a health route that never answers, the old revision wakes by its own', async () => {
  await world.create({ idleMinutes: 1 })
  await world.untilState('running')
  await world.update({ model: { image: { echo: { healthRoute: '/broken' } } } })
  await world.until('given up', async () => {
    await world.pass(10_000)
    return (await world.see()).status.state === 'updateFailed'
  })
  await world.pass(70_000)
  await world.until('asleep', () => world.replicas.length === 0)
  await world.request()
  await world.until('awake', () => [...world.routes.values()][0]?.replicas[0]?.state === 'ready')
  expect(world.replicas).toMatchObject([{ revision: 1 }])
})

test('a crash is replaced at once; a crash loop backs off and ends in failed with the engine’s last lines', async () => {
  await world.create({ min: 1 })
  await world.untilState('running')
  world.runtime.exit(world.replicas[0]!.id, 1)
  await world.until(
    'replaced',
    async () => world.replicas.length === 1 && (await world.see()).status.readyReplica === 1,
  )

  let starts = 0
  const crashing = world.onStart((id) => {
    starts++
    world.runtime.write(id, 'out of memory')
    world.runtime.exit(id, 137)
  })
  world.runtime.exit(world.replicas[0]!.id, 1)
  await world.untilState('failed')
  crashing()
  const { status } = await world.see()
  expect(status.errorMessage).toMatch(/exited with code 137[\s\S]*out of memory/)
  expect(starts).toBeLessThanOrEqual(4)
  await world.pass(120_000)
  expect(starts).toBeLessThanOrEqual(4)

  await world.act('resumeEndpoint')
  await world.untilState('running')
})

test('a failure is remembered over a restart of the control process', async () => {
  let starts = 0
  world.onStart((id) => {
    starts++
    world.runtime.exit(id, 3)
  })
  await world.create()
  await world.untilState('failed')
  const before = starts
  await world.restartControl()
  await world.pass(60_000)
  expect((await world.see()).status.state).toBe('failed')
  expect(starts).toBe(before)
})

test('an engine that never gets ready has failed when its time is up', async () => {
  world.onStart((id) => world.health.set(id, 'loading'))
  await world.create()
  await world.until('failed', async () => {
    await world.pass(10_000)
    return (await world.see()).status.state === 'failed'
  })
  expect((await world.see()).status.errorMessage).toContain('was not ready within')
})

test('a replica that stops answering its health route is replaced', async () => {
  await world.create({ min: 1 })
  await world.untilState('running')
  const [frozen] = world.replicas
  world.health.set(frozen!.id, 'loading')
  await world.until('replaced', async () => {
    await world.pass(1_000)
    return world.replicas.length === 1 && world.replicas[0]!.id !== frozen!.id
  })
})

test('a control process that comes back finds what runs, and starts and stops nothing', async () => {
  await world.create({ min: 2, max: 2 })
  await world.until('two ready', async () => (await world.see()).status.readyReplica === 2)
  const before = world.replicas.map(({ id }) => id).toSorted()
  await world.restartControl()
  await world.until('known again', () => [...world.routes.values()][0]?.replicas.length === 2)
  await world.pass(5_000)
  expect(world.replicas.map(({ id }) => id).toSorted()).toEqual(before)
})

test('every hint may be lost: the resync alone brings an endpoint to what is wanted', async () => {
  world.runtime.isSilent = true
  await world.create({ min: 1 })
  await world.untilState('running')
  world.runtime.exit(world.replicas[0]!.id, 1)
  await world.until('replaced', async () => {
    await world.pass(5_000)
    return world.replicas.length === 1 && world.replicas[0]!.state === 'running'
  })
})

test('pausing stops everything, no request wakes it, and resuming brings it back', async () => {
  await world.create({ min: 1 })
  await world.untilState('running')
  await world.act('pauseEndpoint')
  expect((await world.see()).status.state).toBe('paused')
  await world.until('stopped', () => world.replicas.length === 0)
  await world.request()
  await world.pass(5_000)
  expect(world.replicas).toEqual([])
  await world.act('resumeEndpoint')
  await world.untilState('running')
  await expect(world.act('resumeEndpoint')).rejects.toThrow('already running')
})

test('a deleted endpoint finishes what it has, then nothing of it is left', async () => {
  await world.create({ min: 1 })
  await world.untilState('running')
  const [replica] = world.replicas
  world.busy.add(replica!.id)
  await world.act('deleteEndpoint')
  await world.pass(3_000)
  expect(world.routes.size).toBe(0)
  expect(world.replicas).toHaveLength(1)
  world.finish(replica!.id)
  await world.until('gone', () => world.replicas.length === 0)
})

test('the runtime keeps things for the endpoints that are left, and not for one that is deleted', async () => {
  await world.create({ name: 'other' })
  await world.create()
  const other = (await world.store.endpoints.find('admin', 'other'))!
  await world.act('deleteEndpoint')
  await world.until('told', () => world.runtime.keptFor !== undefined)
  expect(world.runtime.keptFor).toEqual(new Set([other.id]))
})

test('a replica that never was ready has nothing to finish when its endpoint is deleted', async () => {
  world.onStart((id) => {
    world.health.set(id, 'loading')
    // No gateway knows it, so none will ever say that it is done with it.
    world.busy.add(id)
  })
  await world.create({ min: 1 })
  await world.until('started', () => world.replicas.length === 1)
  await world.pass(2_000)
  await world.act('deleteEndpoint')
  await world.pass(3_000)
  expect(world.replicas).toEqual([])
})

test('what does not fit waits, says what is short, and starts when there is room', async () => {
  const { capacity } = world.runtime
  world.runtime.capacity = { ...capacity, total: { ...capacity.total, memoryBytes: 8 * 2 ** 30 } }
  await world.create({ name: 'big', min: 1, size: 'x4' })
  await world.untilState('running', 'big')
  await world.create({ size: 'x4' })
  await world.until('short', async () => (await world.see()).status.message.includes('of memory'))
  expect((await world.see()).status).toMatchObject({ state: 'pending', readyReplica: 0 })
  await world.act('deleteEndpoint', 'big')
  await world.untilState('running')
})

test('a runtime that refuses for ever ends in failed with its words', async () => {
  const { PlatformError } = await import('../src/domain/errors.ts')
  world.runtime.refusal = new PlatformError('invalid', 'There is no program "llama-server" here.')
  await world.create()
  await world.untilState('failed')
  expect((await world.see()).status.errorMessage).toBe('There is no program "llama-server" here.')
})

test('a replica of which a gateway says that it does not work is replaced, and its failure says why', async () => {
  await world.create({ min: 1 })
  await world.untilState('running')
  const [before] = world.replicas
  const evidence = 'with 3 requests on it, none has advanced for 21.0 s'
  world.reconciler.stuck(before!.id, evidence)
  await world.until('replaced', () => world.replicas.length === 1 && world.replicas[0]!.id !== before!.id)
  await world.untilState('running')
  const events = await world.store.events.list({ limit: 100 })
  expect(events.filter(({ kind }) => kind === 'replica.failed')).toMatchObject([
    { message: `The engine stopped working on its requests: ${evidence}`, details: { replica: before!.id } },
  ])
})

test('the content that a revision ran first is what it runs ever after, and a new revision looks anew', async () => {
  let tagMeans = 'acme/engine@sha256:01'
  world.onStart((id) => {
    const replica = world.runtime.replicas.get(id)!
    const imageDigest = replica.spec.imageDigest ?? tagMeans
    replica.state = { ...replica.state, imageDigest }
  })
  const shown = async () => (await world.see()).imageDigest
  await world.create({ min: 1, max: 1 })
  await world.untilState('running')
  expect(await shown()).toBe('acme/engine@sha256:01')

  tagMeans = 'acme/engine@sha256:02'
  const [first] = world.replicas
  world.runtime.exit(first!.id, 1)
  await world.until('replaced', () => world.replicas.length === 1 && world.replicas[0]!.id !== first!.id)
  await world.untilState('running')
  expect(world.replicas).toMatchObject([{ imageDigest: 'acme/engine@sha256:01' }])

  await world.update({ tags: ['changed'] })
  expect(await shown()).toBe('acme/engine@sha256:01')
  await world.update({ model: { env: { GREETING: 'hello' } } })
  await world.until('the new one alone', () => world.replicas.map(({ revision }) => revision).join() === '3')
  await world.untilState('running')
  expect(await shown()).toBe('acme/engine@sha256:02')
  const { id } = (await world.store.endpoints.find('admin', 'chat'))!
  const revisions = await world.store.revisions.list(id, 5)
  expect(revisions.map(({ imageDigest }) => imageDigest)).toEqual([
    tagMeans,
    undefined,
    'acme/engine@sha256:01',
  ])
})

test('what an image’s tag stood for when a replica ran is in the event of its readiness', async () => {
  const imageDigest = 'acme/engine@sha256:0123'
  world.onStart((id) => {
    const replica = world.runtime.replicas.get(id)!
    replica.state = { ...replica.state, imageDigest }
  })
  await world.create({ min: 1, max: 1 })
  await world.untilState('running')
  const events = await world.store.events.list({ kinds: ['replica.ready'], limit: 10 })
  expect(events.map(({ details }) => details?.['imageDigest'])).toEqual([imageDigest])
})
