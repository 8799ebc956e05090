/** How a gateway chooses, leaves and reports replicas, as tests; a part of `conformance.ts`. */
import type { ServerResponse } from 'node:http'
import net from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Handler, type OpenGateway, rigsOf, soon } from './conformance-rig.ts'

export function describeReplicas(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  describe(`${name}: replicas`, () => {
    test('requests go where the fewest are', async () => {
      const rig = await runningRig()
      const held: (() => void)[] = []
      const hold: Handler = (_request, response) => void held.push(() => void response.end('ok'))
      const engines = [
        await rig.engine('r1', hold),
        await rig.engine('r2', hold),
        await rig.engine('r3', hold),
      ]
      const id = rig.put('chat', { replicas: engines.map(({ replica }) => replica) })

      const answers = Array.from({ length: 9 }, () => rig.call('/e/acme/chat/'))
      await soon(() => expect(held).toHaveLength(9))

      expect(engines.map(({ received }) => received.length)).toEqual([3, 3, 3])
      await soon(() => expect(rig.demandOf(id)?.inFlightByReplica).toEqual({ r1: 3, r2: 3, r3: 3 }))
      for (const release of held) release()
      await Promise.all(answers)
    })

    test("a conversation's next turn goes to the replica that has read the turns before", async () => {
      const rig = await runningRig()
      const engines = [await rig.engine('r1'), await rig.engine('r2'), await rig.engine('r3')]
      rig.put('chat', { replicas: engines.map(({ replica }) => replica) })
      const turn = (conversation: string, turns: number) => {
        const content = conversation.repeat(500)
        const messages = Array.from({ length: turns }, (_, i) => ({
          role: 'user',
          content: `${i} ${content}`,
        }))
        const body = JSON.stringify({ model: 'm', messages })
        return rig.call('/e/acme/chat/v1/chat/completions', { body })
      }
      // What hashes prompts is loaded by the first requests that could use it.
      await soon(async () => {
        const [first, second] = [await turn('warm up ', 1), await turn('warm up ', 2)]
        expect(second.headers['x-berth-replica']).toBe(first.headers['x-berth-replica'])
      })

      const conversations = Array.from({ length: 6 }, (_, i) => `conversation ${i} `)
      const replicasOf = async (turns: number) => {
        const answers: unknown[] = []
        for (const each of conversations) {
          answers.push((await turn(each, turns)).headers['x-berth-replica'])
        }
        return answers
      }
      const homes = await replicasOf(1)
      expect(new Set(homes).size).toBeGreaterThan(1)
      for (const turns of [2, 3, 4]) expect(await replicasOf(turns)).toEqual(homes)
    })

    test('what is full makes requests wait here, and whoever is free first takes the next in line', async () => {
      const rig = await runningRig()
      const held: ServerResponse[] = []
      const hold: Handler = (_request, response) => void held.push(response)
      const slow = await rig.engine('slow', hold)
      const routing = { policy: 'least-requests', room: 2 } as const
      const id = rig.put('chat', { replicas: [slow.replica], routing })
      const answers = Array.from({ length: 5 }, () => rig.call('/e/acme/chat/'))
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ inFlight: 2, waiting: 3 }))
      expect(slow.received).toHaveLength(2)

      const fresh = await rig.engine('fresh')
      rig.put('chat', { replicas: [slow.replica, fresh.replica] })
      await soon(() => expect(fresh.received).toHaveLength(3))
      expect(slow.received).toHaveLength(2)
      for (const response of held) response.end()
      expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(5).fill(200))
    })

    test('a session stays on its replica, whatever counts first', async () => {
      const rig = await runningRig()
      const engines = [await rig.engine('r1'), await rig.engine('r2'), await rig.engine('r3')]
      const routing = { policy: 'least-requests', room: null } as const
      rig.put('chat', { replicas: engines.map(({ replica }) => replica), routing })
      const say = async (session: string) =>
        (await rig.call('/e/acme/chat/', { headers: { 'x-session-id': session } })).headers['x-berth-replica']
      await soon(async () => expect(await say('warm up')).toBe(await say('warm up')))
      const homes = [await say('a'), await say('b'), await say('c'), await say('d')]
      expect([await say('a'), await say('b'), await say('c'), await say('d')]).toEqual(homes)
    })

    test('a session stays on its replica', async () => {
      const rig = await runningRig()
      const engines = [await rig.engine('r1'), await rig.engine('r2'), await rig.engine('r3')]
      rig.put('chat', { replicas: engines.map(({ replica }) => replica) })
      const say = async (session: string) =>
        (await rig.call('/e/acme/chat/', { headers: { 'x-session-id': session } })).headers['x-berth-replica']
      await soon(async () => expect(await say('warm up')).toBe(await say('warm up')))
      const homes = [await say('a'), await say('b'), await say('c'), await say('d')]
      expect(new Set(homes).size).toBeGreaterThan(1)
      expect([await say('a'), await say('b'), await say('c'), await say('d')]).toEqual(homes)
    })

    test('a long prompt keeps others away from its replica until it is being answered', async () => {
      const rig = await runningRig()
      const held: ServerResponse[] = []
      const hold: Handler = (_request, response, body) => {
        if (body.includes('at once')) response.end()
        else held.push(response)
      }
      const engines = [await rig.engine('r1', hold), await rig.engine('r2', hold)]
      rig.put('chat', { replicas: engines.map(({ replica }) => replica) })
      const ask = (prompt: string, onText = (_text: string) => {}) =>
        rig.call('/e/acme/chat/v1/completions', { body: JSON.stringify({ prompt }), onText })
      const atOnce = async (prompt: string) => (await ask(`${prompt} at once`)).headers['x-berth-replica']
      const beginning = 'begin '.repeat(400)
      // What hashes prompts is loaded by the first requests that could use it.
      const warmUp = 'warm up '.repeat(100)
      await soon(async () => expect(await atOnce(warmUp)).toBe(await atOnce(warmUp)))

      let text = ''
      const long = ask(beginning + 'long '.repeat(10_000), (soFar) => {
        text = soFar
      })
      await soon(() => expect(held).toHaveLength(1))
      const reading = await atOnce('something else')
      held[0]!.write('first')
      await soon(() => expect(text).toBe('first'))
      const home = await atOnce(`${beginning}again`)
      held[0]!.end()

      expect((await long).headers['x-berth-replica']).toBe(home)
      expect(reading).not.toBe(home)
    })

    test('a replica that only answers with errors is left alone while another answers', async () => {
      const rig = await runningRig()
      const broken = await rig.engine('broken', (_request, response) => {
        response.writeHead(500)
        response.end()
      })
      const good = await rig.engine('good')
      rig.put('chat', { replicas: [broken.replica, good.replica] })
      for (let i = 0; i < 100; i++) await rig.call('/e/acme/chat/')
      expect(broken.received.length).toBeGreaterThanOrEqual(5)
      expect(broken.received.length).toBeLessThan(30)
    })

    test('a replica that refuses is passed over, reported, and its request answered by another', async () => {
      const rig = await runningRig()
      const dead = await rig.engine('dead')
      await dead.close()
      const alive = await rig.engine('alive')
      const id = rig.put('chat', { replicas: [dead.replica, alive.replica] })

      const answers = await Promise.all(
        Array.from({ length: 20 }, () => rig.call('/e/acme/chat/', { body: 'again' })),
      )

      expect(answers.map(({ json }) => json['body'])).toEqual(Array(20).fill('again'))
      await soon(() =>
        expect(rig.said).toContainEqual(expect.objectContaining({ kind: 'suspect', id, replicaId: 'dead' })),
      )
    })

    test('a request whose only replica is dead waits for the next one', async () => {
      const rig = await runningRig()
      const dead = await rig.engine('dead')
      await dead.close()
      const id = rig.put('chat', { replicas: [dead.replica] })
      const answer = rig.call('/e/acme/chat/', { body: 'kept' })
      await soon(() =>
        expect(rig.said).toContainEqual(expect.objectContaining({ kind: 'suspect', replicaId: 'dead' })),
      )
      await soon(() => expect(rig.said).toContainEqual({ kind: 'wake', id, waiting: 1 }))

      const next = await rig.engine('next')
      rig.put('chat', { replicas: [next.replica] })

      expect((await answer).json['body']).toBe('kept')
    })

    test('a large body survives a refused connection, since none of it was sent', async () => {
      const rig = await runningRig()
      const dead = await rig.engine('dead')
      await dead.close()
      const alive = await rig.engine('alive', (_request, response, body) => response.end(String(body.length)))
      rig.put('chat', { replicas: [dead.replica, alive.replica] })
      const body = Buffer.alloc(3_000_000)
      for (let i = 0; i < 4; i++) expect((await rig.call('/e/acme/chat/', { body })).text).toBe('3000000')
    })

    test('a connection that breaks before the answer is tried again, and a request that always breaks is not tried forever', async () => {
      const rig = await runningRig({ restMs: 5 })
      let breaks = 1
      const engine = await rig.engine('r1', (request, response) => {
        if (breaks-- > 0) request.socket.destroy()
        else response.end('second time')
      })
      rig.put('chat', { replicas: [engine.replica] })
      expect((await rig.call('/e/acme/chat/', { body: '{}' })).text).toBe('second time')

      breaks = 1_000
      const { status, json } = await rig.call('/e/acme/chat/', { body: '{}' })
      expect({ status, code: json['code'] }).toEqual({ status: 502, code: 'bad_gateway' })
      expect(engine.received).toHaveLength(2 + 3)
    })

    test('idle connections that the engine just closed cost nobody anything', async () => {
      const rig = await runningRig()
      const used = new WeakSet<object>()
      const engine = await rig.engine('r1', (request, response) => {
        if (used.has(request.socket)) return void request.socket.destroy()
        used.add(request.socket)
        setImmediate(() => response.end('ok'))
      })
      rig.put('chat', { replicas: [engine.replica] })
      const call = async (body: string) => (await rig.call('/e/acme/chat/', { body })).status
      // Five at a time leave more stale connections behind than a request may break on.
      for (const body of ['{}', 'x'.repeat(300_000), '{}']) {
        const five = await Promise.all(Array.from({ length: 5 }, () => call('{}')))
        expect([...five, await call(body)]).toEqual(Array(6).fill(200))
      }
      expect(rig.said.filter(({ kind }) => kind === 'suspect')).toEqual([])
    })

    test('a large body of which a part was sent to a replica that broke is not sent again in part', async () => {
      const rig = await runningRig()
      let connections = 0
      const breaking = net.createServer((socket) => {
        connections++
        socket.on('error', () => {})
        socket.once('data', () => socket.resetAndDestroy())
      })
      await new Promise<void>((resolve) => breaking.listen(0, '127.0.0.1', resolve))
      onTestFinished(() => void breaking.close())
      const { port } = breaking.address() as net.AddressInfo
      rig.put('chat', { replicas: [{ ...(await rig.engine('r1')).replica, port }] })

      const answer = await rig.call('/e/acme/chat/', { body: Buffer.alloc(30_000_000) })

      expect(answer).toMatchObject({ status: 502, json: { code: 'bad_gateway' } })
      expect(connections).toBe(1)
    })

    test('an answer that has begun is not asked for again', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', (request, response) => {
        response.writeHead(200, { 'content-length': '100' })
        response.write('half', () => request.socket.destroy())
      })
      rig.put('chat', { replicas: [engine.replica] })

      await expect(rig.call('/e/acme/chat/', { body: '{}' })).rejects.toThrow()

      expect(engine.received).toHaveLength(1)
    })

    test('a stream that breaks off ends with an event that says so', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', (request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: {"half":', () => request.socket.destroy())
      })
      rig.put('chat', { replicas: [engine.replica] })
      const { text } = await rig.call('/e/acme/chat/', { body: '{"stream":true}' })
      expect(text.startsWith('data: {"half":\n\ndata: ')).toBe(true)
      expect(JSON.parse(text.split('data: ')[2] ?? '')).toMatchObject({ code: 'bad_gateway' })
      expect(engine.received).toHaveLength(1)
    })

    test("an engine's own error is its answer and not a reason to try elsewhere", async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', (_request, response) => {
        response.writeHead(500, { 'content-type': 'application/json' }).end('{"detail":"CUDA"}')
      })
      rig.put('chat', { replicas: [engine.replica] })
      expect(await rig.call('/e/acme/chat/')).toMatchObject({ status: 500, json: { detail: 'CUDA' } })
      expect(engine.received).toHaveLength(1)
    })

    test('an engine that says nothing for too long ends as a timeout', async () => {
      const rig = await runningRig({ replicaSilenceMs: 50 })
      const engine = await rig.engine('r1', () => {})
      rig.put('chat', { replicas: [engine.replica] })
      expect(await rig.call('/e/acme/chat/', { body: '{}' })).toMatchObject({
        status: 504,
        json: { code: 'timeout' },
      })
    })

    test('a draining replica finishes what it has, gets nothing new, and is reported when it is empty', async () => {
      const rig = await runningRig()
      let finish = () => {}
      const old = await rig.engine('old', (_request, response) => {
        finish = () => void response.end('finished')
      })
      const next = await rig.engine('next')
      rig.put('chat', { replicas: [old.replica] })
      const running = rig.call('/e/acme/chat/')
      await soon(() => expect(old.received).toHaveLength(1))

      rig.put('chat', { replicas: [old.draining, next.replica] })
      for (let i = 0; i < 5; i++) {
        await soon(async () =>
          expect((await rig.call('/e/acme/chat/')).headers['x-berth-replica']).toBe('next'),
        )
      }
      expect(rig.said).not.toContainEqual({ kind: 'drained', replicaId: 'old' })
      finish()

      expect((await running).text).toBe('finished')
      await soon(() => expect(rig.said).toContainEqual({ kind: 'drained', replicaId: 'old' }))
      expect(old.received).toHaveLength(1)
    })

    test('a replica that left the table is reported when its last request ends, and an idle one at once', async () => {
      const rig = await runningRig()
      let finish = () => {}
      const busy = await rig.engine('busy', (_request, response) => {
        finish = () => void response.end('finished')
      })
      const idle = await rig.engine('idle')
      rig.put('chat', { replicas: [busy.replica] })
      const running = rig.call('/e/acme/chat/')
      await soon(() => expect(busy.received).toHaveLength(1))
      rig.put('chat', { replicas: [busy.replica, idle.replica] })

      rig.put('chat', { replicas: [] })

      await soon(() => expect(rig.said).toContainEqual({ kind: 'drained', replicaId: 'idle' }))
      expect(rig.said).not.toContainEqual({ kind: 'drained', replicaId: 'busy' })
      finish()
      await running
      await soon(() => expect(rig.said).toContainEqual({ kind: 'drained', replicaId: 'busy' }))
    })
  })
}
