/**
 * The gateway at half of what it can do, for as long as you like, and whether its memory grows meanwhile.
 *
 *     npm run soak                      half an hour
 *     npm run soak -- --minutes 10
 *
 * Short requests at a steady rate, and streams beside them, through a gateway process with a token, limits, usage and
 * metrics. The slope is that of the straight line through its resident memory; the first fifth of the time does not count,
 * since code is compiled and pools are filled then. Ends with 1 if an answer was wrong. Linux, as `taskset` is.
 */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'
import {
  folder,
  freePorts,
  LOAD_CORE,
  listening,
  type RunningProxy,
  removeFolder,
  startBerth,
  startOn,
  usedBy,
} from './gateway-proxies.ts'
import { PROXY_PATH } from './gateway-traffic.ts'
import { atMost, plain, report } from './report.ts'

const ENGINES = 4
const STREAMS = 100
const STREAM_INTERVAL_MS = 50
const LOOK_EVERY_MS = 1_000
const WARM_UP_SHARE = 0.2
/** More a second than anybody can, for a moment, to see how much it can; the first moments warm it up. */
const FLOOD = 100_000
const FLOOD_SECONDS = 0.05
const FLOODS = 4
const MB = 1e6
const HOUR_MS = 3_600_000
/** What a heap that breathes shows in half an hour without growing. */
const NOISE_MB_PER_HOUR = 2

type Look = { readonly atMs: number; readonly bytes: number }

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, json: { type: 'string' } },
})
const minutes = Number(values.minutes)
if (!(minutes > 0)) {
  console.error(`--minutes is "${values.minutes}": it must be a number above 0.`)
  process.exit(2)
}

try {
  const berth = await startBerth(await startEngines())
  const most = await saturation(berth)
  const rate = Math.round(most / 2)
  console.log(
    `${most} requests/s at most; ${rate} a second and ${STREAMS} streams for ${minutes} minutes (${folder})`,
  )
  const { requests, events, looks } = await halfLoad(berth, rate)
  await berth.stop()
  const counted = looks.slice(Math.ceil(WARM_UP_SHARE * looks.length))
  report(`The gateway at half saturation for ${minutes} minutes`, [
    plain('requests', requests, ''),
    plain('events of streams', events, ''),
    plain('resident memory after the warm-up', counted[0]!.bytes / MB, 'MB'),
    plain('resident memory at the end', counted.at(-1)!.bytes / MB, 'MB'),
    plain('resident memory at most', Math.max(...looks.map(({ bytes }) => bytes)) / MB, 'MB'),
    atMost('slope of resident memory', (slope(counted) * HOUR_MS) / MB, 'MB/h', NOISE_MB_PER_HOUR),
  ])
} finally {
  removeFolder()
}
process.exit(0)

async function saturation({ port }: RunningProxy): Promise<number> {
  let most = 0
  for (let i = 0; i < FLOODS; i++) {
    const { answeredPerSecond = 0 } = await load('rate', port, PROXY_PATH, FLOOD, FLOOD_SECONDS)
    most = Math.max(most, answeredPerSecond)
  }
  return most
}

async function halfLoad(berth: RunningProxy, rate: number) {
  const looks: Look[] = []
  const look = () => looks.push({ atMs: performance.now(), bytes: usedBy(berth).residentBytes })
  const timer = setInterval(look, LOOK_EVERY_MS)
  const end = performance.now() + minutes * 60_000
  let events = 0
  const streaming = async () => {
    while (performance.now() < end) {
      events += (await load('streams', berth.port, PROXY_PATH, STREAMS, STREAM_INTERVAL_MS))['events']!
    }
  }
  const [short] = await Promise.all([
    load('rate', berth.port, PROXY_PATH, rate, Math.round(minutes * 60)),
    streaming(),
  ])
  clearInterval(timer)
  return { requests: short['requests']!, events, looks }
}

/** Of the straight line nearest to all looks, in bytes a millisecond. */
function slope(looks: readonly Look[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const meanAt = mean(looks.map(({ atMs }) => atMs))
  const meanBytes = mean(looks.map(({ bytes }) => bytes))
  const covariance = looks.reduce((sum, { atMs, bytes }) => sum + (atMs - meanAt) * (bytes - meanBytes), 0)
  return covariance / looks.reduce((sum, { atMs }) => sum + (atMs - meanAt) ** 2, 0)
}

async function startEngines(): Promise<number[]> {
  const ports = await freePorts(ENGINES)
  const program = path.join(import.meta.dirname, 'gateway-engine.ts')
  startOn(LOAD_CORE, process.execPath, [program, ...ports.map(String)])
  for (const port of ports) await listening(port)
  return ports
}

/** @throws if any answer was wrong. */
function load(...args: readonly (string | number)[]): Promise<Record<string, number>> {
  const program = path.join(import.meta.dirname, 'gateway-load.ts')
  return new Promise((resolve, reject) => {
    const all = ['-c', String(LOAD_CORE), process.execPath, program, ...args.map(String)]
    const child = spawn('taskset', all, { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', (chunk) => {
      said += chunk
    })
    child.on('exit', (code) => {
      const result = code === 0 ? JSON.parse(said) : undefined
      if (result?.errors === 0) resolve(result)
      else reject(new Error(`the load ended with ${code}: ${said}`))
    })
  })
}
