/**
 * The gateway with two workers, against what happens to gateways: updates, replaced workers, killed processes, and
 * clients that mean ill. Real processes; nobody's request is lost, mixed up with another's, or kept count of for ever.
 *
 * BERTH_E2E_REQUESTS, BERTH_E2E_CONNECTIONS, BERTH_E2E_STREAMS and BERTH_E2E_CONTROL_AWAY_SECONDS make it longer.
 */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Berth, endpointOf } from './berth-process.ts'
import { startLoad } from './load.ts'
import { until } from './until.ts'

const REQUESTS = Number(process.env['BERTH_E2E_REQUESTS'] ?? 10_000)
/** As many as a process may open here, less what the test itself needs. */
const IDLE_CONNECTIONS = Number(process.env['BERTH_E2E_CONNECTIONS'] ?? Math.min(10_000, openFiles() - 1_000))
const STREAMS = Number(process.env['BERTH_E2E_STREAMS'] ?? 500)
const CONTROL_AWAY_MS = 1_000 * Number(process.env['BERTH_E2E_CONTROL_AWAY_SECONDS'] ?? 5)
const CONCURRENCY = 20
const WORKERS = 2

function openFiles(): number {
  const { userLimits } = process.report.getReport() as unknown as {
    readonly userLimits: Readonly<Record<string, { readonly soft: string }>>
  }
  return Number(userLimits['open_files']?.soft) || Number.POSITIVE_INFINITY
}

let berth: Berth
beforeAll(async () => {
  berth = await Berth.start({ BERTH_GATEWAY_WORKERS: String(WORKERS) })
  await workersAre((pids) => pids.length === WORKERS)
})
afterAll(async () => {
  await berth?.stop()
})

const place = (name: string) => ({ params: { namespace: berth.namespace, name } })
const pidsOf = async () => (await berth.client.systemStatus()).gateways.map(({ pid }) => pid)

const firstWorker = async (): Promise<number> =>
  JSON.parse(await readFile(path.join(berth.home, 'run', 'gateway.json'), 'utf8')).pid

/** Connected, as the control process sees them. */
async function workersAre(as: (pids: readonly number[]) => boolean): Promise<readonly number[]> {
  return await until('the workers to be as expected', async () => {
    const pids = await pidsOf()
    return as(pids) && pids
  })
}

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

async function metric(sample: string): Promise<number> {
  const response = await fetch(`${berth.url}/metrics`, {
    headers: { authorization: `Bearer ${berth.token}` },
  })
  const line = (await response.text()).split('\n').find((one) => one.startsWith(`${sample} `))
  return Number(line?.slice(sample.length + 1) ?? 0)
}

const nothingIsLeft = (name: string) =>
  until('nothing to be in flight', async () => {
    const labels = `{endpoint="${berth.namespace}/${name}"}`
    const [inFlight, waiting, bodies] = await Promise.all([
      metric(`berth_gateway_requests_in_flight${labels}`),
      metric(`berth_gateway_requests_waiting${labels}`),
      metric('berth_gateway_kept_body_bytes'),
    ])
    return inFlight + waiting + bodies === 0
  })

test('thousands of requests through an update, replaced workers and a killed control process: none is lost', async () => {
  await berth.deploy(endpointOf('steady', { echo: { tokenMs: 2 } }))
  const load = startLoad(CONCURRENCY, asking('steady'))
  await load.answered(REQUESTS / 10)

  const before = await pidsOf()
  process.kill(berth.controlPid, 'SIGUSR2')
  await load.answered((2 * REQUESTS) / 10)
  await workersAre((pids) => pids.length >= WORKERS && !pids.some((pid) => before.includes(pid)))

  await berth.client.updateEndpoint({
    ...place('steady'),
    body: { model: { image: { echo: { tokenMs: 1, startMs: 200 } } } },
  })
  await berth.reach('steady', 'running')
  await load.answered((5 * REQUESTS) / 10)

  await berth.kill('control')
  await load.answered((6 * REQUESTS) / 10)
  await berth.startControl()
  const again = await workersAre((pids) => pids.length >= WORKERS)
  process.kill(berth.controlPid, 'SIGUSR2')

  const { sent, failures } = await load.finish(REQUESTS)
  expect(failures).toEqual([])
  expect(sent).toBeGreaterThanOrEqual(REQUESTS)
  // Those whose places were taken may still wait for the end of idle connections.
  await workersAre((pids) => pids.filter((pid) => !again.includes(pid)).length >= WORKERS)
  await nothingIsLeft('steady')
}, 600_000)

test('a killed worker takes its own connections with it and no others', async () => {
  await berth.deploy(endpointOf('slow', { echo: { tokenMs: 100 } }))
  const before = await workersAre((all) => all.length >= WORKERS)
  // Of those that serve: one whose place was taken may still wait for the end of idle connections.
  const victim = await firstWorker()
  const words = Array(30).fill('word').join(' ')
  const streams = Array.from({ length: 32 }, () =>
    berth.chat('slow', words, { stream: true }).then(
      async (response) => (await response.text()).endsWith('data: [DONE]\n\n'),
      () => false,
    ),
  )
  await until('all streams to run', async () => {
    const labels = `{endpoint="${berth.namespace}/slow"}`
    return (await metric(`berth_gateway_requests_in_flight${labels}`)) === streams.length
  })
  process.kill(victim, 'SIGKILL')
  const whole = (await Promise.all(streams.map((stream) => stream.catch(() => false)))).filter(Boolean)
  expect(whole.length).toBeGreaterThan(0)
  expect(whole.length).toBeLessThan(streams.length)

  const answer = await until('another answer', () => berth.chat('slow', 'next').catch(() => undefined))
  expect(answer.status).toBe(200)
  await workersAre((now) => !now.includes(victim) && now.some((pid) => !before.includes(pid)))
  await nothingIsLeft('slow')
})

test('every engine dies under hundreds of streams: each ends, and the next request is answered', async () => {
  await berth.deploy(endpointOf('doomed', { echo: { tokenMs: 50 } }))
  const words = Array(200).fill('word').join(' ')
  const streams = Array.from({ length: STREAMS }, () => berth.chat('doomed', words, { stream: true }))
  const answers = await Promise.all(streams)
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  for (const { pid, command } of await berth.processes('engine')) {
    if (command.includes('/doomed')) process.kill(pid, 'SIGKILL')
  }
  const ends = await Promise.all(answers.map((response) => response.text().catch(() => 'broken off')))
  for (const text of ends) {
    const [last = ''] = text.trimEnd().split('\n\n').slice(-1)
    expect(JSON.parse(last.replace('data: ', ''))).toMatchObject({
      code: 'bad_gateway',
      error: { code: 'bad_gateway' },
    })
  }
  expect((await berth.chat('doomed', 'still there?')).status).toBe(200)
  await nothingIsLeft('doomed')
})

test('while the control process is away everything is answered, and what was used is stored when it is back', {
  timeout: CONTROL_AWAY_MS + 120_000,
}, async () => {
  await berth.deploy(endpointOf('alone', { echo: { tokenMs: 2 } }))
  await berth.kill('control')
  const load = startLoad(2, asking('alone'))
  const back = performance.now() + CONTROL_AWAY_MS
  await until('the time to be over', () => performance.now() > back, CONTROL_AWAY_MS + 10_000)
  const kept = await metric('berth_gateway_usage_records_spooled')
  const { sent, failures } = await load.finish(1)
  expect(failures).toEqual([])
  await berth.startControl()
  expect(kept).toBeGreaterThan(0)
  expect(await asking('alone')(sent + 1)).toBeUndefined()
  await until(
    'all of it to be stored',
    async () => (await metric('berth_gateway_usage_records_spooled')) === 0,
  )
  await nothingIsLeft('alone')
})

test('clients that send slowly, too much, nothing, or leave at any byte harm nobody else', async () => {
  await berth.deploy(endpointOf('calm', { echo: {} }))
  const { hostname, port } = new URL(berth.url)
  const open = () => net.connect(Number(port), hostname).on('error', () => {})
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'half' }] })
  const head = (more: string) =>
    `POST /e/${berth.namespace}/calm/v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${berth.token}\r\n${more}\r\n`
  const whole = head(`content-type: application/json\r\ncontent-length: ${body.length}\r\n`) + body

  const pid = await firstWorker()
  const idle = Array.from({ length: IDLE_CONNECTIONS }, open)
  await Promise.all(idle.map((socket) => once(socket, 'connect')))
  const slow = Array.from({ length: 100 }, (_, number) => {
    const socket = open()
    // Some stop in the head, some in the body.
    socket.write(whole.slice(0, number % 2 === 0 ? 40 : whole.length - 5))
    return socket
  })
  const tooMuch = open()
  tooMuch.write(head(`x-large: ${'x'.repeat(64 * 1024)}\r\n`))
  const [refusal] = (await once(tooMuch, 'data')) as [Buffer]
  expect(refusal.toString()).toMatch(/^HTTP\/1\.1 431 /)

  for (let bytes = 0; bytes < whole.length; bytes++) {
    const socket = open()
    await once(socket, 'connect')
    socket.write(whole.slice(0, bytes))
    if (bytes % 2 === 0) socket.end()
    else socket.resetAndDestroy()
  }

  const load = startLoad(CONCURRENCY, asking('calm'))
  const { failures } = await load.finish(300)
  expect(failures).toEqual([])
  for (const socket of [...idle, ...slow, tooMuch]) socket.destroy()
  await nothingIsLeft('calm')
  expect(await firstWorker()).toBe(pid)
})
