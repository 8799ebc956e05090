/**
 * Engines that are there and do not work, and engines that have more to do than they can: the ones are replaced with
 * the reason why, and the others are left alone.
 *
 * BERTH_E2E_SATURATED_SECONDS=600 makes the saturated run as long as you like.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Berth, endpointOf } from './berth-process.ts'
import { startLoad } from './load.ts'
import { until } from './until.ts'

const SATURATED_MS = 1_000 * Number(process.env['BERTH_E2E_SATURATED_SECONDS'] ?? 40)
/** Several times what it should take; the promise itself is thirty seconds. */
const REPLACED_DEADLINE_MS = 90_000
const TIMEOUT_MS = SATURATED_MS + 180_000

let berth: Berth
beforeAll(async () => {
  berth = await Berth.start()
})
afterEach(async () => {
  await berth.deleteEndpoints()
})
afterAll(async () => {
  await berth?.stop()
})

const place = (name: string) => ({ params: { namespace: berth.namespace, name } })
const replicaIds = async (name: string) =>
  (await berth.client.listReplicas(place(name))).items.map(({ id }) => id)
const enginesOf = async (name: string) =>
  (await berth.processes('engine')).filter(({ command }) => ` ${command} `.includes(`/${name} `))
const failuresOf = async (name: string) =>
  (await berth.client.listEvents({ ...place(name), query: {} })).items.filter(
    ({ kind }) => kind === 'replica.failed',
  )

/** What is wrong with an answer, or undefined. */
async function ask(name: string, question: string, more: object = {}): Promise<string | undefined> {
  const response = await berth.chat(name, question, more)
  const text = await response.text()
  if (response.status !== 200) return `${response.status} ${text}`
  return text.includes(question.split(' ').at(-1)!) ? undefined : `asked "${question}", answered ${text}`
}

const replaced = (name: string, before: readonly string[]) =>
  until(
    `every replica of ${name} to be another`,
    async () => {
      const now = await replicaIds(name)
      return now.length === before.length && now.every((id) => !before.includes(id))
    },
    REPLACED_DEADLINE_MS,
  )

test('a zombie, healthy by its health route, is replaced with the evidence, and what it swallowed is answered', {
  timeout: TIMEOUT_MS,
}, async () => {
  await berth.deploy(endpointOf('zombie', { echo: { zombieAfterRequests: 5, parallel: 4 } }))
  const before = await replicaIds('zombie')
  for (let i = 0; i < 5; i++) expect(await ask('zombie', `answered ${i}`)).toBeUndefined()

  const since = performance.now()
  const swallowed = [ask('zombie', 'one'), ask('zombie', 'two', { stream: true }), ask('zombie', 'three')]
  expect(await Promise.all(swallowed)).toEqual([undefined, undefined, undefined])
  console.info(`zombie: its requests were answered by another after ${seconds(since)}`)

  await replaced('zombie', before)
  const [failure] = await failuresOf('zombie')
  expect(failure?.message).toMatch(
    /stopped working on its requests: with 3 requests on it, none has advanced/,
  )
  expect(failure?.message).toMatch(/asked 2 times/)
})

test('a stopped engine beside one that works costs nobody an answer, and is replaced', {
  timeout: TIMEOUT_MS,
}, async () => {
  await berth.deploy(
    endpointOf('halted', { echo: { tokenMs: 2 } }, { scaling: { minReplica: 2, maxReplica: 2 } }),
  )
  const before = await replicaIds('halted')
  const load = startLoad(8, (number) => ask('halted', `request ${number}`))
  await load.answered(100)
  const [victim] = await enginesOf('halted')
  process.kill(victim!.pid, 'SIGSTOP')
  const since = performance.now()
  await until(
    'the stopped engine to be gone',
    async () => (await enginesOf('halted')).every(({ pid }) => pid !== victim!.pid),
    REPLACED_DEADLINE_MS,
  )
  console.info(`stopped: out after ${seconds(since)}`)
  expect((await load.finish(500)).failures).toEqual([])
  await until('two replicas', async () => (await replicaIds('halted')).length === 2)
  expect((await replicaIds('halted')).filter((id) => before.includes(id))).toHaveLength(1)
  expect(await failuresOf('halted')).toHaveLength(1)
})

test('engines with more to do than they can are left alone, streaming or silent for half a minute', {
  timeout: TIMEOUT_MS,
}, async () => {
  await berth.deploy(endpointOf('crowded', { echo: { parallel: 2, firstTokenMs: 50, tokenMs: 20 } }))
  await berth.deploy(endpointOf('slow', { echo: { parallel: 2, firstTokenMs: 25_000 } }))
  const before = [await replicaIds('crowded'), await replicaIds('slow')]
  const words = 'a question of a few words for number'
  const crowd = startLoad(16, (number) => ask('crowded', `${words} ${number}`, { stream: number % 2 === 0 }))
  // Of these the engine has two at a time, and says nothing until one is done.
  const patient = startLoad(4, (number) => ask('slow', `number ${number}`))
  const end = performance.now() + SATURATED_MS
  await until('the run to be over', () => performance.now() > end, SATURATED_MS + 10_000)

  const answers = [await crowd.finish(50), await patient.finish(1)]
  expect(answers.map(({ failures }) => failures)).toEqual([[], []])
  expect([await replicaIds('crowded'), await replicaIds('slow')]).toEqual(before)
  expect([await failuresOf('crowded'), await failuresOf('slow')]).toEqual([[], []])
  console.info(`saturated: ${answers.map(({ sent }) => sent).join(' and ')} answers, no replica given up`)
})

const seconds = (since: number) => `${((performance.now() - since) / 1_000).toFixed(1)} s`
