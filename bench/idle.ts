/**
 * What Berth costs while nobody asks: how fast it starts on a data directory that exists, and what control and
 * gateway use with 100 sleeping endpoints.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { newHome, removeHome, startBerth, until } from './berth.ts'
import { atMost, median, report } from './report.ts'

const STARTS = 10
const ENDPOINTS = 100
/** Until what a start has left is given back. */
const SETTLE_MS = 40_000
const WATCH_MS = 60_000

const home = newHome()
try {
  const first = await startBerth(home)
  const { vendors } = await first.client.listVendorsForNamespace({ params: { namespace: 'admin' } })
  const { instanceType, instanceSize } = vendors[0]!.regions[0]!.computes[0]!
  const scaling = { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: 15 }
  for (let i = 0; i < ENDPOINTS; i++) {
    const params = { namespace: 'admin', name: `sleeper-${i}` }
    await first.client.createEndpoint({
      params: { namespace: 'admin' },
      body: {
        name: params.name,
        type: 'private',
        provider: { vendor: 'local', region: 'default' },
        compute: { accelerator: 'cpu', instanceType, instanceSize, scaling },
        model: { repository: 'berth/guide', framework: 'custom', image: { echo: {} } },
      },
    })
    await first.client.scaleEndpointToZero({ params })
  }
  await until(
    'sleep',
    async () => (await first.client.systemStatus()).endpoints['scaledToZero'] === ENDPOINTS + 1,
    60_000,
  )
  await first.stop()

  const starts: number[] = []
  for (let i = 0; i < STARTS; i++) {
    const berth = await startBerth(home)
    starts.push(berth.readyMs)
    await berth.stop()
  }

  const berth = await startBerth(home)
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  const pids = [berth.controlPid, berth.gatewayPid]
  const before = sum(pids.map(cpuSeconds))
  await new Promise((resolve) => setTimeout(resolve, WATCH_MS))
  const cpuPercent = ((sum(pids.map(cpuSeconds)) - before) / (WATCH_MS / 1_000)) * 100
  const rssMb = sum(pids.map(residentMb))
  await berth.stop()
  report(`At rest, with ${ENDPOINTS} sleeping endpoints`, [
    atMost('start on an existing data directory → ready', median(starts), 'ms', 2_000),
    atMost('control + gateway resident memory', rssMb, 'MB', 220),
    atMost('control + gateway CPU', cpuPercent, '% of a core', 1),
  ])
} finally {
  removeHome(home)
}

/** Of all its threads, as the scheduler counts it: by ticks, whoever wakes with the clock seems twice as busy. */
function cpuSeconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  return sum(
    threads.map((thread) => {
      const [nanoseconds] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
      return Number(nanoseconds) / 1e9
    }),
  )
}

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1_024
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
