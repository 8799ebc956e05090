import { describe, expect, test } from 'vitest'
import { PlatformError } from '../domain/errors.ts'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { type Behaviour, describeRuntimeDriver } from './conformance.ts'
import type { ReplicaSpec, RuntimeDriver } from './driver.ts'
import { FakeDriver, FakeRuntime } from './fake/fake-driver.ts'
import { GuardedDriver } from './guarded-driver.ts'
import { JoinedDriver } from './joined-driver.ts'

const plan = { command: ['fake'], image: undefined, env: {}, containerPort: 80, shmBytes: 0 }

function named(name: string, runtime: FakeRuntime, clock: FakeClock): RuntimeDriver {
  const driver = new FakeDriver(runtime, clock)
  Object.defineProperty(driver, 'name', { value: name })
  return new GuardedDriver(driver, clock)
}

describe.for(['near', 'far'])('with everything on the runtime %s', (where) => {
  describeRuntimeDriver('a driver of two runtimes', async () => {
    const clock = new FakeClock()
    const runtimes = { near: new FakeRuntime(clock), far: new FakeRuntime(clock) }
    const runtime = where === 'near' ? runtimes.near : runtimes.far
    const acted = new Set<ReplicaId>()
    const act = (id: ReplicaId, behaviour: Behaviour) => {
      const replica = runtime.replicas.get(id)
      if (behaviour.kind === 'exit') runtime.exit(id, behaviour.code)
      if (behaviour.kind === 'write') {
        for (const line of [...behaviour.stdout, ...behaviour.stderr]) runtime.write(id, line)
      }
      if (behaviour.kind === 'show-environment') runtime.write(id, JSON.stringify(replica?.env))
      if (behaviour.kind === 'show-arguments') runtime.write(id, JSON.stringify(replica?.command.slice(1)))
    }
    return {
      connect: async () =>
        new JoinedDriver([named('near', runtimes.near, clock), named('far', runtimes.far, clock)]),
      plan: (behaviour) => ({
        ...plan,
        command: ['fake', ...(behaviour.kind === 'show-arguments' ? behaviour.args : [])],
      }),
      missing: { ...plan, command: [] },
      runtime: where,
      ownVariables: [],
      settle: async (_driver, { id }, behaviour) => {
        if (!acted.has(id)) act(id, behaviour)
        acted.add(id)
      },
      tearDown: async () => {},
    }
  })
})

const spec = (id: string, runtime?: string): ReplicaSpec => ({
  id: id as ReplicaId,
  endpointId: 'endpoint-1' as EndpointId,
  endpoint: 'acme/chat',
  revision: 1,
  plan,
  modelPath: '/models/m',
  env: {},
  resources: { cpus: 1, memoryBytes: 2 ** 30, gpus: 0 },
  runtime,
})

function joined() {
  const clock = new FakeClock()
  const [near, far] = [new FakeRuntime(clock), new FakeRuntime(clock)]
  const [nearDriver, farDriver] = [named('near', near, clock), named('far', far, clock)]
  return { near, far, farDriver, driver: new JoinedDriver([nearDriver, farDriver]) }
}

/** As a daemon that is being restarted. */
function silence(driver: RuntimeDriver): () => void {
  const { list, capacity } = driver
  const away = async () => {
    throw new PlatformError('unavailable', 'nobody answers')
  }
  Object.assign(driver, { list: away, capacity: away })
  return () => Object.assign(driver, { list: list.bind(driver), capacity: capacity.bind(driver) })
}

test('a replica is started by the runtime that is named, or by the first, and says whose it is', async () => {
  const { driver, near, far } = joined()
  await driver.start(spec('replica-a', 'far'))
  await driver.start(spec('replica-b'))
  expect([...far.replicas.keys()]).toEqual(['replica-a'])
  expect([...near.replicas.keys()]).toEqual(['replica-b'])
  expect((await driver.list()).map(({ id, runtime }) => `${id} ${runtime}`).toSorted()).toEqual([
    'replica-a far',
    'replica-b near',
  ])
  await expect(driver.start(spec('replica-c', 'moon'))).rejects.toMatchObject({
    code: 'invalid',
    reason: 'runtime_missing',
    message: expect.stringContaining('wants the runtime "moon", and this Berth serves near,far'),
  })
})

test('only the runtime that has a replica is asked about it once it was seen', async () => {
  const { driver, near, far } = joined()
  await driver.start(spec('replica-a', 'far'))
  await driver.list()
  near.hanging.add('stop').add('stats')
  expect(await driver.stats('replica-a' as ReplicaId)).toBeDefined()
  await driver.stop('replica-a' as ReplicaId, { graceMs: 0 })
  expect(far.replicas.size).toBe(0)
})

test('the machine is counted once, and every instance type has a name and a runtime of its own', async () => {
  const { driver, near } = joined()
  near.capacity = { ...near.capacity, total: { cpus: 4, memoryBytes: 8, gpus: 0 }, notices: ['no cgroups'] }
  const { instanceTypes, total, notices, runtimes } = await driver.capacity()
  expect(total).toEqual({ cpus: 8, memoryBytes: 16 * 2 ** 30, gpus: 0 })
  const x1 = instanceTypes.filter(({ instanceSize }) => instanceSize === 'x1')
  expect(x1.map(({ id, region, runtime }) => ({ id, region, runtime }))).toEqual([
    { id: 'local-default-cpu-x1', region: 'default', runtime: 'near' },
    { id: 'local-far-cpu-x1', region: 'far', runtime: 'far' },
  ])
  expect(notices).toEqual(['no cgroups'])
  expect(runtimes).toEqual([
    { name: 'near', notices: ['no cgroups'] },
    { name: 'far', notices: [] },
  ])
})

test('a runtime that stops answering keeps what it ran and offered, and the other goes on', async () => {
  const { driver, farDriver, near } = joined()
  await driver.start(spec('replica-a', 'far'))
  await driver.start(spec('replica-b', 'near'))
  const before = await driver.list()
  const { instanceTypes } = await driver.capacity()
  const speak = silence(farDriver)
  near.exit('replica-b' as ReplicaId, 3)
  const states = async () => (await driver.list()).map(({ id, state }) => `${id} ${state}`).toSorted()
  expect(await states()).toEqual(['replica-a running', 'replica-b exited'])
  const without = await driver.capacity()
  expect(without.instanceTypes).toEqual(instanceTypes)
  expect(without.notices.join()).toContain('The runtime "far" does not answer')
  speak()
  expect(await states()).toHaveLength(before.length)
  expect((await driver.capacity()).notices).toEqual([])
})

test('a runtime that never answered stops the listing, since nobody knows what it runs', async () => {
  const { driver, farDriver } = joined()
  silence(farDriver)
  await expect(driver.list()).rejects.toThrow('nobody answers')
  await expect(driver.capacity()).rejects.toThrow('nobody answers')
})
