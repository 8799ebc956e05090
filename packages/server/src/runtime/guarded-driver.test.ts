import { expect, test } from 'vitest'
import { PlatformError } from '../domain/errors.ts'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import type { ReplicaSpec, RuntimeDriver } from './driver.ts'
import { FakeDriver, FakeRuntime } from './fake/fake-driver.ts'
import { DRIVER_TIMEOUTS, GuardedDriver } from './guarded-driver.ts'

const A = 'replica-a' as ReplicaId

test.for(['start', 'stop', 'list', 'stats', 'capacity'] as const)(
  'a %s that never answers ends as unavailable',
  async (verb) => {
    const { clock, runtime, driver } = guarded()
    runtime.hanging.add(verb)
    const answer = call(driver, verb).catch((error: unknown) => error)
    await clock.advance(DRIVER_TIMEOUTS.startTimeoutMs + DRIVER_TIMEOUTS.stopTimeoutMs)
    expect(await answer).toMatchObject({ code: 'unavailable', reason: 'runtime_timeout' })
  },
)

test('a stop is given its grace before it counts as hung', async () => {
  const { clock, runtime, driver } = guarded()
  runtime.hanging.add('stop')
  let answer: unknown
  driver.stop(A, { graceMs: 300_000 }).catch((error: unknown) => {
    answer = error
  })
  await clock.advance(300_000 + DRIVER_TIMEOUTS.stopTimeoutMs - 1)
  expect(answer).toBeUndefined()
  await clock.advance(1)
  expect(answer).toBeInstanceOf(PlatformError)
})

test('a verb about a replica waits for the one before it, and other replicas do not', async () => {
  const { runtime, driver } = guarded()
  const order: string[] = []
  const gate = Promise.withResolvers<void>()
  const slow = new FakeDriver(runtime, new FakeClock())
  slow.start = async ({ id }) => {
    order.push(`start ${id}`)
    if (id === A) await gate.promise
    order.push(`started ${id}`)
  }
  slow.stop = async (id) => {
    order.push(`stop ${id}`)
  }
  const line = new GuardedDriver(slow, new FakeClock())
  const first = line.start(spec(A))
  const second = line.stop(A, { graceMs: 0 })
  await line.start(spec('replica-b' as ReplicaId))
  expect(order).toEqual(['start replica-a', 'start replica-b', 'started replica-b'])
  gate.resolve()
  await Promise.all([first, second])
  expect(order.slice(3)).toEqual(['started replica-a', 'stop replica-a'])
  expect(await driver.list()).toEqual([])
})

test('a verb that hung does not block the next one for its replica for ever', async () => {
  const { clock, runtime, driver } = guarded()
  runtime.hanging.add('start')
  const start = driver.start(spec(A)).catch(() => 'gave up')
  const stop = driver.stop(A, { graceMs: 0 })
  await clock.advance(DRIVER_TIMEOUTS.startTimeoutMs)
  expect(await start).toBe('gave up')
  await stop
})

test('a refusal on purpose passes as it is', async () => {
  const { runtime, driver } = guarded()
  const refusal = new PlatformError('invalid', 'no such image')
  runtime.refusal = refusal
  await expect(driver.start(spec(A))).rejects.toBe(refusal)
})

test('whatever else a runtime throws becomes unavailable and keeps its cause', async () => {
  const broken = new FakeDriver(new FakeRuntime(new FakeClock()), new FakeClock())
  const cause = new Error('connect ECONNREFUSED')
  broken.list = async () => {
    throw cause
  }
  // biome-ignore lint/correctness/useYield: it fails before its first line.
  broken.logs = async function* () {
    throw cause
  }
  const driver = new GuardedDriver(broken, new FakeClock())
  const expected = { code: 'unavailable', message: expect.stringContaining('ECONNREFUSED'), cause }
  await expect(driver.list()).rejects.toMatchObject(expected)
  const lines = driver.logs(A, { follow: false, signal: new AbortController().signal })
  await expect(Array.fromAsync(lines)).rejects.toMatchObject(expected)
})

function guarded() {
  const clock = new FakeClock()
  const runtime = new FakeRuntime(clock)
  return { clock, runtime, driver: new GuardedDriver(new FakeDriver(runtime, clock), clock) }
}

function call(
  driver: RuntimeDriver,
  verb: 'start' | 'stop' | 'list' | 'stats' | 'capacity',
): Promise<unknown> {
  switch (verb) {
    case 'start':
      return driver.start(spec(A))
    case 'stop':
      return driver.stop(A, { graceMs: 0 })
    case 'list':
      return driver.list()
    case 'stats':
      return driver.stats(A)
    case 'capacity':
      return driver.capacity()
    default:
      return verb satisfies never
  }
}

function spec(id: ReplicaId): ReplicaSpec {
  return {
    id,
    endpointId: 'endpoint-1' as EndpointId,
    endpoint: 'acme/chat',
    revision: 1,
    plan: { command: ['fake'], image: undefined, env: {}, containerPort: 8000, shmBytes: 0 },
    modelPath: '/models/m',
    env: {},
    resources: { cpus: 1, memoryBytes: 2 ** 30, gpus: 0 },
  }
}
