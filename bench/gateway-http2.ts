/**
 * What HTTP/2 costs the gateway beside HTTP/1.1, both over TLS: the time of its processor for the same answers.
 *
 * The load is h2load's for both, with as many requests at once: on as many connections, or as streams of a few.
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { folder, LOAD_CORE, startBerth, usedBy } from './gateway-proxies.ts'
import { ANSWER, EVENTS_PER_STREAM, INTERVAL_HEADER, PROXY_PATH, promptOf, TOKEN } from './gateway-traffic.ts'
import { median, plain, type Row } from './report.ts'

const REQUESTS = 6_000
const AT_ONCE = 64
const STREAMS = 200
const INTERVAL_MS = 20
const STREAMS_OF_A_CONNECTION = 16

type Protocol = 'HTTP/1.1' | 'HTTP/2'
const PROTOCOLS: readonly Protocol[] = ['HTTP/1.1', 'HTTP/2']

export async function http2(
  unaryEngines: readonly number[],
  streamEngines: readonly number[],
  rounds: number,
  progress: (line: string) => void,
): Promise<Row[]> {
  if (spawnSync('h2load', ['--version']).error) {
    return [plain('HTTP/2: h2load is not here; on Debian: apt-get install nghttp2-client', Number.NaN, '×')]
  }
  const unary = await measured(unaryEngines, rounds, REQUESTS, AT_ONCE, false)
  progress('  answers are measured; events are next')
  const events = await measured(streamEngines, rounds, STREAMS, STREAMS, true)
  return [
    ...rowsOf('unary over TLS', 'requests/CPU-s', unary, REQUESTS),
    ...rowsOf('streams over TLS', 'events/CPU-s', events, STREAMS * EVENTS_PER_STREAM),
  ]
}

type Seconds = Readonly<Record<Protocol, number[]>>

function rowsOf(what: string, unit: string, seconds: Seconds, count: number): Row[] {
  const [one, two] = PROTOCOLS.map((protocol) => median(seconds[protocol]))
  const ratios = seconds['HTTP/1.1'].map((value, round) => value / seconds['HTTP/2'][round]!)
  return [
    plain(`${what}: HTTP/1.1`, Math.round(count / one!), unit),
    plain(`${what}: HTTP/2`, Math.round(count / two!), unit),
    plain(`${what}: HTTP/2 ÷ HTTP/1.1`, median(ratios), '×'),
  ]
}

/** @returns seconds of the processor, of each round. */
async function measured(
  engines: readonly number[],
  rounds: number,
  requests: number,
  atOnce: number,
  isStream: boolean,
): Promise<Seconds> {
  const berth = await startBerth(engines, { isEncrypted: true })
  const seconds: Seconds = { 'HTTP/1.1': [], 'HTTP/2': [] }
  try {
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const protocol of PROTOCOLS) {
        const before = usedBy(berth).cpuSeconds
        load(berth.port, protocol, requests, atOnce, isStream)
        if (round > 0) seconds[protocol].push(usedBy(berth).cpuSeconds - before)
      }
    }
  } finally {
    await berth.stop()
  }
  return seconds
}

/** @throws if any answer was not 200, or the answers together were shorter than they should be. */
function load(port: number, protocol: Protocol, requests: number, atOnce: number, isStream: boolean): void {
  const body = path.join(folder, `http2-${isStream}.json`)
  writeFileSync(body, promptOf(300, isStream))
  const connections = protocol === 'HTTP/2' ? Math.ceil(atOnce / STREAMS_OF_A_CONNECTION) : atOnce
  const { stdout } = spawnSync('taskset', [
    ...['-c', String(LOAD_CORE), 'h2load', '-t', '1', '-n', String(requests), '-c', String(connections)],
    ...(protocol === 'HTTP/2' ? ['-m', String(STREAMS_OF_A_CONNECTION)] : ['--h1']),
    ...['-d', body, '-H', 'content-type: application/json', '-H', `authorization: Bearer ${TOKEN}`],
    ...['-H', `${INTERVAL_HEADER}: ${INTERVAL_MS}`, `https://127.0.0.1:${port}${PROXY_PATH}`],
  ])
  const said = String(stdout)
  const right = Number(/status codes: (\d+) 2xx/.exec(said)?.[1])
  const bytes = Number(/\((\d+)\) data/.exec(said)?.[1])
  const least = requests * (isStream ? 100 * EVENTS_PER_STREAM : ANSWER.trimEnd().length)
  if (right !== requests || !(bytes >= least) || !said.includes(' 0 failed, 0 errored, 0 timeout')) {
    throw new Error(`the answers over ${protocol} were not as they should be:\n${said}`)
  }
}
