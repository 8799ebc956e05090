/** How a gateway asks replicas for adapters, as tests; a part of `conformance.ts`. */
import { describe, expect, test } from 'vitest'
import type { RoutedAdapter } from '../domain/adapter.ts'
import type { RoutedEndpoint, RoutedReplica } from '../link/messages.ts'
import { type Engine, type Handler, type OpenGateway, type Rig, rigsOf, soon } from './conformance-rig.ts'
import type { GatewayLimits } from './limits.ts'

const HASH = 'a'.repeat(64)
const NEW_HASH = 'b'.repeat(64)
const SUPPORT: RoutedAdapter = { hash: HASH, members: { model: 'support-aaaaaaaaaaaa' } }
const MESSAGES = [{ role: 'user', content: 'Hi' }]

const answers: Handler = (_request, response, body) => {
  response.writeHead(200, { 'content-type': 'application/json', 'x-berth-adapter': 'somebody else' })
  response.end(JSON.stringify({ asked: JSON.parse(body.toString()) }))
}
const withAdapters = (engine: Engine, adapters: RoutedReplica['adapters']): RoutedReplica => ({
  ...engine.replica,
  ...(adapters && { adapters }),
})

export function describeAdapters(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  async function rigWith(
    changes: Partial<RoutedEndpoint> = {},
    limits: Partial<GatewayLimits> = {},
    adapters: RoutedReplica['adapters'] = { support: SUPPORT },
  ) {
    const rig = await runningRig(limits)
    const engine = await rig.engine('r1', answers)
    rig.put('chat', { adapters: ['support'], replicas: [withAdapters(engine, adapters)], ...changes })
    return { rig, engine }
  }
  const chat = (rig: Rig, body: object, url = '/v1/chat/completions') =>
    rig.call(url, {
      body: JSON.stringify({ messages: MESSAGES, ...body }),
      headers: { 'content-type': 'application/json' },
    })

  describe(`${name}: adapters`, () => {
    test.for<[what: string, url: string, model: string]>([
      ['behind the name of its endpoint', '/v1/chat/completions', 'acme/chat:support'],
      ['by its name, at the endpoint’s address', '/e/acme/chat/v1/chat/completions', 'support'],
      ['in full, at the endpoint’s address', '/e/acme/chat/v1/chat/completions', 'acme/chat:support'],
    ])('one is asked for %s', async ([, url, model]) => {
      const { rig } = await rigWith()
      const answer = await chat(rig, { model, temperature: 0 }, url)
      expect(answer.json['asked']).toEqual({
        messages: MESSAGES,
        model: 'support-aaaaaaaaaaaa',
        temperature: 0,
      })
      expect(answer.headers['x-berth-adapter']).toBe(`support; sha256=${HASH}`)
      await soon(() => expect(rig.usage).toMatchObject([{ adapter: { name: 'support', hash: HASH } }]))
    })

    test('the model itself is asked as ever, byte by byte, and no adapter is named', async () => {
      const { rig, engine } = await rigWith()
      const body = '{ "model": "acme/chat", "messages": [] }'
      const answer = await rig.call('/v1/chat/completions', { body })
      expect(engine.received[0]?.body.toString()).toBe(body)
      expect(answer.headers['x-berth-adapter']).toBeUndefined()
      await soon(() => expect(rig.usage).toHaveLength(1))
      expect(rig.usage[0]).not.toHaveProperty('adapter')
    })

    test('a replica is asked for the content that it was started with', async () => {
      const { rig } = await rigWith()
      const later = await rig.engine('r2', answers)
      const changed = { support: { hash: NEW_HASH, members: { model: 'support-bbbbbbbbbbbb' } } }
      rig.put('chat', { replicas: [withAdapters(later, changed)] })
      await soon(async () => {
        const answer = await chat(rig, { model: 'acme/chat:support' })
        expect(answer.headers['x-berth-replica']).toBe('r2')
        expect(answer.headers['x-berth-adapter']).toBe(`support; sha256=${NEW_HASH}`)
        expect(answer.json['asked']).toMatchObject({ model: 'support-bbbbbbbbbbbb' })
      })
    })

    test('one that comes with an update is not asked of a replica from before', async () => {
      const { rig, engine } = await rigWith({ adapters: ['sales', 'support'] })
      const answer = await chat(rig, { model: 'acme/chat:sales' })
      expect(answer.status).toBe(503)
      expect(answer.json).toMatchObject({ error: { code: 'waking' } })
      expect(answer.headers['retry-after']).toBeDefined()
      expect(engine.received).toEqual([])
    })

    test.for<[what: string, adapters: readonly string[] | undefined, words: string]>([
      ['of an endpoint with others', ['support'], 'It has: support.'],
      ['of an endpoint without any', undefined, 'It serves its model alone.'],
    ])('an unknown one %s is refused, and nobody is asked', async ([, adapters, words]) => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', answers)
      rig.put('chat', { replicas: [engine.replica], ...(adapters && { adapters }) })
      const answer = await chat(rig, { model: 'acme/chat:other' })
      expect(answer.status).toBe(404)
      expect(answer.text).toContain(words)
      expect(engine.received).toEqual([])
    })

    test('whether an endpoint has an adapter is told to nobody who may not call it', async () => {
      const { rig } = await rigWith({ access: 'private' })
      rig.grant('stranger', ['elsewhere'])
      for (const adapter of ['support', 'other']) {
        const answer = await rig.call('/v1/chat/completions', {
          body: JSON.stringify({ model: `acme/chat:${adapter}` }),
          token: 'stranger',
        })
        expect(answer.status).toBe(403)
        expect(answer.text).not.toContain('adapter')
      }
    })

    test('nobody stands in for an endpoint whose adapter is asked for', async () => {
      const fallback = { on: ['failed'] as const, to: { kind: 'endpoint', name: 'spare' } as const }
      const { rig } = await rigWith({ state: 'failed', replicas: [], fallback })
      const spare = await rig.engine('s1', answers)
      rig.put('spare', { replicas: [spare.replica] })
      const url = '/e/acme/chat/v1/chat/completions'
      expect((await chat(rig, { model: 'chat' }, url)).status).toBe(200)
      for (const [model, at] of [['support', url], ['acme/chat:support']] as const) {
        expect((await chat(rig, { model }, at)).status).toBe(503)
      }
      expect(spare.received).toHaveLength(1)
    })

    test('a stream is still asked for its usage', async () => {
      const { rig, engine } = await rigWith()
      await chat(rig, { model: 'acme/chat:support', stream: true })
      expect(JSON.parse(engine.received[0]!.body.toString())).toMatchObject({
        model: 'support-aaaaaaaaaaaa',
        stream_options: { include_usage: true },
      })
    })

    test('a body that is too long to be changed, or no JSON, is refused', async () => {
      const { rig, engine } = await rigWith({}, { taskBodyBytes: 1_000, bodyStartBytes: 100 })
      const long = { model: 'acme/chat:support', padding: 'x'.repeat(100_000) }
      expect(await chat(rig, long)).toMatchObject({ status: 413 })
      const broken = await rig.call('/v1/chat/completions', { body: '{"model":"acme/chat:support",' })
      expect(broken.status).toBe(400)
      expect(engine.received).toEqual([])
    })

    test('they are listed as models of their own', async () => {
      const { rig } = await rigWith()
      const { json } = await rig.call('/v1/models')
      expect(json['data']).toMatchObject([
        { id: 'acme/chat' },
        { id: 'acme/chat:support', parent: 'acme/chat' },
      ])
      expect((await rig.call('/v1/models/acme%2Fchat:support')).json).toMatchObject({
        id: 'acme/chat:support',
      })
      expect((await rig.call('/v1/models/acme%2Fchat:other')).status).toBe(404)
    })
  })
}
