/** An endpoint's own router from the wish to its end: beside the replicas, told of them, and never in their way. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ReplicaId } from '../src/domain/replica.ts'
import { isReplica } from '../src/runtime/driver.ts'
import { portOf, World } from './world.ts'

const TAG = 'registry.example/least-latency:1.0.0'

let world: World
beforeEach(async () => {
  world = await World.start()
})
afterEach(() => world.end())

const route = () => [...world.routes.values()][0]!
const routers = () => world.replicas.filter(({ role }) => role === 'router')
const replicas = () => world.replicas.filter(isReplica)
const router = () => routers()[0]!
const specOf = (id: ReplicaId) => world.runtime.replicas.get(id)!.spec
const urlsOf = (ids: readonly ReplicaId[]) => ids.map((id) => `http://127.0.0.1:${portOf(id)}`)
const lastTold = (id: ReplicaId) => world.told.get(id)?.at(-1)
const status = async () => (await world.see()).status.router
const untilRouted = () => world.until('a router in use', () => route()?.routers?.[0]?.state === 'ready')
const eventsOf = async (kind: string) =>
  (await world.store.events.list({ limit: 100 })).filter((event) => event.kind === kind)

async function routed(changes: Parameters<World['create']>[0] = {}): Promise<void> {
  await world.create({
    min: 1,
    customRouter: { tag: TAG, env: { CUSTOM_ROUTER_EWMA_ALPHA: '0.5' } },
    ...changes,
  })
  await world.untilState('running')
  await untilRouted()
}

test('it runs once beside the replicas, as its image, and is told where each of them is', async () => {
  await routed({ min: 2 })
  await world.until('both replicas told', () => lastTold(router().id)?.length === 2)
  expect(routers()).toHaveLength(1)
  expect(specOf(router().id)).toMatchObject({
    plan: { image: TAG, command: [], containerPort: 3_000 },
    env: { CUSTOM_ROUTER_EWMA_ALPHA: '0.5' },
    resources: { gpus: 0 },
  })
  expect(world.runtime.replicas.get(router().id)?.env).toMatchObject({
    CUSTOM_ROUTER_KEY: router().id,
    CUSTOM_ROUTER_HOST: '127.0.0.1',
  })
  expect(lastTold(router().id)?.toSorted()).toEqual(urlsOf(replicas().map(({ id }) => id)).toSorted())
  await world.until('ready', async () => (await status())?.state === 'ready')
  expect(await status()).toEqual({ state: 'ready', id: router().id, message: 'It chooses among 2 replicas.' })
  expect(await eventsOf('router.started')).toHaveLength(1)
  expect(await eventsOf('router.ready')).toHaveLength(1)
})

test('it is no replica: not counted, not listed, not scaled', async () => {
  await routed()
  const { status: said } = await world.see()
  expect([said.readyReplica, said.targetReplica]).toEqual([1, 1])
  expect(route().replicas.map(({ id }) => id)).toEqual(replicas().map(({ id }) => id))
})

test('it is told of each replica that comes and goes', async () => {
  await routed()
  const [first] = replicas()
  await world.update({ compute: { scaling: { minReplica: 2 } } })
  await world.until('two told', () => lastTold(router().id)?.length === 2)
  world.runtime.exit(first!.id, 137)
  await world.until('another one told', () => {
    const there = replicas().map(({ id }) => id)
    const told = lastTold(router().id)?.toSorted().join()
    return there.length === 2 && !there.includes(first!.id) && told === urlsOf(there).toSorted().join()
  })
})

test('one that dies is withdrawn at once, and another one is started and told', async () => {
  await routed()
  const dead = router().id
  world.runtime.exit(dead, null, 'was killed by SIGKILL')
  await world.until('another router in use', () => {
    const now = route().routers?.find(({ state }) => state === 'ready')
    return now !== undefined && now.id !== dead
  })
  expect(lastTold(router().id)).toEqual(urlsOf(replicas().map(({ id }) => id)))
  expect(routers().map(({ id }) => id)).not.toContain(dead)
  const [failed] = await eventsOf('router.failed')
  expect(failed?.message).toMatch(/The router was killed by SIGKILL/)
  expect((await world.see()).status).toMatchObject({ state: 'running', readyReplica: 1 })
})

test('one that never answers is given up in the end, and the endpoint runs all the while', async () => {
  const stop = world.onStart((id) => {
    if (id.includes('router')) world.health.set(id, 'silent')
  })
  await world.create({ min: 1, customRouter: { tag: TAG } })
  await world.untilState('running')
  const kill = () => {
    for (const { id, state } of routers()) if (state === 'running') world.runtime.exit(id, 1)
  }
  await world.until('it has failed', async () => {
    kill()
    return (await status())?.state === 'failed'
  })
  expect((await status())?.message).toMatch(/The router exited with code 1 .*chooses the replica instead/s)
  expect((await world.see()).status.state).toBe('running')
  expect(routers()).toEqual([])

  stop()
  await world.update({ customRouter: { tag: TAG, port: 4_000 } })
  await untilRouted()
  expect(specOf(router().id).plan.containerPort).toBe(4_000)
})

test('without a door it is not used, and the status says why', async () => {
  world.doorProblem = 'this gateway cannot listen on 192.0.2.1'
  await world.create({ min: 1, customRouter: { tag: TAG } })
  await world.untilState('running')
  await world.until('said', async () => (await status())?.state === 'failed')
  expect((await status())?.message).toMatch(/cannot listen on 192\.0\.2\.1.*Berth chooses the replica/)
  expect(route().routers).toMatchObject([{ state: 'starting' }])
})

test('one that does not take its list is not used, and is told until it does', async () => {
  world.backendsStatus = 500
  await world.create({ min: 1, customRouter: { tag: TAG } })
  await world.untilState('running')
  await world.until('said', async () => (await status())?.state === 'failed')
  expect((await status())?.message).toMatch(/does not take the list of replicas: it answered 500/)
  expect(route().routers).toMatchObject([{ state: 'starting' }])
  const { id } = router()
  world.backendsStatus = 200
  await untilRouted()
  await world.until('said', async () => (await status())?.state === 'ready')
  expect(router().id).toBe(id)
})

test('a changed one takes over before the old one ends, and no replica is started anew', async () => {
  await routed()
  const [before] = routers()
  const served = replicas().map(({ id }) => id)
  expect(await world.planUpdate({ customRouter: { tag: 'other:2' } })).toMatchObject({ restarts: false })
  await world.update({ customRouter: { tag: 'other:2' } })
  const states: string[] = []
  await world.until('the new one alone', () => {
    states.push((route().routers ?? []).map(({ state }) => state).join())
    return routers().length === 1 && router().id !== before!.id
  })
  await untilRouted()
  expect(states.every((now) => /ready/.test(now))).toBe(true)
  expect(specOf(router().id).plan.image).toBe('other:2')
  expect(replicas().map(({ id }) => id)).toEqual(served)
})

test('a change of something else leaves it alone', async () => {
  await routed()
  const [before] = routers()
  await world.update({ tags: ['other'] })
  await world.update({ model: { env: { MODE: 'other' } } })
  await world.until('the new replica serves', () => replicas().every(({ revision }) => revision === 3))
  await world.until(
    'told',
    () => lastTold(before!.id)?.join() === urlsOf(replicas().map(({ id }) => id)).join(),
  )
  expect(routers().map(({ id }) => id)).toEqual([before!.id])
})

test.for([[{}], [null], [{ tag: null }]] as const)('%j takes it away', async ([customRouter]) => {
  await routed()
  await world.update({ customRouter })
  await world.until('gone', () => routers().length === 0)
  expect(route().routers).toBeUndefined()
  expect(await status()).toBeNull()
})

test('it sleeps with the replicas and wakes with them', async () => {
  await routed({ min: 0 })
  await world.act('scaleEndpointToZero')
  await world.untilState('scaledToZero')
  await world.until('nothing runs', () => world.replicas.length === 0)
  expect(await status()).toMatchObject({ state: 'stopped', id: null })
  await world.request()
  await world.untilState('running')
  await untilRouted()
})

test('a restarted control process takes it over and tells it again', async () => {
  await routed()
  const { id } = router()
  const times = world.told.get(id)!.length
  world.routes.clear()
  await world.restartControl()
  await untilRouted()
  expect(router().id).toBe(id)
  expect(world.told.get(id)!.length).toBeGreaterThan(times)
  expect(lastTold(id)).toEqual(urlsOf(replicas().map((replica) => replica.id)))
})

test('what it may have forgotten it is told again by and by', async () => {
  await routed()
  const { id } = router()
  const times = world.told.get(id)!.length
  await world.pass(25_000)
  await world.until('told again', () => world.told.get(id)!.length > times)
  expect(lastTold(id)).toEqual(urlsOf(replicas().map((replica) => replica.id)))
})

test('nothing of it is left when the endpoint is deleted', async () => {
  await routed()
  await world.act('deleteEndpoint')
  await world.until('nothing runs', () => world.replicas.length === 0)
})

test.for<[what: string, customRouter: object, message: RegExp]>([
  ['settings of no router', { port: 4_000 }, /customRouter\.tag is missing/],
  [
    'variables that Berth sets',
    { tag: TAG, env: { CUSTOM_ROUTER_PORT: '1' } },
    /env\.CUSTOM_ROUTER_PORT cannot be set/,
  ],
  [
    'variables that change what runs',
    { tag: TAG, env: { LD_PRELOAD: 'x' } },
    /env\.LD_PRELOAD cannot be set/,
  ],
])('%s are refused', async ([, customRouter, message]) => {
  await expect(world.create({ customRouter })).rejects.toThrow(message)
})

test('where replicas are processes a tag names a program that the operator has put there', async () => {
  world.runtimeName = 'process'
  await expect(world.create({ customRouter: { tag: TAG } })).rejects.toThrow(/and none is there/)
  const directory = path.join(world.directory, 'routers')
  const file = path.join(directory, 'least-latency:1.0.0')
  mkdirSync(directory)
  writeFileSync(file, '#!/bin/sh\n')
  await expect(world.create({ customRouter: { tag: TAG } })).rejects.toThrow(
    /where there are least-latency:1\.0\.0/,
  )
  chmodSync(file, 0o755)
  await expect(world.create({ customRouter: { tag: 'least-latency/..' } })).rejects.toThrow(/names a program/)
  await routed()
  expect(specOf(router().id).plan).toMatchObject({ command: [file], image: undefined })
})
