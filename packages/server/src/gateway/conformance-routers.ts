/** How a gateway works with an endpoint's own router, as tests; a part of `conformance.ts`. */
import http from 'node:http'
import { describe, expect, test } from 'vitest'
import type { ReplicaId } from '../domain/replica.ts'
import type { RoutedEndpoint, RoutedReplica, RoutedRouter, UpMessage } from '../link/messages.ts'
import {
  type Engine,
  echo,
  type Handler,
  type OpenGateway,
  type Rig,
  rigsOf,
  soon,
} from './conformance-rig.ts'

const ROUTER = 'chat-router-1' as ReplicaId
const KEY = 'router-key'
const URL_OF_CHAT = '/e/acme/chat/v1/chat/completions'
const HASH = 'a'.repeat(64)

type Doors = Extract<UpMessage, { kind: 'doors' }>

const doorsOf = (rig: Rig, id: ReplicaId = ROUTER) =>
  rig.said.filter((message): message is Doors => message.kind === 'doors' && message.routerId === id)

const says =
  (status: number, text: string): Handler =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ said: text }))
  }

/** A router that sends everything through the door of the replica that `choice` names. */
const through =
  (rig: Rig, choice: { readonly replica: string }): Handler =>
  (request, response, body) => {
    const door = doorsOf(rig)
      .at(-1)
      ?.doors.find(({ replicaId }) => replicaId === choice.replica)
    const { host, port } = door ?? { host: '127.0.0.1', port: 1 }
    const { connection: _, ...headers } = request.headers
    const onwards = http.request({
      host,
      port,
      path: request.url,
      method: request.method,
      headers,
      agent: false,
    })
    onwards.on('error', () => response.writeHead(502).end())
    onwards.on('response', (answer) => {
      const { connection: _, 'transfer-encoding': __, ...said } = answer.headers
      response.writeHead(answer.statusCode ?? 0, { ...said, 'x-via': 'router' })
      answer.pipe(response)
    })
    onwards.end(body)
  }

export function describeRouters(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  const routed = (
    router: Engine,
    replicas: readonly RoutedReplica[],
    state: RoutedRouter['state'] = 'ready',
  ) => ({
    id: ROUTER,
    host: '127.0.0.1',
    port: router.port,
    apiKey: KEY,
    doorHost: '127.0.0.1',
    backends: replicas.map(({ id }) => id),
    state,
  })

  /** Two replicas, and a router in front of them that knows its doors. */
  async function rigWith(handler?: Handler, changes: Partial<RoutedEndpoint> = {}, answer: Handler = echo) {
    const rig = await runningRig({ restMs: 20 })
    const choice = { replica: 'r2' }
    const router = await rig.engine(ROUTER, handler ?? through(rig, choice))
    const engines = [await rig.engine('r1', answer), await rig.engine('r2', answer)] as const
    const replicas = engines.map((engine) => engine.replica)
    const put = (more: Partial<RoutedEndpoint> = {}) =>
      rig.put('chat', { replicas, routers: [routed(router, replicas)], ...changes, ...more })
    const id = put()
    await soon(() => expect(doorsOf(rig).at(-1)?.doors).toHaveLength(2))
    return { rig, router, choice, engines, replicas, put, id }
  }
  const ask = (rig: Rig, body: object = { n: 1 }, url = URL_OF_CHAT) =>
    rig.call(url, { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })

  describe(`${name}: an endpoint's own router`, () => {
    test('chooses the replica; the keys of replicas stay with the gateway', async () => {
      const { rig, router, choice, engines } = await rigWith()
      for (const replica of ['r2', 'r1', 'r2']) {
        choice.replica = replica
        const answer = await ask(rig)
        expect([answer.status, answer.headers['x-via']]).toEqual([200, 'router'])
        expect(answer.headers['x-berth-replica']).toBe(replica)
      }
      expect(router.received[0]?.request.headers['authorization']).toBe(`Bearer ${KEY}`)
      expect(engines[1].received[0]?.request.headers['authorization']).toBe('Bearer key-r2')
      await soon(() => expect(rig.usage.map(({ replicaId }) => replicaId)).toEqual(['r2', 'r1', 'r2']))
      expect(rig.arrivalsOf(rig.put('chat'))).toBe(3)
    })

    test.for([
      [undefined, 'without a key'],
      ['Bearer somebody', 'with another key'],
    ] as const)('nobody else comes in by its doors: %s', async ([authorization]) => {
      const { rig, engines } = await rigWith()
      const { port } = doorsOf(rig).at(-1)!.doors[0]!
      const answer = await fetch(`http://127.0.0.1:${port}/v1/models`, {
        headers: authorization === undefined ? {} : { authorization },
      })
      expect(answer.status).toBe(401)
      expect(engines.flatMap(({ received }) => received)).toEqual([])
    })

    test.for<[what: string, handler: Handler]>([
      ['breaks off before it answers', (request) => void request.socket.destroy()],
      ['says 502 by itself', says(502, 'no backend')],
      ['says 500 by itself', says(500, 'a bug')],
    ])('where it %s a replica is asked by the gateway', async ([, handler]) => {
      const { rig, router } = await rigWith(handler)
      const answer = await ask(rig)
      expect(answer.status).toBe(200)
      expect(answer.headers['x-berth-replica']).toMatch(/^r[12]$/)
      expect(router.received).toHaveLength(1)
    })

    test('where nobody listens any more a replica is asked, and the control process is told once', async () => {
      const { rig, router } = await rigWith()
      await router.close()
      const answers = await Promise.all([ask(rig), ask(rig), ask(rig)])
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
      await soon(() =>
        expect(rig.said.filter(({ kind }) => kind === 'suspect')).toMatchObject([{ replicaId: ROUTER }]),
      )
    })

    test('a 503 is its own decision, and is passed on', async () => {
      const { rig, engines } = await rigWith(says(503, 'the queue is full'))
      const answer = await ask(rig)
      expect([answer.status, answer.json['said']]).toEqual([503, 'the queue is full'])
      expect(engines.flatMap(({ received }) => received)).toEqual([])
    })

    test('an error of a replica is passed on, and nobody is asked again', async () => {
      const { rig, engines } = await rigWith(undefined, {}, says(500, 'out of memory'))
      const answer = await ask(rig)
      expect([answer.status, answer.json['said']]).toEqual([500, 'out of memory'])
      expect(engines.flatMap(({ received }) => received)).toHaveLength(1)
    })

    test('what one has not begun to answer that was taken away is answered by a replica', async () => {
      const { rig, router, put } = await rigWith(() => {})
      const answer = ask(rig)
      await soon(() => expect(router.received).toHaveLength(1))
      put({ routers: [] })
      expect((await answer).status).toBe(200)
      await soon(() => expect(rig.said).toContainEqual({ kind: 'drained', replicaId: ROUTER }))
    })

    test('one that drains gets nothing new, finishes what it has, and then that is said', async () => {
      let finish = () => {}
      const { rig, router, replicas, put } = await rigWith((_request, response) => {
        finish = () => void response.end('{}')
      })
      const drained = () => rig.said.filter((message) => message.kind === 'drained')
      const first = ask(rig)
      await soon(() => expect(router.received).toHaveLength(1))
      put({ routers: [routed(router, replicas, 'draining')] })
      await soon(async () => expect((await ask(rig)).headers['x-berth-replica']).toMatch(/^r/))
      expect(drained()).toEqual([])
      finish()
      expect((await first).text).toBe('{}')
      await soon(() => expect(drained()).toContainEqual({ kind: 'drained', replicaId: ROUTER }))
    })

    test('while no replica is ready requests are held, and the endpoint is woken', async () => {
      const { rig, router, replicas, put, id } = await rigWith()
      put({ replicas: [], state: 'scaledToZero' })
      const answer = ask(rig)
      await soon(() => expect(rig.said).toContainEqual({ kind: 'wake', id, waiting: 1 }))
      expect(router.received).toEqual([])
      put({ replicas, state: 'running' })
      expect((await answer).status).toBe(200)
    })

    test('what it sends to a replica that takes nothing new goes to another', async () => {
      const { rig, engines, put, replicas, router } = await rigWith()
      put({ replicas: [engines[0].replica, engines[1].draining], routers: [routed(router, replicas)] })
      await soon(async () => {
        const answer = await ask(rig)
        expect([answer.headers['x-via'], answer.headers['x-berth-replica']]).toEqual(['router', 'r1'])
      })
    })

    test('a door stays open for as long as the router may send somebody there', async () => {
      const { rig, engines, put, replicas, router } = await rigWith()
      const shown = () =>
        doorsOf(rig)
          .at(-1)
          ?.doors.map(({ replicaId }) => replicaId)
      put({ replicas: [engines[0].replica], routers: [routed(router, replicas)] })
      // It still says r2, which is gone, and the request is answered.
      await soon(async () => expect((await ask(rig)).headers['x-berth-replica']).toBe('r1'))
      expect(shown()).toEqual(['r1', 'r2'])
      put({ replicas: [engines[0].replica], routers: [routed(router, [engines[0].replica])] })
      await soon(() => expect(shown()).toEqual(['r1']))
    })

    test('a control process that comes back is told of the doors again', async () => {
      const { rig } = await rigWith()
      const before = doorsOf(rig).at(-1)
      await rig.stopControl()
      rig.said.length = 0
      await rig.startControl()
      await soon(() => expect(doorsOf(rig).at(-1)).toEqual(before))
    })

    test('a gateway that leaves withdraws its doors, and who comes by them is still served', async () => {
      const { rig, engines } = await rigWith()
      const [door] = doorsOf(rig).at(-1)!.doors
      const left = rig.gateway.leave(60_000)
      await soon(() => expect(doorsOf(rig).at(-1)?.doors).toEqual([]))
      const answer = await fetch(`http://127.0.0.1:${door!.port}/late`, {
        headers: { authorization: `Bearer ${KEY}` },
      })
      expect(answer.status).toBe(200)
      expect(engines[0].received).toHaveLength(1)
      await rig.gateway.close(0)
      await left
    })

    test('where this machine has no such address it is said why there is no door', async () => {
      const { rig, put, replicas, router } = await rigWith()
      const elsewhere = { ...routed(router, replicas), id: 'other' as ReplicaId, doorHost: '192.0.2.1' }
      put({ routers: [elsewhere] })
      await soon(() => expect(doorsOf(rig, elsewhere.id).at(-1)?.problem).toMatch(/192\.0\.2\.1/))
      expect((await ask(rig)).status).toBe(200)
    })

    test('tokens of a stream are counted once, and the client is not told what it did not ask for', async () => {
      const stream: Handler = (_request, response, body) => {
        const { stream_options } = JSON.parse(body.toString())
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n')
        if (stream_options?.include_usage) {
          response.write('data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n')
        }
        response.end('data: [DONE]\n\n')
      }
      const { rig } = await rigWith(undefined, {}, stream)
      const answer = await ask(rig, { model: 'x', stream: true, messages: [] })
      expect(answer.text).toBe('data: {"choices":[{"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n')
      await soon(() =>
        expect(rig.usage).toMatchObject([{ inputTokens: 3, outputTokens: 1, replicaId: 'r2' }]),
      )
    })

    test('an adapter is asked for as the replica knows it, and named in the answer and in the usage', async () => {
      const adapters = { support: { hash: HASH, members: { model: 'support-aaaaaaaaaaaa' } } }
      const { rig, engines, put, replicas } = await rigWith(undefined, { adapters: ['support'] })
      put({ replicas: replicas.map((replica) => ({ ...replica, adapters })) })
      await soon(async () => {
        const answer = await ask(rig, { model: 'acme/chat:support' }, '/v1/chat/completions')
        expect([answer.status, answer.headers['x-via']]).toEqual([200, 'router'])
        expect(answer.headers['x-berth-adapter']).toBe(`support; sha256=${HASH}`)
      })
      expect(JSON.parse(engines[1].received.at(-1)!.body.toString())).toEqual({
        model: 'support-aaaaaaaaaaaa',
      })
      await soon(() => expect(rig.usage.at(-1)).toMatchObject({ adapter: { name: 'support', hash: HASH } }))
    })
  })
}
