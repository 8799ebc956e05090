/** kill -9 of each process in turn, and a crowd before a sleeping endpoint. */
import type { Image } from '@berth/contract'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Berth, endpointOf } from './berth-process.ts'
import { until } from './until.ts'

const CROWD = 200

let berth: Berth
beforeAll(async () => {
  berth = await Berth.start()
})
// Each endpoint reserves memory; a small machine has room for a few.
afterEach(async () => {
  await berth.deleteEndpoints()
})
afterAll(async () => {
  await berth?.stop()
})

const place = (name: string) => ({ params: { namespace: berth.namespace, name } })
const replicaIds = async (name: string) =>
  (await berth.client.listReplicas(place(name))).items.map(({ id }) => id)
/** The engine processes of an endpoint, known by the name they serve under. */
const enginesOf = async (name: string) =>
  (await berth.processes('engine')).filter(({ command }) => ` ${command} `.includes(`/${name} `))
const answerOf = async (response: Response) => {
  expect(response.status).toBe(200)
  const body = (await response.json()) as { choices: { message: { content: string } }[] }
  return body.choices[0]!.message.content
}

test('a killed control process: traffic goes on, and the next one adopts what runs', async () => {
  await berth.deploy(endpointOf('adopted', { echo: {} }))
  const [replicas, engines, gateways] = [
    await replicaIds('adopted'),
    await berth.processes('engine'),
    await berth.processes('gateway'),
  ]

  await berth.kill('control')
  expect(await answerOf(await berth.chat('adopted', 'who serves me now?'))).toBe('who serves me now?')
  const refused = await fetch(`${berth.url}/v2/endpoint/${berth.namespace}`, {
    headers: { authorization: `Bearer ${berth.token}` },
  })
  expect(refused.status).toBe(503)
  expect(await refused.json()).toMatchObject({ error: expect.any(String), retryable: true })

  await berth.startControl()
  await berth.reach('adopted', 'running')
  expect(await replicaIds('adopted')).toEqual(replicas)
  expect(await berth.processes('engine')).toEqual(engines)
  expect(await berth.processes('gateway')).toEqual(gateways)
})

test('a killed control process forgets nothing that it acknowledged', async () => {
  await berth.client.createEndpoint({
    params: { namespace: berth.namespace },
    body: endpointOf('remembered', { echo: { startMs: 200 } }),
  })
  await berth.kill('control')
  await berth.startControl()
  await berth.reach('remembered', 'running')
  expect(await answerOf(await berth.chat('remembered', 'still here'))).toBe('still here')
})

test('a killed gateway is replaced, at the same address', async () => {
  await berth.deploy(endpointOf('behind', { echo: {} }))
  const { url } = berth
  const [before] = await berth.processes('gateway')
  await berth.kill('gateway')
  await until('another gateway', async () => {
    const [now] = await berth.processes('gateway')
    return now !== undefined && now.pid !== before!.pid && (await fetch(`${url}/readyz`)).ok
  })
  expect(await answerOf(await berth.chat('behind', 'hello again'))).toBe('hello again')
})

test('a killed engine is replaced, and the request in between waits for the new one', async () => {
  await berth.deploy(endpointOf('phoenix', { echo: {} }))
  const [before] = await replicaIds('phoenix')
  for (const { pid } of await enginesOf('phoenix')) process.kill(pid, 'SIGKILL')
  expect(await answerOf(await berth.chat('phoenix', 'are you there?'))).toBe('are you there?')
  await until('one new replica', async () => {
    const now = await replicaIds('phoenix')
    return now.length === 1 && now[0] !== before
  })
  expect((await berth.endpoint('phoenix')).status.state).toBe('running')
})

test(`${CROWD} clients before a sleeping endpoint start one replica, and all are answered`, async () => {
  await berth.deploy(
    endpointOf('crowded', { echo: { startMs: 500 } }, { scaling: { minReplica: 0, maxReplica: 1 } }),
  )
  await berth.client.scaleEndpointToZero(place('crowded'))
  await berth.reach('crowded', 'scaledToZero')
  await until('its engine to be gone', async () => (await enginesOf('crowded')).length === 0)

  const seen = new Set<number>()
  let isOver = false
  const watching = (async () => {
    while (!isOver) for (const { pid } of await enginesOf('crowded')) seen.add(pid)
  })()
  const answers = await Promise.all(
    Array.from({ length: CROWD }, async (_, number) =>
      answerOf(await berth.chat('crowded', `client ${number}`)),
    ),
  )
  isOver = true
  await watching

  expect(answers).toEqual(Array.from({ length: CROWD }, (_, number) => `client ${number}`))
  expect(seen.size).toBe(1)
})

test('an engine that cannot start fails with its reason, and does not start for ever', async () => {
  await berth.client.createEndpoint({
    params: { namespace: berth.namespace },
    body: endpointOf('broken', { echo: { crashOnStart: 7 } }),
  })
  const { status } = await berth.reach('broken', 'failed')
  expect(status.errorMessage).toContain('7')
  const refused = await berth.chat('broken', 'hello?')
  expect(refused.status).toBe(503)
  expect(await refused.json()).toMatchObject({ code: 'endpoint_failed' })
})

test('an update that cannot start leaves the revision before it serving, and the next update mends it', async () => {
  await berth.deploy(endpointOf('careful', { echo: {} }))
  const update = (image: Image) =>
    berth.client.updateEndpoint({ ...place('careful'), body: { model: { image } } })
  await update({ echo: { crashOnStart: 9 } })
  const { status } = await berth.reach('careful', 'updateFailed')
  expect(status.errorMessage).toContain('9')
  expect(await answerOf(await berth.chat('careful', 'the old one'))).toBe('the old one')

  await update({ echo: { tokenMs: 1 } })
  await berth.reach('careful', 'running')
  expect(await answerOf(await berth.chat('careful', 'the new one'))).toBe('the new one')
})

test('an engine that freezes is replaced, and the request that it swallowed is answered by the next', {
  timeout: 180_000,
}, async () => {
  await berth.deploy(endpointOf('frozen', { echo: { freezeAfterRequests: 3 } }))
  const [before] = await enginesOf('frozen')
  for (const number of [1, 2, 3]) expect((await berth.chat('frozen', `${number}`)).status).toBe(200)
  expect(await answerOf(await berth.chat('frozen', 'and now?'))).toBe('and now?')
  // It is given its time to stop, and does not take it.
  await until('the frozen engine to be gone', async () =>
    (await enginesOf('frozen')).every(({ pid }) => pid !== before!.pid),
  )
})
