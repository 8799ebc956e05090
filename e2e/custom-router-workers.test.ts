/** An endpoint's own router behind a gateway of two workers: each finds it, and each does without it when it dies. */
import { copyFile, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Berth, endpointOf } from './berth-process.ts'
import { startLoad } from './load.ts'
import { until } from './until.ts'

const TAG = 'round-robin.mjs'
const ROUTER = path.join(import.meta.dirname, 'round-robin-router.mjs')
/** Each has a connection of its own, and so many connections reach both workers. */
const AT_ONCE = 24

let berth: Berth
beforeAll(async () => {
  berth = await Berth.start({ BERTH_GATEWAY_WORKERS: '2' })
  const directory = path.join(berth.home, 'routers')
  await mkdir(directory)
  await copyFile(ROUTER, path.join(directory, TAG))
})
afterAll(async () => {
  await berth?.stop()
})

const gateways = async () => (await berth.processes('gateway')).map(({ pid }) => pid)
const routers = async () =>
  (await berth.processes('other')).filter(({ command }) => command.endsWith(`/routers/${TAG}`))
const routed = async (): Promise<string | null> => {
  const response = await berth.chat('routed', 'anybody there')
  await response.text()
  return response.headers.get('x-round-robin')
}
const untilAllAreRouted = () =>
  until('every request to be routed among 2', async () => {
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, routed))
    return answers.every((answer) => answer === '2')
  })

test('one router serves both workers, costs neither a request when it is killed, and stays when a worker is', async () => {
  await until('two workers', async () => (await gateways()).length === 2)
  const scaling = { minReplica: 2, maxReplica: 2 }
  await berth.deploy({
    ...endpointOf('routed', { echo: { tokenMs: 5 } }, { scaling }),
    customRouter: { tag: TAG },
  })
  await untilAllAreRouted()
  const [router, ...others] = await routers()
  expect(others).toEqual([])

  const load = startLoad(10, async (number) => {
    const question = `request ${number} of many`
    const response = await berth.chat('routed', question)
    const text = await response.text()
    if (response.status !== 200) return `${response.status} ${text}`
    return text.includes(question) ? undefined : `asked "${question}", answered ${text}`
  })
  await load.answered(100)
  process.kill(router!.pid, 'SIGKILL')
  await until('another router', async () => (await routers()).some(({ pid }) => pid !== router!.pid))
  const { failures } = await load.finish(300)
  expect(failures).toEqual([])
  await untilAllAreRouted()

  const [victim] = await gateways()
  process.kill(victim!, 'SIGKILL')
  await until('two workers again', async () => {
    const now = await gateways()
    return now.length === 2 && !now.includes(victim!)
  })
  const [survivor] = await routers()
  await untilAllAreRouted()
  expect((await routers()).map(({ pid }) => pid)).toEqual([survivor!.pid])
})
