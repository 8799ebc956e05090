/** How a gateway answers later, as tests; a part of `conformance.ts`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Handler, type OpenGateway, type Rig, rigsOf, soon } from './conformance-rig.ts'

const ASYNC = { prefer: 'respond-async' }

type Asked = { readonly token?: string; readonly headers?: Readonly<Record<string, string>> }

async function defer(rig: Rig, url: string, body: string, { token, headers }: Asked = {}): Promise<string> {
  const answer = await rig.call(url, {
    body,
    headers: { ...ASYNC, ...headers },
    ...(token === undefined ? {} : { token }),
  })
  expect(answer).toMatchObject({
    status: 202,
    headers: { 'preference-applied': 'respond-async', 'x-berth-deferred': 'pending' },
  })
  expect(answer.headers.location).toBe(answer.json['status_url'])
  return answer.headers.location!
}

const done = (rig: Rig, url: string, asked: Asked = {}) =>
  soon(async () => {
    const answer = await rig.call(url, asked)
    expect(answer.headers['x-berth-deferred']).toBe('done')
    return answer
  })

export function describeDeferred(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  describe(`${name}: answers that are fetched later`, () => {
    test('a sleeping endpoint is woken, and its answer is there once it has answered', async () => {
      const rig = await runningRig()
      const start = { since: null, usualMs: 4_200, earliestMs: 3_000, latestMs: 6_000 }
      const id = rig.put('chat', { state: 'scaledToZero', message: 'Scaled to zero.', start })
      const engine = await rig.engine('r1', (request, response, body) => {
        response.writeHead(201, { 'content-type': 'text/plain', 'x-engine': 'yes' })
        response.end(`${request.method} ${request.url} ${body.toString()}`)
      })

      const url = await defer(rig, '/e/acme/chat/x?y=1', 'hello')
      expect(url).toMatch(/^\/e\/acme\/chat\/\.berth\/requests\/gw-test\.[a-z2-7]{32}$/)
      await soon(() => expect(rig.said).toContainEqual({ kind: 'wake', id, waiting: 1 }))
      const pending = await rig.call(url)
      expect(pending).toMatchObject({
        status: 202,
        headers: { 'retry-after': '5', 'cache-control': 'no-store' },
        json: {
          status: 'pending',
          status_url: url,
          position: 1,
          message: 'Scaled to zero.',
          etaMs: 4_200,
          etaRangeMs: [3_000, 6_000],
        },
      })
      rig.put('chat', { state: 'running', replicas: [engine.replica] })

      const answer = await done(rig, url)
      expect(answer).toMatchObject({
        status: 201,
        headers: { 'content-type': 'text/plain', 'x-engine': 'yes', 'x-berth-replica': 'r1' },
        text: 'POST /x?y=1 hello',
      })
      expect((await rig.call(url)).text).toBe(answer.text)
      expect(engine.received).toHaveLength(1)
      expect(engine.received[0]!.request.headers).not.toHaveProperty('prefer')
      await soon(() => expect(rig.usage).toMatchObject([{ endpointId: id, status: 201, replicaId: 'r1' }]))
    })

    test('who waits is told the place, who is worked on that it is', async () => {
      const rig = await runningRig()
      let answer = () => {}
      const engine = await rig.engine('r1', (_request, response) => {
        answer = () => response.end('{}')
      })
      const id = rig.put('chat', {
        replicas: [engine.replica],
        routing: { policy: 'least-requests', room: 1 },
      })
      const urls = [await defer(rig, '/e/acme/chat/', '1'), await defer(rig, '/e/acme/chat/', '2')]
      urls.push(await defer(rig, '/e/acme/chat/', '3'))
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ waiting: 2, inFlight: 1 }))
      await soon(() => expect(engine.received).toHaveLength(1))
      const places = await Promise.all(urls.map(async (url) => (await rig.call(url)).json['position']))
      expect(places).toEqual([null, 1, 2])
      for (const url of urls) {
        await soon(async () => {
          answer()
          await done(rig, url)
        })
      }
    })

    test('a request named by its model is fetched below the endpoint, and a stream comes whole', async () => {
      const rig = await runningRig({ firstCommentMs: 1, commentEveryMs: 1 })
      rig.put('chat', { state: 'scaledToZero' })
      const engine = await rig.engine('r1', (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: {"a":1}\n\n')
        response.end('data: [DONE]\n\n')
      })
      const url = await defer(rig, '/v1/chat/completions', '{"model":"acme/chat","stream":true}')
      expect(url).toMatch(/^\/e\/acme\/chat\/\.berth\/requests\//)
      expect((await rig.call(url)).status).toBe(202)
      rig.put('chat', { state: 'running', replicas: [engine.replica] })
      const { status, headers, text } = await done(rig, url)
      expect({ status, type: headers['content-type'], text }).toEqual({
        status: 200,
        type: 'text/event-stream',
        text: 'data: {"a":1}\n\ndata: [DONE]\n\n',
      })
    })

    test('an endpoint with a host of its own is asked there', async () => {
      const rig = await runningRig({}, 'berth.test')
      const engine = await rig.engine('r1')
      rig.put('chat', { replicas: [engine.replica] })
      const headers = { host: 'chat-acme.berth.test' }
      const url = await defer(rig, '/x', '{}', { headers })
      expect(url).toMatch(/^\/\.berth\/requests\//)
      expect((await done(rig, url, { headers })).json).toMatchObject({ url: '/x', body: '{}' })
    })

    test('nobody fetches what another token asked for, and nobody guesses what asked without one', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      for (const token of ['mine', 'yours']) rig.grant(token, ['acme'])
      rig.grant('stranger', ['other'])
      rig.put('chat', { access: 'private', replicas: [engine.replica] })
      rig.put('open', { replicas: [engine.replica] })
      const url = await defer(rig, '/e/acme/chat/', '{}', { token: 'mine' })
      await done(rig, url, { token: 'mine' })
      const status = async (at: string, token?: string, method = 'GET') =>
        (await rig.call(at, { method, ...(token === undefined ? {} : { token }) })).status
      expect(await status(url)).toBe(401)
      expect(await status(url, 'stranger')).toBe(403)
      expect(await status(url, 'yours')).toBe(404)
      expect(await status(url, 'yours', 'DELETE')).toBe(404)
      expect(await status(url.replace('chat', 'open'), 'mine')).toBe(404)
      expect(await status(url, 'mine')).toBe(200)

      const open = await defer(rig, '/e/acme/open/', '{}')
      await done(rig, open)
      expect(await status(`${open.slice(0, -1)}${open.endsWith('a') ? 'b' : 'a'}`)).toBe(404)
      expect(await status(open, 'mine')).toBe(404)
      expect(await status('/e/acme/open/.berth/requests/')).toBe(404)
      expect(await status('/e/acme/open/.berth/requests/../../x')).toBe(404)
      expect(await status(open, undefined, 'POST')).toBe(400)
      expect(engine.received).toHaveLength(2)
    })

    test('giving up ends the work and the wait', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', () => {})
      const id = rig.put('chat', {
        replicas: [engine.replica],
        routing: { policy: 'least-requests', room: 1 },
      })
      const running = await defer(rig, '/e/acme/chat/', '1')
      await soon(() => expect(engine.received).toHaveLength(1))
      const waiting = await defer(rig, '/e/acme/chat/', '2')
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ waiting: 1, inFlight: 1 }))
      for (const url of [waiting, running]) {
        expect((await rig.call(url, { method: 'DELETE' })).status).toBe(204)
        expect((await rig.call(url)).status).toBe(404)
      }
      await soon(() => expect(engine.aborted).toBe(1))
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ waiting: 0, inFlight: 0 }))
      expect(rig.gateway.busy).toBe(0)
    })

    test('what can be refused at once is refused at once, as without the preference', async () => {
      const rig = await runningRig({ heldRequests: 1 })
      rig.grant('one', ['acme'], { concurrentRequests: 0 })
      rig.put('paused', { state: 'paused' })
      rig.put('full', { state: 'scaledToZero' })
      const ask = (url: string, more = {}) => rig.call(url, { body: '{}', headers: ASYNC, ...more })
      expect(await ask('/e/acme/paused/')).toMatchObject({ status: 503, json: { code: 'paused' } })
      expect(await ask('/e/acme/none/')).toMatchObject({ status: 404 })
      expect(await ask('/e/acme/full/', { token: 'one' })).toMatchObject({ status: 429 })
      expect(await ask('/e/acme/full/', { headers: { ...ASYNC, 'x-scale-up-timeout': '0' } })).toMatchObject({
        status: 503,
        json: { code: 'waking' },
      })
      const held = await defer(rig, '/e/acme/full/', '{}')
      expect(await ask('/e/acme/full/')).toMatchObject({ status: 429, json: { reason: 'line_requests' } })
      expect((await rig.call(held, { method: 'DELETE' })).status).toBe(204)
      await soon(() => expect(rig.gateway.busy).toBe(0))
    })

    test('what goes wrong later is the answer', async () => {
      const rig = await runningRig()
      rig.put('chat', { state: 'scaledToZero' })
      const url = await defer(rig, '/e/acme/chat/v1/chat/completions', '{}')
      rig.put('chat', { state: 'failed', failure: 'out of memory' })
      const { status, json } = await done(rig, url)
      expect({ status, json }).toMatchObject({
        status: 503,
        json: { error: { message: expect.stringContaining('out of memory'), code: 'endpoint_failed' } },
      })
    })

    test('an answer that breaks off is an error and no half of an answer', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.write('{"half":')
        setImmediate(() => response.destroy())
      })
      rig.put('chat', { replicas: [engine.replica] })
      const { status, json } = await done(rig, await defer(rig, '/e/acme/chat/', '{}'))
      expect({ status, json }).toMatchObject({ status: 502, json: { code: 'bad_gateway' } })
    })

    test('bodies, answers, their number and their time are bounded', async () => {
      const rig = await runningRig({
        deferredBodyBytes: 10,
        deferredAnswerBytes: 100,
        deferredAnswersBytes: 150,
        deferredRequests: 3,
        deferredRequestsOfOne: 2,
      })
      rig.grant('mine', ['acme'])
      const engine = await rig.engine('r1', (_request, response, body) =>
        response.end('x'.repeat(Number(body))),
      )
      rig.put('chat', { replicas: [engine.replica] })
      rig.put('cold', { state: 'scaledToZero' })
      const tooLarge = await rig.call('/e/acme/chat/', { body: '12345678901', headers: ASYNC })
      expect(tooLarge).toMatchObject({ status: 413, json: { code: 'too_large', reason: 'deferred_body' } })
      const chunked = rig.begin('/e/acme/chat/', { method: 'POST', headers: ASYNC })
      const status = new Promise<number>((resolve) =>
        chunked.on('response', (it) => {
          it.resume()
          resolve(it.statusCode ?? 0)
        }),
      )
      chunked.write('123456')
      chunked.end('789012')
      expect(await status).toBe(413)

      const large = await done(rig, await defer(rig, '/e/acme/chat/', '101'))
      expect(large).toMatchObject({ status: 502, json: { reason: 'deferred_answer' } })
      const first = await defer(rig, '/e/acme/chat/', '100')
      expect((await done(rig, first)).text).toHaveLength(100)
      // The first was fetched, so it makes room for the second.
      const second = await defer(rig, '/e/acme/chat/', '80')
      expect((await done(rig, second)).text).toHaveLength(80)
      expect((await rig.call(first)).status).toBe(404)

      const mine = [
        await defer(rig, '/e/acme/cold/', '1', { token: 'mine' }),
        await defer(rig, '/e/acme/cold/', '1', { token: 'mine' }),
      ]
      const full = await rig.call('/e/acme/cold/', { body: '1', headers: ASYNC, token: 'mine' })
      expect(full).toMatchObject({
        status: 429,
        headers: { 'retry-after': '2' },
        json: { code: 'overloaded', reason: 'deferred_requests' },
      })
      await defer(rig, '/e/acme/cold/', '1')
      const everybody = await rig.call('/e/acme/cold/', { body: '1', headers: ASYNC })
      expect(everybody).toMatchObject({ status: 429, json: { reason: 'deferred_requests' } })
      for (const url of mine) await rig.call(url, { method: 'DELETE', token: 'mine' })
      await defer(rig, '/e/acme/cold/', '1')
    })

    test('an answer is kept for a while and then no more', async () => {
      const rig = await runningRig({ deferredAnswerMs: 30 })
      const engine = await rig.engine('r1')
      rig.put('chat', { replicas: [engine.replica] })
      const url = await defer(rig, '/e/acme/chat/', '{}')
      await soon(async () =>
        expect(await rig.call(url)).toMatchObject({ status: 404, json: { reason: 'deferred_unknown' } }),
      )
    })

    test('any worker of the gateway fetches it, and says so when the one that had it is gone', async () => {
      const companyDirectory = await mkdtemp(path.join(tmpdir(), 'company-'))
      onTestFinished(() => rm(companyDirectory, { recursive: true, force: true }))
      const worker = (gatewayId: string) => runningRig({}, undefined, { gatewayId, companyDirectory })
      const [a, b] = [await worker('gw-a'), await worker('gw-b')]
      const engine = await a.engine('r1')
      for (const rig of [a, b]) {
        rig.grant('mine', ['acme'])
        rig.put('chat', { access: 'private', replicas: [engine.replica] })
      }
      const asked = { token: 'mine' }
      const url = await defer(a, '/e/acme/chat/', '{"n":1}', asked)
      expect(url).toContain('/gw-a.')
      expect((await done(b, url, asked)).json).toMatchObject({ body: '{"n":1}' })
      expect((await b.call(url, { ...asked, method: 'DELETE' })).status).toBe(204)
      expect((await b.call(url, asked)).json).toMatchObject({ reason: 'deferred_unknown' })
      await a.gateway.close(0)
      expect(await b.call(url, asked)).toMatchObject({ status: 404, json: { reason: 'deferred_lost' } })
    })

    test('a worker that leaves stays until its answers are fetched, and answers for the others meanwhile', async () => {
      const companyDirectory = await mkdtemp(path.join(tmpdir(), 'company-'))
      onTestFinished(() => rm(companyDirectory, { recursive: true, force: true }))
      const worker = (gatewayId: string) => runningRig({}, undefined, { gatewayId, companyDirectory })
      const [a, b] = [await worker('gw-a'), await worker('gw-b')]
      const finish: (() => void)[] = []
      const slow: Handler = (_request, response) => void finish.push(() => response.end('late'))
      const engine = await a.engine('r1', slow)
      for (const rig of [a, b]) rig.put('chat', { replicas: [engine.replica] })
      const url = await defer(a, '/e/acme/chat/', '{}')
      await soon(() => expect(finish).toHaveLength(1))
      let hasLeft = false
      const leaving = a.gateway.leave(60_000).then(() => {
        hasLeft = true
      })
      expect((await b.call(url)).status).toBe(202)
      finish[0]!()
      await soon(async () => expect(await b.call(url)).toMatchObject({ status: 200, text: 'late' }))
      await leaving
      expect(hasLeft).toBe(true)
    })

    test('a preference that says something else, and a request for a head, change nothing', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      rig.put('chat', { replicas: [engine.replica] })
      const preferring = (prefer: string) => rig.call('/e/acme/chat/', { body: '{}', headers: { prefer } })
      expect((await preferring('return=minimal')).status).toBe(200)
      expect((await preferring('x="respond-async"')).status).toBe(200)
      expect((await preferring('return=minimal, Respond-Async ; x=1')).status).toBe(202)
      expect((await rig.call('/e/acme/chat/', { method: 'HEAD', headers: ASYNC })).status).toBe(200)
    })
  })
}
