/** Two workers of one gateway: what each does, the other reckons with. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { EndpointId } from '../../domain/replica.ts'
import { type Engine, type Handler, type Rig, rigsOf, soon } from '../conformance-rig.ts'
import { openGateway } from '../gateway.ts'

const { runningRig } = rigsOf(openGateway)

async function twoWorkers(): Promise<readonly [Rig, Rig]> {
  const companyDirectory = await mkdtemp(path.join(tmpdir(), 'company-'))
  onTestFinished(() => rm(companyDirectory, { recursive: true, force: true }))
  const worker = (gatewayId: string) => runningRig({}, undefined, { gatewayId, companyDirectory })
  const pair = [await worker('gw-a'), await worker('gw-b')] as const
  for (const rig of pair) rig.grant('mine', ['acme'])
  for (const rig of pair) await soon(async () => expect(await metric(rig, 'berth_gateway_workers')).toBe(2))
  return pair
}

async function metric(rig: Rig, sample: string): Promise<number> {
  const { text } = await rig.call('/metrics', { token: 'mine' })
  const line = text.split('\n').find((one) => one.startsWith(`${sample} `))
  return Number(line?.slice(sample.length + 1))
}

/** Answers when told to. */
function slow(): { readonly handler: Handler; readonly finish: () => void; readonly count: () => number } {
  const waiting: (() => void)[] = []
  return {
    handler: (_request, response) => void waiting.push(() => response.end('{}')),
    finish: () => {
      for (const answer of waiting.splice(0)) answer()
    },
    count: () => waiting.length,
  }
}

/** A worker hears a few milliseconds later that another has given a place back. */
async function letIn(rig: Rig): ReturnType<Rig['call']> {
  for (;;) {
    const answer = await rig.call('/e/acme/chat/')
    if (answer.status !== 429) return answer
  }
}

const putBoth = (pair: readonly Rig[], changes: Parameters<Rig['put']>[1]) =>
  pair.map((rig) => rig.put('chat', changes))

test('what may be done at a time may be done at a time by all workers together', async () => {
  const [a, b] = await twoWorkers()
  const { handler, finish, count } = slow()
  const { replica } = await a.engine('r1', handler)
  putBoth([a, b], { replicas: [replica], limits: { concurrentRequests: 1 } })

  const running = a.call('/e/acme/chat/')
  await soon(() => expect(count()).toBe(1))
  await soon(async () => expect((await b.call('/e/acme/chat/')).status).toBe(429))
  finish()
  expect((await running).status).toBe(200)
  const next = letIn(b)
  await soon(() => expect(count()).toBe(1))
  finish()
  expect((await next).status).toBe(200)
})

test('of a flood that reaches all workers at once no more get in than may', async () => {
  const [a, b] = await twoWorkers()
  const { handler, finish, count } = slow()
  const { replica } = await a.engine('r1', handler)
  putBoth([a, b], { replicas: [replica], limits: { concurrentRequests: 5 } })
  for (let round = 1; round <= 4; round++) {
    let refused = 0
    const answers = Array.from({ length: 40 }, async (_, number) => {
      const { status } = await (number % 2 ? a : b).call('/e/acme/chat/')
      if (status === 429) refused++
      return status
    })
    await soon(() => expect(refused).toBe(35))
    await soon(() => expect(count()).toBe(5))
    finish()
    expect((await Promise.all(answers)).filter((status) => status === 200)).toHaveLength(5)
    await soon(() => expect(a.demandOf('id-chat' as EndpointId)).toMatchObject({ inFlight: 0 }))
  }
})

test('a client that asks again as soon as it has its answer is not refused for it', async () => {
  const [a, b] = await twoWorkers()
  const { replica } = await a.engine('r1')
  putBoth([a, b], { replicas: [replica], limits: { concurrentRequests: 1 } })
  for (const rig of [a, b]) {
    for (let i = 0; i < 20; i++) expect((await rig.call('/e/acme/chat/')).status).toBe(200)
    await soon(async () => expect((await b.call('/e/acme/chat/')).status).toBe(200))
  }
})

test('a place is given back where another limit refuses the request', async () => {
  const [a, b] = await twoWorkers()
  const { replica } = await a.engine('r1')
  putBoth([a, b], { replicas: [replica], limits: { concurrentRequests: 2 } })
  for (const rig of [a, b]) rig.grant('narrow', ['acme'], { requestsPerMinute: 1 })
  for (const rig of [a, b]) {
    for (let i = 0; i < 5; i++) await rig.call('/e/acme/chat/', { token: 'narrow' })
    await soon(async () => expect((await rig.call('/e/acme/chat/')).status).toBe(200))
  }
})

test('a rate is used up by all workers together', async () => {
  const [a, b] = await twoWorkers()
  const { replica } = await a.engine('r1')
  putBoth([a, b], { replicas: [replica], limits: { requestsPerMinute: 3 } })
  for (const rig of [a, b, a]) expect((await rig.call('/e/acme/chat/')).status).toBe(200)
  await soon(async () => expect((await b.call('/e/acme/chat/')).status).toBe(429))
})

test('a replica that another worker keeps busy gets less', async () => {
  const [a, b] = await twoWorkers()
  const { handler, finish, count } = slow()
  const busy: Engine = await a.engine('busy', handler)
  putBoth([a, b], { replicas: [busy.replica] })
  const running = [a.call('/e/acme/chat/'), a.call('/e/acme/chat/')]
  await soon(() => expect(count()).toBe(2))
  const idle = await a.engine('idle')
  putBoth([a, b], { replicas: [busy.replica, idle.replica] })
  await soon(async () => {
    const answers = await Promise.all([b.call('/e/acme/chat/'), b.call('/e/acme/chat/')])
    expect(answers.map(({ headers }) => headers['x-berth-replica'])).toEqual(['idle', 'idle'])
  })
  finish()
  await Promise.all(running)
})

test('a worker that is gone has nothing on replicas and nothing inside limits any more', async () => {
  const [a, b] = await twoWorkers()
  const { handler, count } = slow()
  const { replica } = await b.engine('r1', handler)
  putBoth([a, b], { replicas: [replica], limits: { concurrentRequests: 1 } })
  a.call('/e/acme/chat/').catch(() => {})
  await soon(() => expect(count()).toBe(1))
  await soon(async () => expect((await b.call('/e/acme/chat/')).status).toBe(429))
  await a.gateway.close(0)
  const next = b.call('/e/acme/chat/', { signal: AbortSignal.timeout(5_000) }).catch(() => {})
  await soon(() => expect(count()).toBe(2))
  await b.gateway.close(0)
  await next
})

test('the metrics of any worker are those of all, and what one counted outlives it', async () => {
  const [a, b] = await twoWorkers()
  const { replica } = await a.engine('r1')
  putBoth([a, b], { replicas: [replica] })
  for (const rig of [a, b, b]) expect((await rig.call('/e/acme/chat/')).status).toBe(200)
  const answered = 'berth_gateway_requests_total{endpoint="acme/chat",status="2xx"}'
  await soon(async () => expect(await metric(a, answered)).toBe(3))
  expect(await metric(b, answered)).toBe(3)
  await b.gateway.close(0)
  await soon(async () => {
    expect(await metric(a, 'berth_gateway_workers')).toBe(1)
    expect(await metric(a, answered)).toBe(3)
  })
})
