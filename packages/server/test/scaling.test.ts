/** How many replicas there are, and why: load, idleness, crowds, and everything that must not shrink anything. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EndpointId } from '../src/domain/replica.ts'
import { judgedAgain } from '../src/domain/scale/decision-record.ts'
import { World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await World.start()
})
afterEach(() => world.end())

const idOf = async (name = 'chat'): Promise<EndpointId> =>
  (await world.store.endpoints.find('admin', name))!.id
const wanted = async () => (await world.see()).status.targetReplica
const decisions = async () => world.store.scaleDecisions.list(await idOf(), { limit: 100 })

/** So many requests run all the time. */
async function load(running: number, more: object = {}): Promise<void> {
  world.load.set(await idOf(), { arrivals: running, pending: running, inFlight: running, ...more })
}

async function running(max: number, changes: Parameters<World['create']>[0] = {}): Promise<void> {
  await world.create({ max, ...changes })
  await world.untilState('running')
}

test('load raises the count within three seconds, to what is needed, and says why', async () => {
  await running(8)
  await load(9)
  await world.pass(3_000)
  expect(await wanted()).toBe(6)
  await world.until('six ready', async () => (await world.see()).status.readyReplica === 6)
  expect((await decisions())[0]).toMatchObject({
    kind: 'change',
    from: 1,
    to: 6,
    term: 'pendingHigh',
    sentence: expect.stringMatching(/^6 replicas: [\d.]+ requests are pending per replica, above 1.5\.$/),
  })
})

test('a queue far above the threshold is judged when it is reported, not at the next look', async () => {
  await running(80)
  const id = await idOf()
  const judgedAt = () => world.autoscaler.present(id)!.judged!.now
  const before = judgedAt()
  await world.until('a look', () => judgedAt() > before)
  const lookedAt = judgedAt()
  await load(50)
  await world.until('a raise', async () => (await wanted()) > 1)
  // Looks are two seconds apart.
  expect(judgedAt() - lookedAt).toBeLessThan(2_000)
})

test('a replica that became ready, or was lost, is judged then, not at the next look', async () => {
  await running(2)
  world.onStart((id) => world.health.set(id, 'loading'))
  await load(3)
  await world.until('two', async () => (await wanted()) === 2)
  const id = await idOf()
  const judgedAt = () => world.autoscaler.present(id)!.judged!.now
  const judged = async () => {
    const last = judgedAt()
    while (judgedAt() === last) await world.pass(50)
    return judgedAt() - last
  }
  /** Once, within ten seconds, sooner after the one before than looks follow each other. */
  const isJudgedSoon = async () => {
    for (let passed = 0; passed < 10_000; ) {
      const sinceLast = await judged()
      if (sinceLast < 1_900) return true
      passed += sinceLast
    }
    return false
  }
  /** Between two looks. */
  const between = async () => {
    await judged()
    await world.pass(500)
  }
  await world.pass(4_000)
  await between()
  for (const replica of world.replicas) world.health.delete(replica.id)
  expect(await isJudgedSoon()).toBe(true)
  const ready = async () => (await world.see()).status.readyReplica
  await world.until('both ready', async () => (await ready()) === 2)
  await between()
  world.runtime.exit(world.replicas[0]!.id, 1)
  expect(await isJudgedSoon()).toBe(true)
})

test('the measure that is asked for decides, one by one when that is asked for', async () => {
  await running(8)
  await world.update({ compute: { scaling: { measure: { pendingRequests: 3 } } } })
  await load(9)
  await world.until('three', async () => (await wanted()) === 3)
  await world.update({ compute: { scaling: { strict: true } } })
  await load(24)
  await world.pass(50_000)
  await world.until('four', async () => (await wanted()) === 4)
  await world.pass(30_000)
  expect(await wanted()).toBe(4)
}, 60_000)

test('less load lowers the count slowly, and idleness ends in zero', async () => {
  await running(4, { idleMinutes: 6 })
  await load(6)
  await world.until('four ready', async () => (await world.see()).status.readyReplica === 4)
  await load(0)
  await world.pass(100_000)
  expect(await wanted()).toBe(4)
  await world.pass(200_000)
  expect(await wanted()).toBe(3)
  await world.pass(60_000)
  await world.until('asleep', () => world.replicas.length === 0)
  expect((await decisions())[0]).toMatchObject({ to: 0, term: 'idle' })
}, 30_000)

test('a crowd before a sleeping endpoint wakes as many replicas as it needs', async () => {
  await running(100)
  await world.act('scaleEndpointToZero')
  await world.until('asleep', () => world.replicas.length === 0)
  world.runtime.capacity = { ...world.runtime.capacity, total: { cpus: 400, memoryBytes: 2 ** 50, gpus: 0 } }
  world.load.set(await idOf(), { pending: 120, waiting: 120 })
  await world.request('chat', 1)
  await world.until('all of them', async () => (await wanted()) === 80)
  const [more, first] = await decisions()
  expect([first, more]).toMatchObject([
    { from: 0, to: 1, term: 'wake' },
    { from: 1, to: 80, term: 'wake', inputs: { waiting: 120 } },
  ])
})

test('whatever is kept of a decision comes to the same decision again', async () => {
  await running(6)
  await load(9)
  await world.until('six', async () => (await wanted()) === 6)
  await load(0)
  await world.pass(1_000)
  await world.act('scaleEndpointToZero')
  await world.until('asleep', () => world.replicas.length === 0)
  await world.request()
  await world.untilState('running')

  const kept = await decisions()
  expect(kept.map(({ term, to }) => `${term} ${to}`)).toEqual(['wake 1', 'asked 0', 'pendingHigh 6'])
  const judged = kept.filter((decision) => decision.judged !== null)
  expect(judged).toHaveLength(2)
  for (const { judged: given, to, term, inputs, holdsUntil } of judged) {
    expect(judgedAgain(given!).decision).toMatchObject({ desired: to, term, inputs, holdsUntil })
  }
})

test('what nobody measures never shrinks: a gateway that is silent, or gone', async () => {
  await running(4, { idleMinutes: 1 })
  await load(6)
  await world.until('four ready', async () => (await world.see()).status.readyReplica === 4)
  world.isGatewaySilent = true
  await world.pass(200_000)
  expect(await wanted()).toBe(4)
  world.autoscaler.gatewayGone('gw-1')
  await world.pass(200_000)
  expect(await wanted()).toBe(4)
}, 30_000)

test('reports that come twice or too late count once', async () => {
  await running(8)
  const id = await idOf()
  const none = { arrivals: 0, pending: 0, waiting: 0, inFlight: 0, lastActivityAt: null, tokens: null }
  const report = { ...none, id, inFlightByReplica: {} }
  world.isGatewaySilent = true
  await world.pass(1_000)
  for (let sequence = 1_000; sequence < 1_040; sequence++) {
    world.autoscaler.demand('gw-1', sequence, [report])
    world.autoscaler.demand('gw-1', sequence, [{ ...report, pending: 50, waiting: 50, arrivals: 50 }])
    world.autoscaler.demand('gw-1', sequence - 500, [{ ...report, pending: 50, waiting: 50, arrivals: 50 }])
    await world.pass(250)
  }
  expect(await wanted()).toBe(1)
})

test('a control process that comes back shrinks nothing within its first window', async () => {
  await running(4, { idleMinutes: 1 })
  await load(6)
  await world.until('four ready', async () => (await world.see()).status.readyReplica === 4)
  world.load.delete(await idOf())
  await world.restartControl()
  await world.pass(58_000)
  expect(await wanted()).toBe(4)
}, 30_000)

test('a clock that jumps shrinks nothing', async () => {
  await running(4, { idleMinutes: 3 })
  await load(6)
  await world.until('four ready', async () => (await world.see()).status.readyReplica === 4)
  world.clock.jump(3_600_000)
  await world.pass(10_000)
  expect(await wanted()).toBe(4)
  world.clock.jump(-7_200_000)
  await world.pass(10_000)
  expect(await wanted()).toBe(4)
  await load(0)
  await world.pass(180_000)
  await world.until('asleep', () => world.replicas.length === 0)
}, 30_000)

test('replicas that never become ready do not raise the count without bound', async () => {
  await running(50)
  world.onStart((id) => world.health.set(id, 'loading'))
  await load(9)
  await world.until('six', async () => (await wanted()) === 6)
  await world.pass(120_000)
  expect(await wanted()).toBe(6)
}, 60_000)

test('who asks for zero gets zero, whatever the load was a moment ago, until a request comes', async () => {
  await running(4, { min: 2 })
  await load(0)
  await world.act('scaleEndpointToZero')
  await world.until('asleep', () => world.replicas.length === 0)
  await world.pass(60_000)
  await world.restartControl()
  await world.pass(10_000)
  expect(await wanted()).toBe(0)
  await world.request()
  await world.until('two ready', async () => (await world.see()).status.readyReplica === 2)
  expect((await decisions())[1]).toMatchObject({
    term: 'asked',
    sentence: '0 replicas: scaled to zero by admin.',
  })
})

test('requests that were there before keep nobody awake who was asked to sleep', async () => {
  await running(4)
  const [replica] = world.replicas
  world.busy.add(replica!.id)
  await load(1)
  await world.pass(1_500)
  await world.act('scaleEndpointToZero')
  await world.until('draining', () => [...world.routes.values()][0]?.replicas[0]?.state === 'draining')
  await world.pass(5_000)
  expect(await wanted()).toBe(0)
  world.finish(replica!.id)
  await world.until('asleep', () => world.replicas.length === 0)
})

test('who waited a moment before an endpoint was asked to sleep does not wake it again', async () => {
  await running(4)
  await world.act('scaleEndpointToZero')
  await world.until('asleep', () => world.replicas.length === 0)
  const id = await idOf()
  world.load.set(id, { waiting: 1, pending: 1 })
  await world.untilState('running')
  world.load.set(id, {})
  await world.act('scaleEndpointToZero')
  await world.until('asleep', () => world.replicas.length === 0)
  await world.pass(5_000)
  expect(await wanted()).toBe(0)
})

test('a schedule keeps replicas warm in its hours, and wakes an endpoint that sleeps', async () => {
  await running(4, { idleMinutes: 0.2 })
  await world.until('asleep', () => world.replicas.length === 0)
  // The world begins on a Tuesday at 22:13 UTC.
  const hours = { days: ['Tue' as const], fromHour: 22, toHour: 6, minReplica: 3, timeZone: 'UTC' }
  await world.update({ compute: { scaling: { schedules: [hours] } } })
  await world.until('three ready', async () => (await world.see()).status.readyReplica === 3)
  expect((await decisions())[0]).toMatchObject({ to: 3, term: 'warmHours' })
}, 30_000)

test('a cost ceiling binds and is named, with what would have been without it', async () => {
  const priced = world.runtime.capacity.instanceTypes.map((type) => ({ ...type, pricePerHour: 0.5 }))
  world.runtime.capacity = { ...world.runtime.capacity, instanceTypes: priced }
  await running(8)
  await world.update({ compute: { scaling: { maxCostPerHour: 1.6 } } })
  await load(9)
  await world.until('three', async () => (await wanted()) === 3)
  const [decision] = await decisions()
  expect(decision).toMatchObject({ term: 'costCeiling', alternative: { desired: 6, term: 'pendingHigh' } })
  expect(decision!.sentence).toBe('3 replicas: more would cost above 1.6 an hour; otherwise 6.')
  await expect(world.update({ compute: { scaling: { maxCostPerHour: 0.4 } } })).rejects.toThrow(
    'raise the ceiling',
  )
})

test('an hour without a change is summarized with how often which rule bound', async () => {
  await running(2, { min: 1 })
  await world.pass(20_000)
  world.clock.jump(3_600_000)
  await world.pass(10_000)
  const [summary] = await decisions()
  expect(summary).toMatchObject({ kind: 'summary', from: 1, to: 1, terms: { steady: expect.any(Number) } })
  expect(summary!.terms!.steady).toBeGreaterThan(5)
  expect(summary!.until! - summary!.at).toBeGreaterThanOrEqual(3_600_000)
}, 30_000)

test('what it decides at present is told', async () => {
  await running(4)
  await world.pass(3_000)
  expect(world.autoscaler.present(await idOf())).toMatchObject({ to: 1, term: 'steady' })
})

test('busy hardware raises the count, and what cannot be measured does not lower it', async () => {
  let cpuSeconds = 0
  world.runtime.stats = () => ({ cpuSeconds, memoryBytes: 1 })
  await running(4, { idleMinutes: 60 })
  await world.update({ compute: { scaling: { measure: { hardwareUsage: 80 } } } })
  await load(1)
  for (let at = 0; at < 150 && (await wanted()) === 1; at++) {
    cpuSeconds += 1
    await world.pass(1_000)
  }
  expect(await wanted()).toBe(2)
  expect((await decisions())[0]).toMatchObject({ term: 'hardwareHigh' })
  world.runtime.stats = () => undefined
  await world.pass(300_000)
  expect(await wanted()).toBe(2)
}, 30_000)
