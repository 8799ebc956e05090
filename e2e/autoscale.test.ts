/** Load on real processes: the count follows it up and down, and `berth why` says why. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { WhatIfAnswer } from '@berth/simulator/what-if'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Berth, endpointOf } from './berth-process.ts'
import { until } from './until.ts'

const CROWD = 200
const REQUEST_MS = 400
const UNTIL_RAISED_MS = 3_000
const UNTIL_SHARED_MS = 20_000

let berth: Berth
beforeAll(async () => {
  berth = await Berth.start()
})
afterAll(async () => {
  await berth?.stop()
})

const place = (name: string) => ({ params: { namespace: berth.namespace, name } })
const why = async (name: string) => {
  const { stdout } = await berth.cli('why', name, '--json', '--url', berth.url, '--token', berth.token)
  return JSON.parse(stdout) as Awaited<ReturnType<typeof berth.client.listDecisions>>
}

async function waiting(name: string): Promise<number> {
  const headers = { authorization: `Bearer ${berth.token}` }
  const page = await (await fetch(`${berth.url}/metrics`, { headers })).text()
  const sample = `berth_gateway_requests_waiting{endpoint="${berth.namespace}/${name}"}`
  const line = page.split('\n').find((one) => one.startsWith(sample))
  return Number(line?.slice(sample.length) ?? 0)
}

/** So many clients, each of which asks again as soon as it is answered. @returns who answered, in the end. */
function clients(name: string, count: number) {
  let isOver = false
  const answered = new Map<string, number>()
  const running = Array.from({ length: count }, async () => {
    while (!isOver) {
      const response = await berth.chat(name, 'hello')
      expect(response.status).toBe(200)
      await response.text()
      const replica = response.headers.get('x-berth-replica')!
      answered.set(replica, (answered.get(replica) ?? 0) + 1)
    }
  })
  return {
    answered,
    /** @returns how many were answered. */
    stop: async () => {
      isOver = true
      await Promise.all(running)
      return [...answered.values()].reduce((sum, count) => sum + count, 0)
    },
  }
}

test('load raises the count within 3 s, the replicas share it, idleness ends in zero, and a request wakes it', async () => {
  await berth.deploy(
    endpointOf(
      'elastic',
      { echo: { firstTokenMs: REQUEST_MS, parallel: 2 } },
      { scaling: { minReplica: 0, maxReplica: 3, scaleToZeroTimeout: 0.1 } },
    ),
  )
  const load = clients('elastic', 8)
  await until(
    'more replicas to be asked for',
    async () => (await berth.endpoint('elastic')).status.targetReplica === 3,
    UNTIL_RAISED_MS,
  )
  await until(
    'three replicas to share the load',
    () => [...load.answered.values()].filter((count) => count >= 3).length === 3,
    UNTIL_SHARED_MS,
  )
  const busy = await why('elastic')
  expect(busy.items[0]).toMatchObject({ kind: 'change', from: 1, to: 3 })
  expect(busy.items[0]!.sentence).toMatch(
    /^3 replicas: .*requests are pending per replica, above 1\.5|^3 replicas: the maximum/,
  )
  const answered = await load.stop()
  const whileBusy = new Date().toISOString()

  await berth.reach('elastic', 'scaledToZero')
  await until('every engine to be gone', async () => (await berth.processes('engine')).length === 0)
  expect((await why('elastic')).items[0]).toMatchObject({ to: 0, term: 'idle' })

  const woken = await berth.chat('elastic', 'good morning')
  expect(woken.status).toBe(200)
  await woken.text()
  const [wake] = (await why('elastic')).items
  expect(wake).toMatchObject({ from: 0, to: 1, term: 'wake', sentence: '1 replica: a request arrived.' })

  const { stdout: then } = await berth.cli('why', 'elastic', '--at', whileBusy)
  expect(then.split('\n')[0]).toBe(busy.items[0]!.sentence)
  const { stdout: history } = await berth.cli('why', 'elastic')
  const told = [
    / 1 → 3 {2}3 replicas: /,
    / 3 → \d {2}/,
    / → 0 {2}0 replicas: no request for 6/,
    / 0 → 1 {2}1 replica: a request arrived\./,
  ]
  const places = told.map((line) => history.search(line))
  expect(places).not.toContain(-1)
  expect(places).toEqual(places.toSorted((a, b) => a - b))

  await whatIfIsTrue(answered + 1)
})

/** The replay knows each of these requests and how long replicas took to start, and what three that never sleep cost. */
async function whatIfIsTrue(requests: number): Promise<void> {
  const from = new Date(Date.now() - 3_600_000).toISOString()
  const { startMs } = await berth.client.readWhatIf({ ...place('elastic'), query: { from } })
  const asked = ['--last', '1h', '--policy', 'pending=8', '--min', '3', '--max', '3']
  const { stdout } = await berth.cli('what-if', 'elastic', ...asked, '--json')
  const { rows, profile } = JSON.parse(stdout) as Pick<WhatIfAnswer, 'rows' | 'profile'>
  expect(rows.map(({ role }) => role)).toEqual(['present', 'asked', 'suggested'])
  const [present, always] = rows.map(({ outcome }) => outcome)
  expect([present!.requests, always!.requests]).toEqual([requests, requests])
  expect(startMs.length).toBeGreaterThanOrEqual(3)
  expect(profile.startMs).toBeGreaterThanOrEqual(Math.min(...startMs))
  expect(profile.startMs).toBeLessThanOrEqual(Math.max(...startMs))
  expect(always).toMatchObject({ changes: 0, metNone: 0 })
  // Whether it falls asleep again before the last request is a matter of moments: that it wakes for the first is not.
  expect(present!.changes).toBeGreaterThanOrEqual(1)
  expect(present!.metNone).toBeGreaterThanOrEqual(1)
  expect(always!.replicaHours).toBeGreaterThan(present!.replicaHours)
  const { stdout: words } = await berth.cli('what-if', 'elastic', ...asked)
  expect(words).toContain(` ${requests} from `)
  expect(words).toMatch(/^present +pending requests 1\.5 +0–3 /m)
  expect(words).toMatch(/^asked +pending requests 8 +3–3 /m)
}

async function asleep(name: string): Promise<void> {
  await berth.client.scaleEndpointToZero(place(name))
  await berth.reach(name, 'scaledToZero')
  await until('its engine to be gone', async () => {
    return (await berth.client.listReplicas(place(name))).items.length === 0
  })
}

/** Sent on connections that stand already: in one moment, however busy this machine is. */
async function atOnce(name: string, count: number): Promise<{ status: number; text: string }[]> {
  const { hostname, port } = new URL(berth.url)
  const sockets = Array.from({ length: count }, () => connect(Number(port), hostname))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  return await Promise.all(
    sockets.map(async (socket, number) => {
      const messages = [{ role: 'user', content: `client ${number}` }]
      const body = JSON.stringify({ model: 'dummy', messages })
      const head = [
        `POST /e/${berth.namespace}/${name}/v1/chat/completions HTTP/1.1`,
        `host: ${hostname}`,
        `authorization: Bearer ${berth.token}`,
        'content-type: application/json',
        `content-length: ${Buffer.byteLength(body)}`,
        'connection: close',
      ]
      socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
      const answer = await text(socket)
      return { status: Number(answer.split(' ')[1]), text: answer }
    }),
  )
}

test('200 requests at once before a sleeping endpoint start as many replicas as they need, and none is lost', async () => {
  await berth.deploy(
    endpointOf(
      'crowd',
      { echo: { startMs: 2_000 } },
      {
        scaling: { minReplica: 0, maxReplica: 8, scaleToZeroTimeout: null, measure: { pendingRequests: 50 } },
      },
    ),
  )
  await asleep('crowd')
  const answers = await atOnce('crowd', CROWD)
  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  for (const [number, answer] of answers.entries()) expect(answer.text).toContain(`client ${number}`)
  const raised = (await why('crowd')).items.filter(({ kind, from, to }) => kind === 'change' && to > from)
  expect(raised).toContainEqual(expect.objectContaining({ term: 'wake', from: 0 }))
  expect(Math.max(...raised.map(({ to }) => to))).toBe(CROWD / 50)
})

test('who waits longest before a sleeping endpoint is answered first', async () => {
  await berth.deploy(
    endpointOf(
      'queue',
      { echo: { startMs: 8_000, firstTokenMs: 10, parallel: 1 } },
      { scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: null } },
    ),
  )
  await asleep('queue')
  const order: number[] = []
  const running: Promise<unknown>[] = []
  for (const group of [1, 2, 3, 4]) {
    for (let i = 0; i < CROWD / 4; i++) {
      running.push(
        berth.chat('queue', 'hello').then((response) => {
          order.push(group)
          return response.text()
        }),
      )
    }
    // Connections of one moment come in any order; who waits already was before them.
    await until('all of them to wait', async () => (await waiting('queue')) === running.length)
  }
  await Promise.all(running)
  expect(order).toEqual(order.toSorted())
})

test('how long a start takes is learned, and told to whoever does not want to wait', async () => {
  await berth.deploy(
    endpointOf('slow', { echo: { startMs: 1_500 } }, { scaling: { minReplica: 0, maxReplica: 1 } }),
  )
  await berth.client.scaleEndpointToZero(place('slow'))
  await berth.reach('slow', 'scaledToZero')
  const refused = await berth.chat('slow', 'hello?', {}, { headers: { 'x-scale-up-timeout': '0' } })
  expect(refused.status).toBe(503)
  const { etaMs } = (await refused.json()) as { etaMs: number }
  expect(etaMs).toBeGreaterThan(1_000)
  expect(etaMs).toBeLessThan(20_000)
  await berth.reach('slow', 'running')
})
