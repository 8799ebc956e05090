/** Who may call what, and by which name, as tests; a part of `conformance.ts`. */
import { describe, expect, test } from 'vitest'
import { type OpenGateway, rigsOf, soon } from './conformance-rig.ts'

export function describeAddresses(name: string, openGateway: OpenGateway): void {
  const { rigWith, runningRig } = rigsOf(openGateway)

  describe(`${name}: who may call what`, () => {
    test('public, authenticated and private endpoints ask for what their names say', async () => {
      const rig = await runningRig()
      const { replica } = await rig.engine('r1')
      for (const access of ['public', 'authenticated', 'private'] as const) {
        rig.put(access, { access, replicas: [replica] })
      }
      rig.grant('member', ['acme'])
      rig.grant('stranger', ['elsewhere'])
      const statuses = async (token?: string) =>
        Promise.all(
          ['public', 'authenticated', 'private'].map(
            async (name) => (await rig.call(`/e/acme/${name}/`, token === undefined ? {} : { token })).status,
          ),
        )

      expect(await statuses()).toEqual([200, 401, 401])
      expect(await statuses('nobody')).toEqual([200, 401, 401])
      expect(await statuses('stranger')).toEqual([200, 200, 403])
      expect(await statuses('member')).toEqual([200, 200, 200])
      rig.revoke('member')
      await soon(async () => expect(await statuses('member')).toEqual([200, 401, 401]))
      expect((await rig.call('/e/acme/private/')).headers['www-authenticate']).toContain('Bearer')
    })

    test('an unknown endpoint is answered with those that the caller may call', async () => {
      const rig = await runningRig()
      rig.put('chat', { access: 'private' })
      rig.put('secret', { access: 'private', namespace: 'others' })
      rig.grant('member', ['acme'])

      const known = await rig.call('/e/acme/chta/', { token: 'member' })
      expect(known).toMatchObject({ status: 404, json: { code: 'not_found' } })
      expect(known.json['error']).toContain('There is no endpoint "acme/chta" here. There is: acme/chat.')
      expect((await rig.call('/e/acme/chta/')).text).not.toContain('acme/chat')
    })

    test('before the first snapshot every answer about endpoints says that it is too early', async () => {
      const rig = await rigWith()
      expect(await rig.call('/e/acme/chat/')).toMatchObject({
        status: 503,
        json: { code: 'unavailable', reason: 'no_snapshot' },
      })
      expect((await rig.call('/readyz')).status).toBe(503)
      expect((await rig.call('/livez')).status).toBe(200)
      rig.put('chat')
      await rig.startControl()
      expect((await rig.call('/readyz')).json).toEqual({
        status: 'ready',
        control: 'connected',
        endpoints: 1,
      })
    })
  })

  describe(`${name}: addresses`, () => {
    test('an OpenAI-shaped body chooses its endpoint by model, bare where that is clear', async () => {
      const rig = await runningRig()
      const [a, b] = [await rig.engine('ra'), await rig.engine('rb')]
      rig.put('chat', { access: 'private', replicas: [a.replica] })
      rig.put('chat', { access: 'private', namespace: 'others', replicas: [b.replica] })
      rig.grant('member', ['acme'])
      rig.grant('both', ['acme', 'others'])
      const ask = (model: string, token: string) =>
        rig.call('/v1/chat/completions?x=1', {
          body: JSON.stringify({ messages: ['x'.repeat(200_000)], model }),
          token,
        })

      const answer = await ask('acme/chat', 'member')
      expect(answer.headers['x-berth-replica']).toBe('ra')
      expect(answer.json['url']).toBe('/v1/chat/completions?x=1')
      expect((await ask('chat', 'member')).headers['x-berth-replica']).toBe('ra')
      expect((await ask('others/chat', 'both')).headers['x-berth-replica']).toBe('rb')
      expect(await ask('chat', 'both')).toMatchObject({
        status: 400,
        json: {
          reason: 'ambiguous_endpoint',
          error: { message: expect.stringMatching(/acme\/chat or others\/chat/) },
        },
      })
      expect((await ask('others/chat', 'member')).status).toBe(403)
      expect((await ask('nope', 'member')).status).toBe(404)
    })

    test('a body without a model is refused and says what to set', async () => {
      const rig = await runningRig()
      for (const body of ['{}', 'not json', '', '{"model":7}', '[]']) {
        const answer = await rig.call('/v1/completions', { body })
        expect(answer).toMatchObject({ status: 400, json: { code: 'invalid', field: 'model' } })
      }
    })

    test('a spoken form names its model in a field', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      rig.put('ears', { replicas: [engine.replica] })
      const body = `--XY\r\nContent-Disposition: form-data; name="model"\r\n\r\nacme/ears\r\n--XY\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n${'R'.repeat(100_000)}\r\n--XY--\r\n`
      const { json } = await rig.call('/v1/audio/transcriptions', {
        body,
        headers: { 'content-type': 'multipart/form-data; boundary=XY' },
      })
      expect(json).toMatchObject({ url: '/v1/audio/transcriptions', body })
    })

    test('the model list shows what the caller may call, whatever its state', async () => {
      const rig = await runningRig()
      rig.put('open')
      rig.put('mine', { access: 'private', state: 'scaledToZero' })
      rig.put('theirs', { access: 'private', namespace: 'others' })
      rig.grant('member', ['acme'])
      const ids = async (token?: string) =>
        (
          (await rig.call('/v1/models', token === undefined ? {} : { token })).json['data'] as {
            id: string
          }[]
        ).map(({ id }) => id)

      expect(await ids('member')).toEqual(['acme/mine', 'acme/open'])
      expect(await ids()).toEqual(['acme/open'])
      expect((await rig.call('/v1/models', { token: 'wrong' })).status).toBe(401)
      expect((await rig.call('/v1/models/acme%2Fmine', { token: 'member' })).json['id']).toBe('acme/mine')
      expect((await rig.call('/v1/models/others/theirs', { token: 'member' })).status).toBe(403)
    })

    test('a host below the domain is an endpoint', async () => {
      const rig = await runningRig({}, 'berth.test')
      const engine = await rig.engine('r1')
      rig.put('my-chat', { namespace: 'Acme-1', replicas: [engine.replica] })
      const at = (host: string) => rig.call('/readyz?x', { headers: { host } })
      expect((await at('my-chat-acme-1.berth.test')).json['url']).toBe('/readyz?x')
      expect((await at('nope.berth.test')).status).toBe(404)
      expect((await at('berth.test')).json['status']).toBe('ready')
    })

    test('everything else is for the control process, which is missed with a reason', async () => {
      const rig = await runningRig()
      const down = await rig.call('/v2/endpoint/acme')
      expect(down).toMatchObject({ status: 503, json: { code: 'unavailable', reason: 'control_down' } })

      await rig.controlServer((request, response, body) => {
        response.writeHead(201, { 'x-request-id': 'its-own' })
        response.end(JSON.stringify({ url: request.url, headers: request.headers, body: body.toString() }))
      })
      const up = await rig.call('/v2/endpoint/acme?x=1', {
        body: '{"a":1}',
        token: 'mine',
        headers: { host: 'berth.me' },
      })
      expect(up).toMatchObject({
        status: 201,
        json: {
          url: '/v2/endpoint/acme?x=1',
          body: '{"a":1}',
          headers: { authorization: 'Bearer mine', host: 'berth.me' },
        },
      })
      expect(up.headers['x-request-id']).toBe((up.json['headers'] as Record<string, string>)['x-request-id'])
    })
  })
}
