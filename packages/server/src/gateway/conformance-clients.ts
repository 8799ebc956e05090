/** What browsers and client libraries make of an answer, as tests; a part of `conformance.ts`. */
import { describe, expect, test } from 'vitest'
import { type OpenGateway, rigsOf, soon } from './conformance-rig.ts'

const APP = 'https://app.example.com'
const preflight = (origin: string, method = 'POST') => ({
  method: 'OPTIONS',
  headers: {
    origin,
    'access-control-request-method': method,
    'access-control-request-headers': 'authorization',
  },
})

export function describeClients(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  describe(`${name}: pages of other origins`, () => {
    test('the gateway answers a preflight by itself, for the pages that the endpoint names', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      rig.put('chat', { access: 'private', replicas: [engine.replica], origins: [APP] })
      rig.put('closed', { replicas: [engine.replica] })

      const places = [
        ['/e/acme/chat/v1/x', 'PUT'],
        ['/v1/chat/completions', 'POST'],
        ['/v1/models', 'GET'],
      ] as const
      for (const [url, method] of places) {
        const answer = await rig.call(url, preflight(APP, method))
        expect(answer.status).toBe(204)
        expect(answer.headers).toMatchObject({
          'access-control-allow-origin': APP,
          'access-control-allow-headers': 'authorization',
        })
        expect(answer.headers).not.toHaveProperty('access-control-allow-credentials')
        expect(await rig.call(url, preflight('https://evil.example', method))).toMatchObject({
          status: 403,
          json: { reason: 'cors' },
        })
      }
      expect((await rig.call('/e/acme/closed/', preflight(APP))).status).toBe(403)
      expect((await rig.call('/e/acme/none/', preflight(APP))).status).toBe(404)
      expect(engine.received).toEqual([])
    })

    test('a page may read the answer, and the refusal too, of an endpoint that names it and of no other', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', (_request, response) => {
        response.writeHead(200, {
          'content-type': 'application/json',
          'access-control-allow-origin': '*',
          'access-control-allow-credentials': 'true',
          vary: 'accept-encoding',
        })
        response.end('{}')
      })
      const { replica } = engine
      rig.put('chat', { access: 'authenticated', replicas: [replica], origins: [APP] })
      rig.put('closed', { replicas: [replica] })
      rig.grant('mine', ['acme'])
      const headers = { origin: APP }
      const body = '{"model":"acme/chat"}'

      for (const answer of [
        await rig.call('/e/acme/chat/', { headers, token: 'mine' }),
        await rig.call('/e/acme/chat/', { headers }),
        await rig.call('/v1/completions', { headers, body, token: 'mine' }),
        await rig.call('/v1/completions', { headers, body: '{"model":"acme/chta"}', token: 'mine' }),
      ]) {
        expect(answer.headers['access-control-allow-origin']).toBe(APP)
        expect(answer.headers['vary']).toContain('origin')
        expect(answer.headers).not.toHaveProperty('access-control-allow-credentials')
      }
      for (const answer of [
        await rig.call('/e/acme/chat/', { headers: { origin: 'https://evil.example' }, token: 'mine' }),
        await rig.call('/e/acme/closed/', { headers }),
        await rig.call('/v1/completions', { headers, body: '{"model":"acme/closed"}' }),
      ]) {
        expect(answer.headers).not.toHaveProperty('access-control-allow-origin')
        expect(answer.headers).not.toHaveProperty('access-control-allow-credentials')
      }
      const own = await rig.call('/e/acme/chat/', { headers, token: 'mine' })
      expect(own.headers['vary']).toBe('origin, accept-encoding')
    })
  })

  describe(`${name}: who reads an error`, () => {
    test("below /v1 errors have OpenAI's shape, elsewhere that of Hugging Face, in streams as well", async () => {
      const rig = await runningRig({ firstCommentMs: 5, commentEveryMs: 5 })
      rig.put('paused', { state: 'paused' })
      const message = expect.stringContaining('"acme/paused" is paused')
      const shape = { message, type: 'server_error', param: null, code: 'paused' }

      expect((await rig.call('/e/acme/paused/generate')).json).toMatchObject({
        error: message,
        code: 'paused',
      })
      const below = await rig.call('/e/acme/paused/v1/completions', { body: '{}' })
      expect(below).toMatchObject({ status: 503, json: { error: shape, code: 'paused', retryable: false } })
      expect(below.headers['x-should-retry']).toBe('false')
      const byModel = await rig.call('/v1/completions', { body: '{"model":"acme/paused"}' })
      expect(byModel.json['error']).toEqual(shape)

      rig.put('sleepy', { state: 'scaledToZero' })
      const stream = await rig.call('/v1/completions', {
        body: '{"model":"acme/sleepy","stream":true}',
        onText: () => rig.put('sleepy', { state: 'paused' }),
      })
      const [, event = ''] = stream.text.split('data: ')
      expect(JSON.parse(event)).toMatchObject({ error: { code: 'paused' }, code: 'paused' })
    })
  })
  describe(`${name}: the access log`, () => {
    test('has a line for each request, and neither body, token nor query', async () => {
      const lines: string[] = []
      const rig = await runningRig({}, undefined, {
        accessLog: (line) => {
          if (line.includes('/e/')) lines.push(line)
        },
      })
      const { replica } = await rig.engine('r1')
      rig.put('chat', { access: 'private', replicas: [replica] })
      rig.grant('sesame-token', ['acme'])
      await rig.call('/e/acme/chat/v1/x?key=sesame-query', {
        token: 'sesame-token',
        body: 'sesame-body',
        headers: { 'x-request-id': 'r-1', 'x-secret': 'sesame-header' },
      })
      await rig.call('/e/acme/chat/')
      await soon(() => expect(lines).toHaveLength(2))
      expect(JSON.parse(lines[0]!)).toMatchObject({
        requestId: 'r-1',
        method: 'POST',
        path: '/e/acme/chat/v1/x',
        status: 200,
        endpoint: 'acme/chat',
        replica: 'r1',
        client: '127.0.0.1',
        durationMs: expect.any(Number),
      })
      expect(JSON.parse(lines[1]!)).toMatchObject({ status: 401, path: '/e/acme/chat/' })
      // The grant of a test is named after its token.
      expect(lines.join().replace('"tokenId":"sesame-token"', '')).not.toContain('sesame')
    })
  })
}
