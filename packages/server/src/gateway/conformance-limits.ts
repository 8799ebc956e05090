/** How a gateway holds callers to their limits, as tests; a part of `conformance.ts`. */
import { describe, expect, test } from 'vitest'
import type { UsageLimits } from '../domain/limits/usage-limits.ts'
import { type OpenGateway, rigsOf, soon } from './conformance-rig.ts'

const CHAT = '/e/acme/chat/v1/chat/completions'
const answered = JSON.stringify({ choices: [], usage: { prompt_tokens: 60, completion_tokens: 90 } })

export function describeLimits(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  async function rigWith(limits: { readonly token?: UsageLimits; readonly endpoint?: UsageLimits }) {
    const rig = await runningRig()
    const engine = await rig.engine('r1', (_request, response) => {
      response.writeHead(200, {
        'content-type': 'application/json',
        'x-ratelimit-limit-requests': 'what the engine says',
      })
      response.end(answered)
    })
    const id = rig.put('chat', {
      replicas: [engine.replica],
      ...(limits.endpoint ? { limits: limits.endpoint } : {}),
    })
    rig.grant('mine', ['acme'], limits.token)
    const call = (body = '{}') => rig.call(CHAT, { body, token: 'mine' })
    return { rig, engine, id, call }
  }

  describe(`${name}: limits`, () => {
    test('without limits nothing is said about them', async () => {
      const { call } = await rigWith({})
      const { status, headers } = await call()
      expect(status).toBe(200)
      expect(headers['x-ratelimit-limit-requests']).toBe('what the engine says')
      expect(headers).not.toHaveProperty('x-ratelimit-remaining-requests')
    })

    test('requests over the rate of a token are refused with the time to come back, and reach nobody', async () => {
      const { rig, engine, id, call } = await rigWith({ token: { requestsPerMinute: 2 } })
      expect((await call()).headers).toMatchObject({
        'x-ratelimit-limit-requests': '2',
        'x-ratelimit-remaining-requests': '1',
        'x-ratelimit-reset-requests': '30s',
      })
      await call()
      const refused = await call()

      expect(refused.status).toBe(429)
      expect(refused.json).toMatchObject({
        error: { message: expect.stringContaining('2 requests a minute for this token') },
        code: 'overloaded',
        reason: 'requests_limit',
        retryable: true,
        retryAfterMs: expect.any(Number),
      })
      const retryAfter = Number(refused.headers['retry-after'])
      expect(retryAfter).toBeGreaterThan(0)
      expect(retryAfter).toBeLessThanOrEqual(30)
      expect(refused.headers['x-ratelimit-remaining-requests']).toBe('0')
      expect(engine.received).toHaveLength(2)
      expect((await rig.call('/e/acme/chat/', { body: '{}' })).status).toBe(200)
      await soon(() => expect(rig.arrivalsOf(id)).toBe(3))
      const page = await rig.call('/metrics', { token: 'mine' })
      expect(page.text).toContain(
        'berth_gateway_limit_refusals_total{endpoint="acme/chat",limit="requests"} 1\n',
      )
    })

    test('the limit of an endpoint holds for all its callers together', async () => {
      const { rig, call } = await rigWith({ endpoint: { requestsPerMinute: 1 } })
      expect((await call()).status).toBe(200)
      const refused = await rig.call(CHAT, { body: '{}' })
      expect(refused).toMatchObject({ status: 429 })
      expect(refused.json).toMatchObject({
        error: { message: expect.stringContaining('endpoint "acme/chat"') },
      })
    })

    test('a request that one limit refuses uses up nothing of another', async () => {
      const { rig, call } = await rigWith({
        token: { requestsPerMinute: 5 },
        endpoint: { requestsPerMinute: 1 },
      })
      await call()
      for (let i = 0; i < 9; i++) expect((await call()).status).toBe(429)
      rig.put('chat', { limits: {} })
      await soon(async () =>
        expect((await call()).headers).toHaveProperty('x-ratelimit-remaining-requests', '3'),
      )
    })

    test('tokens are counted when they are known: the answer that crosses the limit is the last', async () => {
      const { call } = await rigWith({ token: { tokensPerMinute: 100 } })
      const first = await call()
      expect(first.headers).toMatchObject({
        'x-ratelimit-limit-tokens': '100',
        'x-ratelimit-remaining-tokens': '100',
        'x-ratelimit-reset-tokens': '0ms',
      })
      const second = await soon(async () => {
        const answer = await call()
        expect(answer.status).toBe(429)
        return answer
      })
      expect(second.json).toMatchObject({ reason: 'tokens_limit' })
      // 150 of 100 were used, so it takes half a minute to be out of debt.
      expect(Number(second.headers['retry-after'])).toBeGreaterThan(25)
      expect(second.headers['x-ratelimit-remaining-tokens']).toBe('0')
    })

    test('so many requests at a time, and a client that leaves makes room', async () => {
      const { rig, engine } = await rigWith({ token: { concurrentRequests: 1 } })
      const slow = await rig.engine('r2', () => {})
      rig.put('chat', { replicas: [slow.replica] })
      const leaving = new AbortController()
      await soon(() => expect(engine.received).toHaveLength(0))
      const first = rig.call(CHAT, { body: '{}', token: 'mine', signal: leaving.signal })
      await soon(() => expect(slow.received).toHaveLength(1))

      const refused = await rig.call(CHAT, { body: '{}', token: 'mine' })
      expect(refused).toMatchObject({ status: 429 })
      expect(refused.json).toMatchObject({ reason: 'concurrency_limit' })

      leaving.abort()
      await expect(first).rejects.toThrow()
      rig.put('chat', { replicas: [engine.replica] })
      await soon(async () => expect((await rig.call(CHAT, { body: '{}', token: 'mine' })).status).toBe(200))
    })

    test('a body that is announced as too large is not read', async () => {
      const { rig, engine, call } = await rigWith({
        token: { bodyBytes: 100 },
        endpoint: { bodyBytes: 1_000 },
      })
      expect((await call('x'.repeat(100))).status).toBe(200)
      const refused = await call('x'.repeat(101))
      expect(refused.status).toBe(413)
      // What is not read need not come.
      const unsent = new Promise((resolve, reject) => {
        const headers = { 'content-length': '101' }
        const request = rig.begin(CHAT, { method: 'POST', token: 'mine', headers })
        request.on('error', reject)
        request.on('response', (response) => {
          resolve(response.statusCode)
          request.destroy()
        })
        request.flushHeaders()
      })
      expect(await unsent).toBe(413)
      expect(refused.json).toMatchObject({ code: 'too_large', reason: 'body_limit', retryable: false })
      expect(refused.text).toContain('100 bytes')
      expect(engine.received).toHaveLength(1)
      const page = await rig.call('/metrics', { token: 'mine' })
      expect(page.text).toContain('limit_refusals_total{endpoint="acme/chat",limit="body"} 2\n')
    })

    test('a body that grows too large on its way is refused, and its replica is not blamed', async () => {
      const { rig, engine, call } = await rigWith({ token: { bodyBytes: 1_000 } })
      const answer = new Promise<number>((resolve, reject) => {
        const request = rig.begin(CHAT, { method: 'POST', token: 'mine' })
        request.on('error', reject)
        request.on('response', (response) => {
          response.resume()
          request.destroy()
          resolve(response.statusCode ?? 0)
        })
        request.write('x'.repeat(900))
        request.write('x'.repeat(200))
      })
      expect(await answer).toBe(413)
      expect(engine.received).toHaveLength(0)
      expect((await call()).status).toBe(200)
      expect(rig.said.filter(({ kind }) => kind === 'suspect')).toEqual([])
    })

    test('a model named in a body is found before the limit of its endpoint is known', async () => {
      const { rig, engine } = await rigWith({ endpoint: { bodyBytes: 50 } })
      const body = JSON.stringify({ model: 'acme/chat', pad: 'x'.repeat(100) })
      expect((await rig.call('/v1/chat/completions', { body })).status).toBe(413)

      // Nothing more of it arrives that could be found too much.
      const inChunks = await new Promise((resolve, reject) => {
        const request = rig.begin('/v1/chat/completions', { method: 'POST' })
        request.on('error', reject)
        request.on('response', (response) => {
          response.resume()
          resolve(response.statusCode)
        })
        request.write(body)
        request.end()
      })
      expect(inChunks).toBe(413)
      expect(engine.received).toHaveLength(0)
    })

    test('a limit of zero says that waiting will not help', async () => {
      const { call } = await rigWith({ token: { requestsPerMinute: 0 } })
      const refused = await call()
      expect(refused).toMatchObject({ status: 429 })
      expect(refused.json).toMatchObject({ code: 'quota_exceeded', retryable: false })
      expect(refused.headers).not.toHaveProperty('retry-after')
    })
  })
}
