/**
 * A thousand requests while something happens to the endpoint, and not one of them lost, cut short or mixed up.
 * Every second one is streamed. Each carries its own number, and the echo must bring exactly that back.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Berth, endpointOf } from './berth-process.ts'
import { startLoad } from './load.ts'
import { until } from './until.ts'

const REQUESTS = 1_000
const CONCURRENCY = 20

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

const asking = (name: string) => async (number: number) => {
  const question = `request ${number} of many`
  const isStream = number % 2 === 0
  const response = await berth.chat(name, question, { stream: isStream })
  const text = await response.text()
  if (response.status !== 200) return `${response.status} ${text}`
  const answer = isStream ? streamed(text) : JSON.parse(text).choices[0].message.content
  return answer === question ? undefined : `asked "${question}", answered "${answer}"`
}

function streamed(text: string): string {
  const events = text.split('\n\n').filter((event) => event.startsWith('data: '))
  if (events.at(-1) !== 'data: [DONE]') return `a stream without an end: ${text.slice(-200)}`
  return events
    .slice(0, -1)
    .map((event) => JSON.parse(event.slice('data: '.length)).choices[0]?.delta.content ?? '')
    .join('')
}

test('a rolling update', async () => {
  await berth.deploy(endpointOf('rolling', { echo: { tokenMs: 5 } }))
  const before = (await berth.client.listReplicas(place('rolling'))).items.map(({ id }) => id)
  const load = startLoad(CONCURRENCY, asking('rolling'))
  await load.answered(100)

  await berth.client.updateEndpoint({
    ...place('rolling'),
    body: { model: { image: { echo: { tokenMs: 4, startMs: 300 } } } },
  })
  await berth.reach('rolling', 'running')
  await until('the old replica to be gone', async () => {
    const { items } = await berth.client.listReplicas(place('rolling'))
    return items.length === 1 && !before.includes(items[0]!.id)
  })

  const { sent, failures } = await load.finish(REQUESTS)
  expect(failures).toEqual([])
  expect(sent).toBeGreaterThanOrEqual(REQUESTS)
})

test('scaling to zero again and again, against the traffic that wakes it', async () => {
  await berth.deploy(
    endpointOf(
      'sleepy',
      { echo: { tokenMs: 2, startMs: 50 } },
      { scaling: { minReplica: 0, maxReplica: 1 } },
    ),
  )
  const load = startLoad(CONCURRENCY, asking('sleepy'))
  for (const answers of [100, 300, 500, 700]) {
    await load.answered(answers)
    await berth.client.scaleEndpointToZero(place('sleepy'))
  }
  const { sent, failures } = await load.finish(REQUESTS)
  expect(failures).toEqual([])
  expect(sent).toBeGreaterThanOrEqual(REQUESTS)
})

test('kill -9 of the control process, and its return', async () => {
  await berth.deploy(endpointOf('steady', { echo: { tokenMs: 5 } }))
  const engines = (await berth.processes('engine')).map(({ pid }) => pid)
  const load = startLoad(CONCURRENCY, asking('steady'))
  await load.answered(200)
  await berth.kill('control')
  await load.answered(500)
  await berth.startControl()

  const { sent, failures } = await load.finish(REQUESTS)
  expect(failures).toEqual([])
  expect(sent).toBeGreaterThanOrEqual(REQUESTS)
  expect((await berth.processes('engine')).map(({ pid }) => pid)).toEqual(expect.arrayContaining(engines))
})
