/**
 * The gateway beside nginx, two gateways from npm and one from PyPI, each alone on core 0, with engines and load on core 1.
 *
 *     npm run bench:gateway                         the whole table, about 10 minutes
 *     npm run bench:gateway -- --only unary,stream  parts of it: unary, rate, stream, long, open, turns, http2, routing
 *     npm run bench:gateway -- --traces DIRECTORY   and how routing does on recorded traffic, in the simulator
 *     npm run bench:gateway -- --rounds 5 --seconds 4   steadier, about 15 minutes
 *
 * The rounds of all proxies take turns, and what is compared is the ratio within a round, of which the table has the
 * median: a machine with other work changes everybody's figures, and ratios least. `direct` is the load without a
 * proxy, which is the most that the harness can do. Every round looks at status and body.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { http2 } from './gateway-http2.ts'
import {
  folder,
  freePorts,
  installLiteLlm,
  installPeers,
  LOAD_CORE,
  listening,
  type RunningProxy,
  removeFolder,
  startBerth,
  startFastify,
  startLiteLlm,
  startNginx,
  startOn,
  startPortkey,
  usedBy,
} from './gateway-proxies.ts'
import { decision, traces } from './gateway-routing.ts'
import { ANSWER, ENGINE_PATH, PROXY_PATH, promptOf, TOKEN } from './gateway-traffic.ts'
import { turns } from './gateway-turns.ts'
import { atLeast, atMost, median, plain, type Row, report } from './report.ts'

const ENGINES = 4
const UNARY_CONNECTIONS = 64
const LONG_CONNECTIONS = 16
const LONG_BYTES = 400 * 1024
const RATE = 2_000
const STREAMS = 1_000
const STREAM_INTERVAL_MS = 50

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'unary,rate,stream,long,open,turns,http2,routing' },
    traces: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
})
const PORTKEY = '@portkey-ai/gateway'
/** With so many connections its first answer takes seconds. */
const SLOW = 'LiteLLM'
const SLOW_TIMES = 6
const parts = new Set(values.only.split(','))
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)

if (!existsSync('/usr/bin/wrk')) {
  console.error('The load comes from wrk, which is not here. On Debian: apt-get install wrk')
  process.exit(2)
}

type Target = {
  readonly name: string
  readonly port: number
  readonly path: string
  readonly proxy?: RunningProxy
}

const direct = (engines: readonly number[]): Target => ({
  name: 'direct',
  port: engines[0]!,
  path: ENGINE_PATH,
})
const through = (proxy: RunningProxy): Target => ({
  name: proxy.name,
  port: proxy.port,
  path: PROXY_PATH,
  proxy,
})

/** The engine that one of the peers is told of in each request. */
let portkeyEngine = 0

const beganAt = performance.now()
const rows: Row[] = []
try {
  await part('unary', unary)
  const engines = await startEngines()
  await part('rate', () => rate(engines))
  await part('stream', () => streams(engines))
  await part('long', long)
  await part('open', () => openStreams(engines))
  await part('http2', async () => http2(await startFastEngine(), engines, rounds, progress))
  await part('turns', () => turns(rounds, progress))
  await part('routing', async () => decision())
  if (values.traces !== undefined) rows.push(...traces(values.traces))
  report(
    `The gateway on one core, with a token, limits, usage and metrics (${rounds} rounds of ${seconds} s)`,
    rows,
  )
} finally {
  removeFolder()
}
process.exit(0)

/** Its rows are also told at once, for who waits for the table. */
async function part(name: string, measure: () => Promise<Row[]>): Promise<void> {
  if (!parts.has(name)) return
  progress(`${name}: begins`)
  const measured = await measure()
  rows.push(...measured)
  for (const row of measured) progress(`${name}: ${row.measure}: ${row.value} ${row.unit}`)
}

/** Apart from the table, which others may read. */
function progress(line: string): void {
  const seconds = Math.round((performance.now() - beganAt) / 1_000)
  process.stderr.write(`${String(seconds).padStart(4)} s  ${line}\n`)
}

/** Answers of 600 bytes to requests of 300, as fast as can be; the engine is nginx, because the others are slower than what is measured. */
async function unary(): Promise<Row[]> {
  const engines = await startFastEngine()
  installPeers()
  const withoutLiteLlm = installLiteLlm()
  const nginx = await startNginx(engines)
  const berth = await startBerth(engines)
  const fastify = await startFastify(engines)
  const portkey = await startPortkey()
  const peers = [nginx, berth, fastify, portkey]
  if (withoutLiteLlm === undefined) peers.push(await startLiteLlm(engines))
  const targets = [direct(engines), ...peers.map(through)]
  const results = await inTurns(targets, (target) => wrk(target, UNARY_CONNECTIONS, 300))
  for (const { stop } of peers) await stop()
  return [
    ...targets.map(({ name }) =>
      plain(
        `unary, ${UNARY_CONNECTIONS} connections: ${name}`,
        median(of(results, name, 'perSecond')),
        'requests/s',
      ),
    ),
    ...targets
      .slice(1)
      .map(({ name }) =>
        plain(`unary: ${name}`, median(of(results, name, 'perCpuSecond')), 'requests/CPU-s'),
      ),
    atLeast('unary per core: Berth ÷ nginx', ratio(results, 'Berth', 'nginx'), '×', 0.7),
    atLeast(
      'unary per core: Berth ÷ @fastify/http-proxy',
      ratio(results, 'Berth', '@fastify/http-proxy'),
      '×',
      3,
    ),
    atLeast('unary per core: Berth ÷ @portkey-ai/gateway', ratio(results, 'Berth', PORTKEY), '×', 30),
    withoutLiteLlm === undefined
      ? plain('unary per core: Berth ÷ LiteLLM', ratio(results, 'Berth', SLOW), '×')
      : plain(`unary per core: Berth ÷ LiteLLM, which is not here: ${withoutLiteLlm}`, Number.NaN, '×'),
  ]
}

/** What a proxy adds to each request at a rate far from its limit. */
async function rate(engines: readonly number[]): Promise<Row[]> {
  const nginx = await startNginx(engines)
  const berth = await startBerth(engines)
  const targets = [direct(engines), through(nginx), through(berth)]
  const results = await inTurns(targets, ({ port, path }) => load('rate', port, path, RATE, 3 * seconds))
  for (const { stop } of [nginx, berth]) await stop()
  const added = (name: string, q: 'p50' | 'p99') =>
    results.get(name)!.map((result, round) => result[q]! - results.get('direct')![round]![q]!)
  const ratios = (q: 'p50' | 'p99') =>
    median(added('Berth', q).map((us, i) => over(us, added('nginx', q)[i]!)))
  return [
    plain(`${RATE} requests/s: direct p50`, median(results.get('direct')!.map(({ p50 }) => p50!)), 'µs'),
    plain(`${RATE} requests/s: added p50, nginx`, median(added('nginx', 'p50')), 'µs'),
    plain(`${RATE} requests/s: added p50, Berth`, median(added('Berth', 'p50')), 'µs'),
    plain(`${RATE} requests/s: added p99, nginx`, median(added('nginx', 'p99')), 'µs'),
    plain(`${RATE} requests/s: added p99, Berth`, median(added('Berth', 'p99')), 'µs'),
    atMost(`${RATE} requests/s: added p50, Berth ÷ nginx`, ratios('p50'), '×', 1.25),
    atMost(`${RATE} requests/s: added p99, Berth ÷ nginx`, ratios('p99'), '×', 2.5),
  ]
}

/** What nginx adds may be less than can be told, even below nothing: whoever adds something adds more then. */
function over(own: number, nginx: number): number {
  if (nginx > 0) return own / nginx
  return own > 0 ? Number.POSITIVE_INFINITY : 1
}

async function streams(engines: readonly number[]): Promise<Row[]> {
  const nginx = await startNginx(engines)
  const berth = await startBerth(engines)
  const targets = [direct(engines), through(nginx), through(berth)]
  const results = await inTurns(targets, async ({ port, path, proxy }) => {
    const before = proxy ? usedBy(proxy).cpuSeconds : 0
    const result = await load('streams', port, path, STREAMS, STREAM_INTERVAL_MS)
    const cpuSeconds = proxy ? usedBy(proxy).cpuSeconds - before : Number.NaN
    return { p50: result['p50']!, perCpuSecond: result['events']! / cpuSeconds }
  })
  for (const { stop } of [nginx, berth]) await stop()
  const of = (name: string, key: 'p50' | 'perCpuSecond') => results.get(name)!.map((result) => result[key]!)
  const added = (name: string) => of(name, 'p50').map((us, i) => us - of('direct', 'p50')[i]!)
  return [
    plain(
      `${STREAMS} streams × ${STREAM_INTERVAL_MS} ms: nginx`,
      Math.round(median(of('nginx', 'perCpuSecond'))),
      'events/CPU-s',
    ),
    plain(
      `${STREAMS} streams × ${STREAM_INTERVAL_MS} ms: Berth`,
      Math.round(median(of('Berth', 'perCpuSecond'))),
      'events/CPU-s',
    ),
    atLeast(
      'streams: events per CPU-second, Berth ÷ nginx',
      median(of('Berth', 'perCpuSecond').map((value, i) => value / of('nginx', 'perCpuSecond')[i]!)),
      '×',
      0.9,
    ),
    plain('streams: delay of an event, direct p50', median(of('direct', 'p50')), 'µs'),
    plain('streams: added p50, nginx', median(added('nginx')), 'µs'),
    plain('streams: added p50, Berth', median(added('Berth')), 'µs'),
    atMost(
      'streams: added p50, Berth ÷ nginx',
      median(added('Berth').map((us, i) => over(us, added('nginx')[i]!))),
      '×',
      1.25,
    ),
  ]
}

async function long(): Promise<Row[]> {
  const engines = await startFastEngine()
  const nginx = await startNginx(engines)
  const berth = await startBerth(engines)
  const targets = [direct(engines), through(nginx), through(berth)]
  const results = await inTurns(targets, (target) => wrk(target, LONG_CONNECTIONS, LONG_BYTES))
  for (const { stop } of [nginx, berth]) await stop()
  const megabytes = (perSecond: number) => Math.round((perSecond * LONG_BYTES) / 1e6)
  return [
    ...targets.map(({ name }) =>
      plain(`prompts of 400 KB: ${name}`, megabytes(median(of(results, name, 'perSecond'))), 'MB/s'),
    ),
    ...targets
      .slice(1)
      .map(({ name }) =>
        plain(`prompts of 400 KB: ${name}`, megabytes(median(of(results, name, 'perCpuSecond'))), 'MB/CPU-s'),
      ),
    atLeast('prompts of 400 KB per core: Berth ÷ nginx', ratio(results, 'Berth', 'nginx'), '×', 1.5),
  ]
}

/** Memory while a thousand streams are open. */
async function openStreams(engines: readonly number[]): Promise<Row[]> {
  const berth = await startBerth(engines)
  const looks: number[] = []
  const timer = setInterval(() => looks.push(usedBy(berth).residentBytes), 200)
  await load('streams', berth.port, PROXY_PATH, STREAMS, STREAM_INTERVAL_MS)
  clearInterval(timer)
  await berth.stop()
  return [atMost(`resident memory with ${STREAMS} open streams`, Math.max(...looks) / 1e6, 'MB', 110)]
}

async function inTurns<Result>(
  targets: readonly Target[],
  measure: (target: Target) => Promise<Result>,
): Promise<Map<string, Result[]>> {
  const results = new Map<string, Result[]>(targets.map(({ name }) => [name, []]))
  for (const target of targets) await look(target)
  for (let round = 0; round <= rounds; round++) {
    progress(round === 0 ? '  warms up' : `  round ${round} of ${rounds}`)
    for (const target of targets) {
      // The first warms up, and what is cold may answer nothing in its time.
      if (round === 0) await measure(target).catch(() => {})
      else results.get(target.name)!.push(await measure(target))
    }
  }
  for (const target of targets) await look(target)
  return results
}

type Throughput = { readonly perSecond: number; readonly perCpuSecond: number }

function of(results: Map<string, Throughput[]>, name: string, key: keyof Throughput): number[] {
  return results.get(name)!.map((result) => Math.round(result[key]))
}

/** By the time of the processor, of which a busy machine gives nobody a whole core. */
function ratio(results: Map<string, Throughput[]>, name: string, other: string): number {
  const others = results.get(other)!
  return median(
    results.get(name)!.map(({ perCpuSecond }, round) => perCpuSecond / others[round]!.perCpuSecond),
  )
}

/** One of them is told in headers what others have in a configuration. */
function headersFor({ name }: Target): Record<string, string> {
  return {
    'content-type': 'application/json',
    authorization: `Bearer ${TOKEN}`,
    ...(name === PORTKEY
      ? { 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `http://127.0.0.1:${portkeyEngine}/v1` }
      : {}),
  }
}

/** Of others a model is chosen in another way than by its path. */
function pathFor({ name, path }: Target): string {
  return name === PORTKEY || name === SLOW ? ENGINE_PATH : path
}

/** One request, looked at closely. */
function look(target: Target): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = { port: target.port, path: pathFor(target), method: 'POST', headers: headersFor(target) }
    const request = http.request({ ...options, host: '127.0.0.1', agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => {
        // Some of them write the JSON anew.
        const isAsExpected = target.name === SLOW ? saysTheSame : isSame
        const isRight = response.statusCode === 200 && isAsExpected(text, ANSWER)
        if (isRight) resolve()
        else reject(new Error(`${target.name} answered ${response.statusCode}: ${text.slice(0, 300)}`))
      })
    })
    request.on('error', reject)
    request.end(promptOf(300, false))
  })
}

function isSame(text: string, expected: string): boolean {
  if (text === expected) return true
  try {
    const { provider: _, ...answer } = JSON.parse(text)
    return JSON.stringify(answer) === JSON.stringify(JSON.parse(expected))
  } catch {
    return false
  }
}

/** Of a peer that adds members of its own, in other places. */
function saysTheSame(text: string, expected: string): boolean {
  try {
    const { choices, usage } = JSON.parse(text)
    const right = JSON.parse(expected)
    return (
      choices[0].message.content === right.choices[0].message.content &&
      usage.total_tokens === right.usage.total_tokens
    )
  } catch {
    return false
  }
}

/** @throws if any answer was not 200, or the answers had not the length of answers. */
async function wrk(target: Target, connections: number, bytes: number): Promise<Throughput> {
  const script = path.join(folder, `${target.name.replaceAll(/\W/g, '-')}-${bytes}.lua`)
  const headers = Object.entries(headersFor(target)).map(
    ([name, value]) => `wrk.headers["${name}"] = "${value}"`,
  )
  const body = path.join(folder, `prompt-${bytes}.json`)
  writeFileSync(body, promptOf(bytes, false))
  writeFileSync(
    script,
    `wrk.method = "POST"\nlocal f = io.open("${body}", "r")\nwrk.body = f:read("*all")\nf:close()\n${headers.join('\n')}\n`,
  )
  const url = `http://127.0.0.1:${target.port}${pathFor(target)}`
  const args = [
    '--timeout',
    '30s',
    '-t',
    '1',
    '-c',
    String(connections),
    '-d',
    `${target.name === SLOW ? SLOW_TIMES * seconds : seconds}s`,
    '-s',
    script,
    url,
  ]
  const cpuSeconds = () => (target.proxy ? usedBy(target.proxy).cpuSeconds : Number.NaN)
  const before = cpuSeconds()
  const said = await run('wrk', args)
  const used = cpuSeconds() - before
  const requests = Number(/(\d+) requests in/.exec(said)?.[1])
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(said)?.[1])
  const read = bytesIn(/requests in [\d.]+s, ([\d.]+)(\w+) read/.exec(said))
  const isWhole = read / requests > ANSWER.trimEnd().length
  if (!(requests > 0) || !isWhole || /Non-2xx|Socket errors/.test(said)) {
    throw new Error(`${target.name} did not answer as it should:\n${said}`)
  }
  return { perSecond, perCpuSecond: requests / used }
}

function bytesIn(match: RegExpExecArray | null): number {
  const unit = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 }[match?.[2] ?? '']
  return Number(match?.[1]) * (unit ?? Number.NaN)
}

async function load(...args: readonly (string | number)[]): Promise<Record<string, number>> {
  const said = await run(process.execPath, [
    path.join(import.meta.dirname, 'gateway-load.ts'),
    ...args.map(String),
  ])
  const result = JSON.parse(said)
  if (result.errors !== 0) throw new Error(`${result.errors} wrong answers: ${said}`)
  return result
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('taskset', ['-c', String(LOAD_CORE), command, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (chunk) => {
      said += chunk
    })
    child.on('exit', (code) =>
      code === 0 ? resolve(said) : reject(new Error(`${command} ended with ${code}`)),
    )
  })
}

async function startEngines(): Promise<number[]> {
  const ports = await freePorts(ENGINES)
  startOn(LOAD_CORE, process.execPath, [
    path.join(import.meta.dirname, 'gateway-engine.ts'),
    ...ports.map(String),
  ])
  for (const port of ports) await listening(port)
  return ports
}

async function startFastEngine(): Promise<number[]> {
  const ports = await freePorts(ENGINES)
  portkeyEngine = ports[0]!
  const home = path.join(folder, 'engine')
  execFileSync('mkdir', ['-p', home])
  const config = path.join(home, 'nginx.conf')
  writeFileSync(
    config,
    `daemon off; master_process off; worker_processes 1; pid ${home}/pid; error_log ${home}/error.log warn;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000000; client_body_temp_path ${home}/body; proxy_temp_path ${home}/p;
  fastcgi_temp_path ${home}/f; uwsgi_temp_path ${home}/u; scgi_temp_path ${home}/s;
  server {
    ${ports.map((port) => `listen 127.0.0.1:${port} backlog=4096;`).join(' ')}
    location / { default_type application/json; return 200 '${ANSWER}'; }
  }
}
`,
  )
  startOn(LOAD_CORE, 'nginx', ['-p', home, '-c', config])
  for (const port of ports) await listening(port)
  return ports
}
