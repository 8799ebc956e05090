import { expect, test } from 'vitest'
import { PlatformError } from '../../domain/errors.ts'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import { FakeClock } from '../../testing/fake-clock.ts'
import { type Behaviour, describeRuntimeDriver } from '../conformance.ts'
import type { ReplicaSpec } from '../driver.ts'
import { GuardedDriver } from '../guarded-driver.ts'
import { FakeDriver, FakeRuntime } from './fake-driver.ts'

describeRuntimeDriver('FakeDriver', async () => {
  const clock = new FakeClock()
  const runtime = new FakeRuntime(clock)
  const acted = new Set<ReplicaId>()
  const act = (id: ReplicaId, behaviour: Behaviour) => {
    if (behaviour.kind === 'exit') runtime.exit(id, behaviour.code)
    if (behaviour.kind === 'write') {
      for (const line of [...behaviour.stdout, ...behaviour.stderr]) runtime.write(id, line)
    }
    const replica = runtime.replicas.get(id)
    if (behaviour.kind === 'show-environment') runtime.write(id, JSON.stringify(replica?.env))
    if (behaviour.kind === 'show-arguments') runtime.write(id, JSON.stringify(replica?.command.slice(1)))
  }
  return {
    connect: async () => new GuardedDriver(new FakeDriver(runtime, clock), clock),
    plan: (behaviour) => ({
      ...anyPlan,
      command: ['fake', ...(behaviour.kind === 'show-arguments' ? behaviour.args : [])],
    }),
    missing: { ...anyPlan, command: [] },
    ownVariables: [],
    settle: async (_driver, { id }, behaviour) => {
      if (!acted.has(id)) act(id, behaviour)
      acted.add(id)
    },
    tearDown: async () => {},
  }
})

test('a runtime that refuses says so at every start, until it does not', async () => {
  const { runtime, driver } = fake()
  runtime.refusal = new PlatformError('unavailable', 'no room')
  await expect(driver.start(spec)).rejects.toThrow('no room')
  runtime.refusal = undefined
  await driver.start(spec)
  expect(runtime.calls).toEqual(['start replica-1', 'start replica-1'])
})

test('a replica answers where the test says', async () => {
  const { runtime, driver } = fake()
  runtime.address = () => ({ host: '127.0.0.1', port: 4321 })
  await driver.start(spec)
  expect(await driver.list()).toMatchObject([{ address: { host: '127.0.0.1', port: 4321 } }])
})

test('a silent runtime tells nobody that a replica ended', async () => {
  const { runtime, driver } = fake()
  const heard: string[] = []
  await driver.start(spec)
  driver.onChange((id) => heard.push(id))
  runtime.isSilent = true
  runtime.exit(spec.id, 1)
  expect(heard).toEqual([])
  expect(await driver.list()).toMatchObject([{ state: 'exited', exitCode: 1 }])
})

const anyPlan: ReplicaSpec['plan'] = {
  command: ['fake'],
  image: undefined,
  env: {},
  containerPort: 8000,
  shmBytes: 0,
}

const spec: ReplicaSpec = {
  id: 'replica-1' as ReplicaId,
  endpointId: 'endpoint-1' as EndpointId,
  endpoint: 'acme/chat',
  revision: 1,
  plan: anyPlan,
  modelPath: '/models/m',
  env: {},
  resources: { cpus: 1, memoryBytes: 2 ** 30, gpus: 0 },
}

function fake() {
  const clock = new FakeClock()
  const runtime = new FakeRuntime(clock)
  return { runtime, driver: new FakeDriver(runtime, clock) }
}
