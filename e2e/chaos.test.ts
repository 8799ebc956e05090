/** kill -9 of each process in turn, and a crowd before a sleeping endpoint. */
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
  const engine = (await berth.processes('engine')).find(({ command }) => command.includes('/phoenix '))
  process.kill(engine!.pid, 'SIGKILL')
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
  const enginesOfIt = async () =>
    (await berth.processes('engine')).filter(({ command }) => command.includes('/crowded '))
  await until('its engine to be gone', async () => (await enginesOfIt()).length === 0)

  const seen = new Set<number>()
  let isOver = false
  const watching = (async () => {
    while (!isOver) for (const { pid } of await enginesOfIt()) seen.add(pid)
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
