/**
 * An endpoint's own router, a real program beside real engines: it chooses the replica, and whatever becomes of it, no
 * request is lost.
 */
import { copyFile, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Berth, endpointOf } from './berth-process.ts'
import { startLoad } from './load.ts'
import { until } from './until.ts'

const TAG = 'round-robin.mjs'
const ROUTER = path.join(import.meta.dirname, 'round-robin-router.mjs')
/** A hung router is known within about 20 s. */
const HUNG_DEADLINE_MS = 90_000
const LOAD = 10
const SILENT = { echo: { tokenMs: 5 } } as const

let berth: Berth
beforeAll(async () => {
  berth = await Berth.start()
  const directory = path.join(berth.home, 'routers')
  await mkdir(directory)
  await copyFile(ROUTER, path.join(directory, TAG))
})
afterEach(async () => {
  await berth.deleteEndpoints()
  await until('the router to be gone', async () => (await routers()).length === 0)
})
afterAll(async () => {
  await berth?.stop()
})

const place = (name: string) => ({ params: { namespace: berth.namespace, name } })
const routers = async () =>
  (await berth.processes('other')).filter(({ command }) => command.endsWith(`/routers/${TAG}`))
const statusOf = async (name: string) => (await berth.endpoint(name)).status.router

async function deployRouted(name: string, replicas: number, minReplica = replicas): Promise<void> {
  await berth.deploy({
    ...endpointOf(name, SILENT, { scaling: { minReplica, maxReplica: Math.max(1, replicas) } }),
    customRouter: { tag: TAG },
  })
  await untilRouted(name, replicas)
}

/** Waits until requests go through a router that knows so many replicas. */
const untilRouted = (name: string, replicas: number) =>
  until(`the router of ${name} to choose among ${replicas}`, async () => {
    const response = await berth.chat(name, 'anybody there')
    await response.text()
    return response.headers.get('x-round-robin') === String(replicas)
  })

/** What is wrong with an answer, or undefined. */
const asking = (name: string) => async (number: number) => {
  const question = `request ${number} of many`
  const response = await berth.chat(name, question)
  const text = await response.text()
  if (response.status !== 200) return `${response.status} ${text}`
  return text.includes(question) ? undefined : `asked "${question}", answered ${text}`
}

test('requests go through it, to each replica in turn, and its output is among the logs', async () => {
  await deployRouted('routed', 2)
  const replicas = (await berth.client.listReplicas(place('routed'))).items.map(({ id }) => id)
  const answeredBy = new Set<string | null>()
  for (let i = 0; i < 4; i++) {
    const response = await berth.chat('routed', 'hello', { stream: i % 2 === 0 })
    expect(await response.text()).toContain('hello')
    expect(response.headers.get('x-round-robin')).toBe('2')
    answeredBy.add(response.headers.get('x-berth-replica'))
  }
  expect([...answeredBy].toSorted()).toEqual(replicas.toSorted())
  const { id = '', ...status } = (await statusOf('routed')) ?? {}
  expect(status).toEqual({ state: 'ready', message: 'It chooses among 2 replicas.' })
  const { stdout } = await berth.cli('logs', 'routed')
  expect(stdout).toContain('round robin over 2 backends')
  expect((await berth.cli('describe', 'routed')).stdout).toMatch(/router +round-robin\.mjs: ready/)
  expect(id).toMatch(/-router-/)
})

test('kill -9 of the router under load costs nobody an answer, and the next one is used', async () => {
  await deployRouted('struck', 2)
  const load = startLoad(LOAD, asking('struck'))
  await load.answered(100)
  const [victim] = await routers()
  process.kill(victim!.pid, 'SIGKILL')
  await untilRouted('struck', 2)
  expect((await routers()).map(({ pid }) => pid)).not.toContain(victim!.pid)
  const { failures } = await load.finish(300)
  expect(failures).toEqual([])
  const { items } = await berth.client.listEvents({ ...place('struck'), query: {} })
  expect(items.find(({ kind }) => kind === 'router.failed')?.message).toMatch(/SIGKILL/)
})

test('it is told of replicas as they come and go, and sleeps and wakes with them', async () => {
  await deployRouted('counted', 1, 0)
  const scale = (minReplica: number, maxReplica: number) =>
    berth.client.updateEndpoint({
      ...place('counted'),
      body: { compute: { scaling: { minReplica, maxReplica } } },
    })
  const load = startLoad(LOAD, asking('counted'))
  await scale(2, 2)
  await untilRouted('counted', 2)
  await scale(0, 1)
  await untilRouted('counted', 1)
  expect((await load.finish(100)).failures).toEqual([])

  await berth.client.scaleEndpointToZero(place('counted'))
  await until(
    'nothing to run',
    async () => (await routers()).length === 0 && (await berth.processes('engine')).length === 0,
  )
  expect(await asking('counted')(1)).toBeUndefined()
  await untilRouted('counted', 1)
})

test('the control process may be killed and come back: the router goes on, and is the same', async () => {
  await deployRouted('steady', 1)
  const before = (await routers()).map(({ pid }) => pid)
  const load = startLoad(LOAD, asking('steady'))
  await berth.kill('control')
  const response = await berth.chat('steady', 'without control')
  await response.text()
  expect(response.headers.get('x-round-robin')).toBe('1')
  await berth.startControl()
  await untilRouted('steady', 1)
  expect((await load.finish(100)).failures).toEqual([])
  expect((await routers()).map(({ pid }) => pid)).toEqual(before)
})

test('what a router that hangs has taken is answered by a replica, and the router is replaced', {
  timeout: HUNG_DEADLINE_MS + 60_000,
}, async () => {
  await deployRouted('hung', 1)
  const [victim] = await routers()
  process.kill(victim!.pid, 'SIGSTOP')
  const since = performance.now()
  const swallowed = Promise.all([1, 2, 3].map(asking('hung')))
  await until(
    'another router',
    async () => {
      const now = await routers()
      return now.length === 1 && now[0]!.pid !== victim!.pid
    },
    HUNG_DEADLINE_MS,
  )
  expect(await swallowed).toEqual([undefined, undefined, undefined])
  console.info(`hung: replaced after ${((performance.now() - since) / 1_000).toFixed(1)} s`)
  await untilRouted('hung', 1)
})
