/** Who answers in an endpoint's place, as tests; a part of `conformance.ts`. */
import { describe, expect, test } from 'vitest'
import type { RoutedFallback } from '../link/messages.ts'
import { type Engine, type OpenGateway, type Rig, rigsOf, soon } from './conformance-rig.ts'

const CHAT = '/e/acme/chat/v1/chat/completions'
const body = JSON.stringify({ model: 'acme/chat', messages: [{ role: 'user', content: 'hi' }] })
const ALL = ['cold', 'overloaded', 'failed'] as const
const toSpare: RoutedFallback = { on: ALL, to: { kind: 'endpoint', name: 'spare' } }
const outside = (port: number): RoutedFallback => ({
  on: ALL,
  to: {
    kind: 'external',
    baseUrl: `http://127.0.0.1:${port}/api/v1/`,
    model: 'their-model',
    key: 'their-key',
  },
})

export function describeFallback(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  /** An endpoint that sleeps, one that answers for it, and a server elsewhere. */
  async function start(
    fallback: (elsewhere: Engine) => RoutedFallback,
  ): Promise<{ rig: Rig; elsewhere: Engine }> {
    const rig = await runningRig()
    const spare = await rig.engine('spare-1')
    const elsewhere = await rig.engine('elsewhere', (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'x-theirs': 'yes', 'set-cookie': 'a=b' })
      response.end('{"usage":{"prompt_tokens":3,"completion_tokens":4}}')
    })
    rig.put('spare', { replicas: [spare.replica], access: 'private' })
    rig.put('chat', { state: 'scaledToZero', fallback: fallback(elsewhere) })
    rig.grant('mine', ['acme'])
    return { rig, elsewhere }
  }

  describe(`${name}: fallbacks`, () => {
    test('while the endpoint is cold another one answers, and the cold one is woken', async () => {
      const { rig } = await start(() => toSpare)
      const answer = await rig.call(CHAT, { body, token: 'mine' })
      expect(answer.status).toBe(200)
      expect(answer.headers).toMatchObject({
        'x-berth-fallback': 'acme/spare; reason=cold',
        'x-berth-replica': 'spare-1',
      })
      expect(answer.json['body']).toBe(body)
      expect(rig.said).toContainEqual(expect.objectContaining({ kind: 'wake', id: 'id-chat' }))
      await soon(() => expect(rig.usage).toHaveLength(2))
      expect(rig.usage).toContainEqual(
        expect.objectContaining({ endpointId: 'id-spare', insteadOf: 'id-chat' }),
      )
      expect(rig.usage).toContainEqual(
        expect.objectContaining({ endpointId: 'id-chat', via: 'fallback', status: 200 }),
      )
      const page = (await rig.call('/metrics', { token: 'mine' })).text
      expect(page).toContain('berth_gateway_fallback_requests_total{endpoint="acme/chat",reason="cold"} 1')
    })

    test('who says how long to wait waits first', async () => {
      const { rig } = await start(() => toSpare)
      const waiting = rig.call(CHAT, { body, headers: { 'x-scale-up-timeout': '30' } })
      await soon(() => expect(rig.said.some(({ kind }) => kind === 'wake')).toBe(true))
      rig.put('chat', { state: 'running', replicas: [(await rig.engine('own')).replica] })
      expect((await waiting).headers).toMatchObject({ 'x-berth-replica': 'own' })
      rig.put('chat', { state: 'scaledToZero', replicas: [] })
      await soon(async () => {
        const late = await rig.call(CHAT, { body, headers: { 'x-scale-up-timeout': '0.01' } })
        expect(late.headers['x-berth-fallback']).toBe('acme/spare; reason=cold')
      })
    })

    test('a failed endpoint, and one whose replicas break, are stood in for; a paused one is not', async () => {
      const { rig } = await start(() => toSpare)
      const broken = await rig.engine('broken', (request) => void request.socket.destroy())
      rig.put('chat', { state: 'failed' })
      await soon(async () =>
        expect((await rig.call(CHAT, { body })).headers['x-berth-fallback']).toContain('reason=failed'),
      )
      rig.put('chat', { state: 'running', replicas: [broken.replica] })
      await soon(() => expect(broken.received.length).toBe(0))
      const answer = await rig.call(CHAT, { body })
      expect(answer.headers['x-berth-fallback']).toContain('acme/spare')
      expect(answer.status).toBe(200)
      rig.put('chat', { state: 'paused', replicas: [] })
      await soon(async () => expect((await rig.call(CHAT, { body })).status).toBe(503))
    })

    test('it is for the reasons that the endpoint names, and for no limit of a caller', async () => {
      const { rig } = await start(() => ({ ...toSpare, on: ['failed'] }))
      const cold = await rig.call(CHAT, { body, headers: { 'x-scale-up-timeout': '0' } })
      expect(cold).toMatchObject({ status: 503, json: { code: 'waking' } })
      rig.put('chat', { fallback: toSpare, limits: { requestsPerMinute: 0 } })
      await soon(async () => expect((await rig.call(CHAT, { body })).status).toBe(429))
    })

    test("a server elsewhere gets its own key and model, and nothing of the caller's but the body", async () => {
      const { rig, elsewhere } = await start(({ port }) => outside(port))
      const headers = { 'x-secret': 'sesame', cookie: 'a=sesame', 'x-request-id': 'r-1' }
      const answer = await rig.call(`${CHAT}?a=b`, { body, token: 'mine', headers })
      expect(answer.status).toBe(200)
      expect(answer.headers).toMatchObject({
        'x-berth-fallback': `127.0.0.1:${elsewhere.port}; reason=cold`,
        'x-request-id': 'r-1',
        'x-theirs': 'yes',
      })
      expect(answer.headers).not.toHaveProperty('set-cookie')
      const [{ request, body: sent }] = elsewhere.received as [(typeof elsewhere.received)[0]]
      expect(request.url).toBe('/api/v1/chat/completions?a=b')
      expect(JSON.parse(sent.toString())).toEqual({ ...JSON.parse(body), model: 'their-model' })
      expect(request.headers['authorization']).toBe('Bearer their-key')
      expect(JSON.stringify(request.rawHeaders)).not.toContain('sesame')
      await soon(() => expect(rig.usage).toHaveLength(1))
      expect(rig.usage[0]).toMatchObject({
        via: 'external',
        replicaId: null,
        inputTokens: 3,
        outputTokens: 4,
      })
    })

    test('what is labelled local never leaves, and a label that nobody knows is refused', async () => {
      const { rig, elsewhere } = await start(({ port }) => outside(port))
      const local = { 'x-berth-privacy': 'local', 'x-scale-up-timeout': '0' }
      expect(await rig.call(CHAT, { body, headers: local })).toMatchObject({
        status: 503,
        json: { code: 'waking' },
      })
      const typo = await rig.call(CHAT, { body, headers: { 'x-berth-privacy': 'Local' } })
      expect(typo).toMatchObject({ status: 400, json: { field: 'x-berth-privacy' } })
      // Not by way of another endpoint either.
      rig.put('spare', { state: 'failed', replicas: [], fallback: outside(elsewhere.port) })
      rig.put('chat', { fallback: toSpare })
      await soon(async () => {
        const answer = await rig.call(CHAT, { body, headers: local })
        expect(answer.headers['x-berth-fallback']).toBe('acme/spare; reason=cold')
        expect(answer.status).toBe(503)
      })
      expect(elsewhere.received).toEqual([])
      const open = await rig.call(CHAT, { body, headers: { 'x-scale-up-timeout': '0' } })
      expect(open.headers['x-berth-fallback']).toBe(`127.0.0.1:${elsewhere.port}; reason=failed`)
    })

    test('a stream from elsewhere passes as it comes, and a server that is not there is said to be the fallback', async () => {
      const { rig } = await start(({ port }) => outside(port))
      const streaming = await rig.engine('streaming', (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: {"choices":[{"delta":{"content":"a"}}]}\n\n')
        setImmediate(() => response.end('data: [DONE]\n\n'))
      })
      rig.put('chat', { fallback: outside(streaming.port) })
      await soon(async () => {
        const { text } = await rig.call(CHAT, { body: JSON.stringify({ stream: true }) })
        expect(text).toBe('data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n')
      })
      await streaming.close()
      const answer = await rig.call(CHAT, { body })
      expect(answer).toMatchObject({ status: 502, json: { code: 'bad_gateway' } })
      expect(answer.text).toContain('The fallback at')
    })

    test('a circle that changes made at the same time ends', async () => {
      const { rig } = await start(() => toSpare)
      rig.put('spare', {
        state: 'failed',
        replicas: [],
        fallback: { on: ALL, to: { kind: 'endpoint', name: 'chat' } },
      })
      await soon(async () => {
        const answer = await rig.call(CHAT, { body, headers: { 'x-scale-up-timeout': '0' } })
        expect(answer.status).toBe(503)
        expect(answer.headers['x-berth-fallback']).toBe('acme/spare; reason=cold')
      })
    })
  })
}
