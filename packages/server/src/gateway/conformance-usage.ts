/** How a gateway counts what requests use, as tests; a part of `conformance.ts`. */
import { describe, expect, test } from 'vitest'
import { type Handler, type OpenGateway, type Rig, rigsOf, soon } from './conformance-rig.ts'

const CHAT = '/e/acme/chat/v1/chat/completions'
const text = (content: string) => `data: {"choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`
const USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":4,"total_tokens":15}}\n\n'
const DONE = 'data: [DONE]\n\n'

const asksForUsage = (body: Buffer) =>
  (JSON.parse(body.toString()) as { stream_options?: { include_usage?: boolean } }).stream_options
    ?.include_usage === true

/** Streams as an OpenAI engine does: usage comes only when asked for. */
const openAiStream: Handler = (_request, response, body) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.end(text('a') + text('b') + (asksForUsage(body) ? USAGE : '') + DONE)
}

const json =
  (answer: unknown, headers: Readonly<Record<string, string>> = {}): Handler =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(answer))
  }

const onlyUsage = async (rig: Rig) => {
  await soon(() => expect(rig.usage).toHaveLength(1))
  return rig.usage[0]!
}

export function describeUsage(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  async function rigWith(handler: Handler) {
    const rig = await runningRig()
    const engine = await rig.engine('r1', handler)
    const id = rig.put('chat', { replicas: [engine.replica] })
    return { rig, engine, id }
  }

  describe(`${name}: usage`, () => {
    test('an answer that says its tokens is written down with who asked, who answered and how it went', async () => {
      const { rig, id } = await rigWith(
        json({ choices: [], usage: { prompt_tokens: 8, completion_tokens: 3 } }),
      )
      rig.grant('mine', ['acme'])
      const { headers } = await rig.call(CHAT, { body: '{"messages":[]}', token: 'mine' })

      expect(await onlyUsage(rig)).toMatchObject({
        requestId: headers['x-request-id'],
        endpointId: id,
        replicaId: 'r1',
        tokenId: 'mine',
        status: 200,
        inputTokens: 8,
        outputTokens: 3,
        cachedTokens: 0,
        isEstimated: false,
        heldMs: 0,
        firstTokenMs: null,
      })
    })

    test('an engine that says its tokens in headers is heard', async () => {
      const { rig } = await rigWith(json([[0.1, 0.2]], { 'x-compute-tokens': '6' }))
      await rig.call('/e/acme/chat/embed', { body: '{"inputs":"x"}' })
      expect(await onlyUsage(rig)).toMatchObject({ inputTokens: 6, outputTokens: 0, isEstimated: false })
    })

    test('a large answer passes whole and its usage is found', async () => {
      const data = 'x'.repeat(3_000_000)
      const { rig } = await rigWith(json({ data, usage: { prompt_tokens: 5, total_tokens: 5 } }))
      const answer = await rig.call('/e/acme/chat/v1/embeddings', { body: '{}' })
      expect(answer.json['data']).toBe(data)
      expect(await onlyUsage(rig)).toMatchObject({ inputTokens: 5 })
    })

    test('a stream is asked for its usage, and who did not ask does not see that', async () => {
      const { rig, engine } = await rigWith(openAiStream)
      const sent = '{ "messages" : [], "stream" : true }'
      const answer = await rig.call(CHAT, { body: sent, headers: { 'accept-encoding': 'gzip' } })

      expect(answer.text).toBe(text('a') + text('b') + DONE)
      expect(engine.received[0]?.body.toString()).toBe(
        '{"stream_options":{"include_usage":true}, "messages" : [], "stream" : true }',
      )
      expect(engine.received[0]?.request.headers).not.toHaveProperty('accept-encoding')
      expect(await onlyUsage(rig)).toMatchObject({
        inputTokens: 11,
        outputTokens: 4,
        isEstimated: false,
        firstTokenMs: expect.any(Number),
        interTokenMs: expect.any(Number),
      })
    })

    test.for([
      ['{"stream":true,"stream_options":{"include_usage":true}}', USAGE],
      ['{"stream":true,"stream_options":{"include_usage":false}}', ''],
    ] as const)('who said whether they want the usage gets what they said: %s', async ([body, usage]) => {
      const { rig, engine } = await rigWith(openAiStream)
      const answer = await rig.call(CHAT, { body })
      expect(answer.text).toBe(text('a') + text('b') + usage + DONE)
      expect(engine.received[0]?.body.toString()).toBe(body)
    })

    test.for([
      [CHAT, '{"stream":false}'],
      [CHAT, '{"messages":[{"stream":true}]}'],
      [CHAT, '"stream"'],
      [CHAT, `{"stream":true,"pad":"${'x'.repeat(70_000)}"}`],
      ['/e/acme/chat/generate', '{"stream":true}'],
    ] as const)('nothing else is asked: %s %.40s', async ([url, body]) => {
      const { rig, engine } = await rigWith((_request, response) => response.end('{}'))
      await rig.call(url, { body })
      expect(engine.received[0]?.body.toString()).toBe(body)
    })

    test('an engine that refuses the question gets the request as it was, and is not asked again', async () => {
      const { rig, engine } = await rigWith((request, response, body) => {
        if (asksForUsage(body)) response.writeHead(422).end('unknown field')
        else openAiStream(request, response, body)
      })
      for (let i = 0; i < 2; i++) {
        const answer = await rig.call(CHAT, { body: '{"stream":true}' })
        expect(answer).toMatchObject({ status: 200, text: text('a') + text('b') + DONE })
      }
      expect(engine.received.map(({ body }) => asksForUsage(body))).toEqual([true, false, false])
      await soon(() => expect(rig.usage).toHaveLength(2))
      expect(rig.usage[0]).toMatchObject({ outputTokens: 2, isEstimated: true })
    })

    test("a request that is bad in itself gets the engine's own refusal", async () => {
      const { rig, engine } = await rigWith((_request, response) => response.writeHead(400).end('bad'))
      for (let i = 0; i < 2; i++) {
        expect(await rig.call(CHAT, { body: '{"stream":true}' })).toMatchObject({ status: 400, text: 'bad' })
      }
      expect(engine.received.map(({ body }) => asksForUsage(body))).toEqual([true, false, true, false])
    })

    test('a stream with a length of its own gets through although it becomes shorter', async () => {
      const { rig } = await rigWith((_request, response, body) => {
        const whole = text('a') + (asksForUsage(body) ? USAGE : '') + DONE
        response.writeHead(200, { 'content-type': 'text/event-stream', 'content-length': whole.length })
        response.end(whole)
      })
      expect((await rig.call(CHAT, { body: '{"stream":true}' })).text).toBe(text('a') + DONE)
    })

    test('a stream that ends within an event is passed on to its last byte', async () => {
      const { rig } = await rigWith((_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end(`${text('a')}${USAGE}data: [DONE]`)
      })
      expect((await rig.call(CHAT, { body: '{"stream":true}' })).text).toBe(`${text('a')}data: [DONE]`)
    })

    test('a client that leaves is charged for what it was sent, as an estimate', async () => {
      const { rig, engine } = await rigWith((_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(text('a') + text('b') + text('c'))
      })
      const leaving = new AbortController()
      const body = '{"stream":true,"messages":[{"role":"user","content":"hello"}]}'
      const answer = rig.call(CHAT, {
        body,
        signal: leaving.signal,
        onText: (seen) => {
          if (seen.includes('"c"')) leaving.abort()
        },
      })
      await expect(answer).rejects.toThrow()
      expect(await onlyUsage(rig)).toMatchObject({
        status: 499,
        outputTokens: 3,
        inputTokens: Math.ceil(body.length / 4),
        isEstimated: true,
      })
      await soon(() => expect(engine.aborted).toBe(1))
    })

    test('a request that no replica answered is written down too', async () => {
      const rig = await runningRig()
      rig.put('chat', { state: 'scaledToZero' })
      await rig.call(CHAT, { body: '{}', headers: { 'x-scale-up-timeout': '0' } })
      expect(await onlyUsage(rig)).toMatchObject({ status: 503, replicaId: null, outputTokens: 0 })
    })

    test('usage waits for a control process that is away, and comes once', async () => {
      const { rig } = await rigWith(openAiStream)
      rig.grant('mine', ['acme'])
      rig.storesUsage = false
      await rig.call(CHAT, { body: '{"stream":true}', headers: { 'x-request-id': 'before' } })
      await onlyUsage(rig)
      await rig.stopControl()
      await rig.call(CHAT, { body: '{"stream":true}', headers: { 'x-request-id': 'meanwhile' } })
      rig.said.length = 0
      rig.storesUsage = true
      await rig.startControl()

      await soon(() => expect(rig.usage.map((it) => it.requestId)).toEqual(['before', 'meanwhile']))
      // An acknowledgement that a broken link swallowed would have it said once more.
      await soon(async () => {
        const page = (await rig.call('/metrics', { token: 'mine' })).text
        expect(page).toContain('berth_gateway_usage_records_spooled 0')
      })
      await rig.stopControl()
      rig.said.length = 0
      await rig.startControl()
      await rig.call(CHAT, { body: '{"stream":true}', headers: { 'x-request-id': 'after' } })
      await soon(() => expect(rig.usage.map((it) => it.requestId)).toEqual(['after']))
    })

    test('a gateway that ends says first what was used, by what it breaks off too', async () => {
      const rig = await runningRig({ demandEveryMs: 60_000 })
      const engine = await rig.engine('r1', openAiStream)
      const endless = await rig.engine('r2', (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(text('a'))
      })
      rig.put('chat', { replicas: [engine.replica] })
      rig.put('endless', { replicas: [endless.replica] })
      await rig.call(CHAT, { body: '{"stream":true}' })
      let seen = ''
      const cut = rig.call('/e/acme/endless/', {
        body: '{}',
        onText: (text) => {
          seen = text
        },
      })
      cut.catch(() => {})
      await soon(() => expect(seen).not.toBe(''))

      expect(rig.usage).toEqual([])
      await rig.gateway.close(0)
      expect(rig.usage).toMatchObject([
        { status: 200, outputTokens: 4 },
        { status: 499, outputTokens: 1 },
      ])
    })
  })

  describe(`${name}: the use of tokens`, () => {
    test('is told, also of those that only look, and not of tokens that nobody gave', async () => {
      const { rig } = await rigWith(json({ choices: [] }))
      rig.grant('caller', ['acme'])
      rig.grant('scraper', ['acme'])
      const told = () =>
        rig.said
          .flatMap((message) => (message.kind === 'tokens-used' ? message.uses : []))
          .map(({ tokenId }) => tokenId)
      for (let i = 0; i < 3; i++) await rig.call('/metrics', { token: 'scraper' })
      await rig.call('/metrics', { token: 'guessed' })
      await rig.call(CHAT, { body: '{"messages":[]}', token: 'caller' })
      await soon(() => expect(told().toSorted()).toEqual(['caller', 'scraper']))
    })
  })

  describe(`${name}: metrics`, () => {
    const metrics = async (rig: Rig, token = 'mine') => (await rig.call('/metrics', { token })).text

    test('they need a token, and show the endpoints of its namespaces alone', async () => {
      const { rig } = await rigWith(openAiStream)
      rig.grant('mine', ['acme'])
      rig.grant('theirs', ['other'])
      await rig.call(CHAT, { body: '{"stream":true}' })

      expect((await rig.call('/metrics')).status).toBe(401)
      expect((await rig.call('/metrics', { token: 'guessed' })).status).toBe(401)
      const page = await rig.call('/metrics', { token: 'mine' })
      expect(page.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
      expect(page.text).toContain('berth_gateway_requests_total{endpoint="acme/chat",status="2xx"} 1\n')
      const other = await metrics(rig, 'theirs')
      expect(other).toContain('process_resident_memory_bytes ')
      expect(other).not.toContain('acme')
    })

    test('they count requests, tokens, bytes and times', async () => {
      const { rig } = await rigWith(openAiStream)
      rig.grant('mine', ['acme'])
      const body = '{"stream":true}'
      await rig.call(CHAT, { body })
      await rig.call(CHAT, { body })

      const page = await soon(async () => {
        const text = await metrics(rig)
        expect(text).toContain('{endpoint="acme/chat",status="2xx"} 2')
        return text
      })
      const sent = 2 * (text('a') + text('b') + DONE).length
      for (const line of [
        'berth_gateway_tokens_total{endpoint="acme/chat",kind="input"} 22',
        'berth_gateway_tokens_total{endpoint="acme/chat",kind="output"} 8',
        `berth_gateway_body_bytes_total{endpoint="acme/chat",direction="received"} ${2 * body.length}`,
        `berth_gateway_body_bytes_total{endpoint="acme/chat",direction="sent"} ${sent}`,
        'berth_gateway_time_to_first_token_seconds_count{endpoint="acme/chat"} 2',
        'berth_gateway_request_duration_seconds_count{endpoint="acme/chat"} 2',
        'berth_gateway_hold_seconds_count{endpoint="acme/chat"} 0',
        'berth_gateway_requests_in_flight{endpoint="acme/chat"} 0',
        'berth_gateway_estimated_requests_total{endpoint="acme/chat"} 0',
      ]) {
        expect(page).toContain(`${line}\n`)
      }
    })

    test('they say how many wait now, and for how long those waited who were served', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      rig.grant('mine', ['acme'])
      const id = rig.put('chat', { state: 'scaledToZero' })
      const answer = rig.call(CHAT, { body: '{}' })
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ waiting: 1 }))
      expect(await metrics(rig)).toContain('berth_gateway_requests_waiting{endpoint="acme/chat"} 1\n')

      rig.put('chat', { state: 'running', replicas: [engine.replica] })
      await answer
      await soon(async () =>
        expect(await metrics(rig)).toContain('berth_gateway_hold_seconds_count{endpoint="acme/chat"} 1\n'),
      )
    })

    test('an endpoint that is deleted leaves nothing behind, although a request outlives it', async () => {
      let end = () => {}
      const { rig, id } = await rigWith((_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(text('a'))
        end = () => void response.end(text('b'))
      })
      rig.grant('mine', ['acme'])
      const answer = rig.call(CHAT, { body: '{}' })
      await soon(async () => expect(await metrics(rig)).toContain('acme/chat'))
      rig.remove(id)
      await soon(async () => expect(await metrics(rig)).not.toContain('acme/chat'))
      end()
      expect((await answer).text).toBe(text('a') + text('b'))
      expect(await onlyUsage(rig)).toMatchObject({ endpointId: id, outputTokens: 2 })
      rig.put('chat', { replicas: [] })
      await soon(async () => expect((await rig.call('/readyz')).json['endpoints']).toBe(1))
      expect(await metrics(rig)).not.toContain('acme/chat')
    })
  })
}
