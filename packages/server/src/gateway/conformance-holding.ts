/** How a gateway holds requests and wakes endpoints, as tests; a part of `conformance.ts`. */
import { describe, expect, test } from 'vitest'
import { type Answer, type Handler, type OpenGateway, rigsOf, soon } from './conformance-rig.ts'

export function describeHolding(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  describe(`${name}: holding and waking`, () => {
    test('a request for a sleeping endpoint wakes it, waits, and is answered', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      const id = rig.put('chat', { state: 'scaledToZero' })

      const answer = rig.call('/e/acme/chat/x', { body: '{}' })
      await soon(() => expect(rig.said).toContainEqual({ kind: 'wake', id, waiting: 1 }))
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ waiting: 1, inFlight: 0 }))
      rig.put('chat', { state: 'running', replicas: [engine.replica] })

      expect((await answer).status).toBe(200)
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ waiting: 0, inFlight: 0 }))
    })

    test('two hundred waiting clients are all answered, in the order in which they came', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      const id = rig.put('chat', { state: 'scaledToZero' })
      const answers: Promise<Answer>[] = []
      for (let i = 0; i < 200; i++) {
        answers.push(rig.call(`/e/acme/chat/${i}`, { body: `{"n":${i}}` }))
        if (i < 3) await soon(() => expect(rig.demandOf(id)?.waiting).toBe(i + 1))
      }
      await soon(() => expect(rig.demandOf(id)?.waiting).toBe(200))

      rig.put('chat', { state: 'running', replicas: [engine.replica] })

      expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(200).fill(200))
      expect(engine.received).toHaveLength(200)
      expect(rig.said.filter(({ kind }) => kind === 'wake').length).toBeLessThan(50)
    })

    test('a wake is repeated while somebody waits and not longer', async () => {
      const rig = await runningRig({ firstWakeAgainMs: 5, longestWakeAgainMs: 10 })
      rig.put('chat', { state: 'scaledToZero' })
      const wakes = () => rig.said.filter(({ kind }) => kind === 'wake').length
      const leaving = new AbortController()
      const answer = rig.call('/e/acme/chat/', { body: '{}', signal: leaving.signal })
      await soon(() => expect(wakes()).toBeGreaterThan(5))

      leaving.abort()
      await expect(answer).rejects.toThrow()
      let before = -1
      await soon(() => {
        const more = wakes() - before
        before = wakes()
        expect(more).toBe(0)
      })
    })

    test('who does not want to wait is told at once, and the endpoint is woken all the same', async () => {
      const rig = await runningRig()
      const start = { since: null, usualMs: 4_200, earliestMs: 3_000, latestMs: 6_000 }
      const id = rig.put('chat', { state: 'scaledToZero', message: 'Scaled to zero.', start })

      const { status, headers, json } = await rig.call('/e/acme/chat/', {
        body: '{}',
        headers: { 'x-scale-up-timeout': '0' },
      })

      expect({ status, json }).toMatchObject({
        status: 503,
        json: { code: 'waking', retryable: true, etaMs: 4_200 },
      })
      expect(headers['retry-after']).toBe('5')
      await soon(() => expect(rig.said).toContainEqual({ kind: 'wake', id, waiting: 1 }))
    })

    test('a wait that is over ends with waking and says how long it was', async () => {
      const rig = await runningRig()
      rig.put('chat', { state: 'initializing', message: 'Starting the engine.' })
      const { status, json } = await rig.call('/e/acme/chat/', { headers: { 'x-scale-up-timeout': '0.05' } })
      expect({ status, code: json['code'] }).toEqual({ status: 503, code: 'waking' })
      expect(json['error']).toContain('within 0.05 s. Starting the engine.')
    })

    test('a wait that is no number is refused by name', async () => {
      const rig = await runningRig()
      rig.put('chat')
      const { status, json } = await rig.call('/e/acme/chat/', { headers: { 'x-scale-up-timeout': 'soon' } })
      expect({ status, json }).toMatchObject({
        status: 400,
        json: { code: 'invalid', field: 'X-Scale-Up-Timeout' },
      })
    })

    test('a full line is refused as overloaded with a time to try again', async () => {
      const rig = await runningRig({ heldRequests: 2 })
      const id = rig.put('chat', { state: 'scaledToZero' })
      const leaving = new AbortController()
      const held = [1, 2].map(() => rig.call('/e/acme/chat/', { signal: leaving.signal }))
      for (const it of held) it.catch(() => {})
      await soon(() => expect(rig.demandOf(id)?.waiting).toBe(2))

      const { status, headers, json } = await rig.call('/e/acme/chat/')

      expect({ status, json }).toMatchObject({
        status: 429,
        json: { code: 'overloaded', reason: 'line_requests' },
      })
      expect(headers['retry-after']).toBe('2')
      leaving.abort()
      await Promise.allSettled(held)
      await soon(() => expect(rig.demandOf(id)?.waiting).toBe(0))
    })

    test('tokens share what there is, and a token that may be urgent goes before them', async () => {
      const rig = await runningRig()
      rig.grant('heavy', ['acme'])
      rig.grant('light', ['acme'])
      rig.grant('urgent', ['acme'], { urgency: 1 })
      const id = rig.put('chat', { state: 'scaledToZero', access: 'private' })
      const answers: Promise<Answer>[] = []
      const ask = async (token: string, number: number, priority = 'u=0') => {
        const headers = { priority }
        answers.push(rig.call(`/e/acme/chat/${token}${number}`, { body: '{}', token, headers }))
        await soon(() => expect(rig.demandOf(id)?.waiting).toBe(answers.length))
      }
      for (const number of [1, 2, 3]) await ask('heavy', number)
      await ask('light', 1)
      await ask('urgent', 1, 'u=1')
      await ask('urgent', 2, 'u=5')

      const order: string[] = []
      const engine = await rig.engine('r1', (request, response) => {
        order.push(request.url ?? '')
        response.end()
      })
      rig.put('chat', {
        state: 'running',
        replicas: [engine.replica],
        routing: { policy: 'least-requests', room: 1 },
      })
      await Promise.all(answers)
      expect(order).toEqual(['/urgent1', '/heavy1', '/light1', '/heavy2', '/heavy3', '/urgent2'])
    })

    test('bodies that nobody has room for are refused as overloaded, and the room is given back', async () => {
      const rig = await runningRig({ keptBodyBytes: 100 })
      const engine = await rig.engine('r1')
      rig.put('chat', { replicas: [engine.replica] })
      expect((await rig.call('/e/acme/chat/', { body: 'x'.repeat(101) })).status).toBe(429)
      for (let i = 0; i < 5; i++) {
        expect((await rig.call('/e/acme/chat/', { body: 'x'.repeat(90) })).status).toBe(200)
      }
      const sleeping = rig.put('sleeping', { state: 'scaledToZero' })
      for (let i = 0; i < 3; i++) {
        const leaving = new AbortController()
        const held = rig.call('/e/acme/sleeping/', { body: 'x'.repeat(90), signal: leaving.signal })
        await soon(() => expect(rig.demandOf(sleeping)?.waiting).toBe(1))
        leaving.abort()
        await expect(held).rejects.toThrow('abort')
        await soon(() => expect(rig.demandOf(sleeping)?.waiting).toBe(0))
        await soon(() => expect(rig.gateway.busy).toBe(0))
      }
    })

    test.for([
      ['paused', { state: 'paused' }, 503, 'paused', 'paused'],
      ['failed', { state: 'failed', failure: 'out of memory' }, 503, 'endpoint_failed', 'out of memory'],
    ] as const)('an endpoint that is %s refuses, and so it does for those who already wait', async (row) => {
      const [, change, status, code, words] = row
      const rig = await runningRig()
      const id = rig.put('chat', { state: 'scaledToZero' })
      const waiting = rig.call('/e/acme/chat/')
      await soon(() => expect(rig.demandOf(id)?.waiting).toBe(1))

      rig.put('chat', change)

      for (const answer of [await waiting, await rig.call('/e/acme/chat/')]) {
        expect(answer).toMatchObject({ status, json: { code, error: expect.stringContaining(words) } })
      }
    })

    test('who waits for an endpoint that is deleted is told so', async () => {
      const rig = await runningRig()
      const id = rig.put('chat', { state: 'scaledToZero' })
      const waiting = rig.call('/e/acme/chat/')
      await soon(() => expect(rig.demandOf(id)?.waiting).toBe(1))
      rig.remove(id)
      expect(await waiting).toMatchObject({ status: 404, json: { code: 'not_found' } })
    })

    test('a held stream gets comments, then the stream', async () => {
      const rig = await runningRig({ firstCommentMs: 5, commentEveryMs: 5 })
      const engine = await rig.engine('r1', streamOf('data: {"a":1}\n\n', 'data: [DONE]\n\n'))
      rig.put('chat', { state: 'scaledToZero', message: 'Downloading\nweights.' })
      let seen = ''
      const answer = rig.call('/e/acme/chat/', {
        body: '{"stream": true}',
        onText: (text) => {
          seen = text
        },
      })
      await soon(() =>
        expect(seen.split(': waiting for acme/chat: Downloading weights.\n\n').length).toBeGreaterThan(3),
      )

      rig.put('chat', { state: 'running', replicas: [engine.replica] })

      const { status, headers, text } = await answer
      expect({ status, type: headers['content-type'] }).toEqual({
        status: 200,
        type: 'text/event-stream; charset=utf-8',
      })
      expect(text.replaceAll(/: waiting[^\n]*\n\n/g, '')).toBe('data: {"a":1}\n\ndata: [DONE]\n\n')
    })

    test('what goes wrong in a held stream comes as an event', async () => {
      const rig = await runningRig({ firstCommentMs: 5, commentEveryMs: 5 })
      const engine = await rig.engine('r1', (_request, response) => {
        response
          .writeHead(422, { 'content-type': 'application/json' })
          .end('{"error":"too long",\n"code":"x"}')
      })
      const eventAfter = async (happens: () => void): Promise<unknown> => {
        rig.put('chat', { state: 'scaledToZero', replicas: [] })
        let begun = false
        const answer = rig.call('/e/acme/chat/', {
          body: '{"stream":true}',
          onText: () => {
            begun = true
          },
        })
        await soon(() => expect(begun).toBe(true))
        happens()
        const { text } = await answer
        return JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? 'null')
      }

      expect(await eventAfter(() => rig.put('chat', { state: 'paused' }))).toMatchObject({ code: 'paused' })
      expect(
        await eventAfter(() => rig.put('chat', { state: 'running', replicas: [engine.replica] })),
      ).toEqual({ error: 'too long', code: 'x' })
    })

    test('a held request that asks for no stream gets no early headers', async () => {
      const rig = await runningRig({ firstCommentMs: 1 })
      rig.put('chat', { state: 'scaledToZero' })
      const { status } = await rig.call('/e/acme/chat/', {
        body: '{"stream":false}',
        headers: { 'x-scale-up-timeout': '0.1' },
      })
      expect(status).toBe(503)
    })
  })
}

const streamOf =
  (...events: readonly string[]): Handler =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const event of events) response.write(event)
    response.end()
  }
