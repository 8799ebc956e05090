/** How a gateway passes requests and answers on, as tests; a part of `conformance.ts`. */
import { createHash } from 'node:crypto'
import http from 'node:http'
import net from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type OpenGateway, type Rig, rigsOf, soon } from './conformance-rig.ts'

export function describePassingOn(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  describe(`${name}: passing on`, () => {
    test('a request reaches the engine with its method, path, query and body, and its answer comes back', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      rig.put('chat', { replicas: [engine.replica] })

      const answer = await rig.call('/e/acme/chat/v1/x?q=%20a&q=b', { method: 'PUT', body: 'żółw' })

      expect(answer.status).toBe(200)
      expect(answer.json).toMatchObject({
        method: 'PUT',
        url: '/v1/x?q=%20a&q=b',
        body: Buffer.from('żółw').toString('latin1'),
      })
      expect(answer.headers['x-berth-replica']).toBe('r1')
      expect(answer.headers['x-request-id']).toMatch(/^[a-z0-9]+$/)
    })

    test("the engine gets its own key and never the caller's credentials", async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      rig.put('chat', { replicas: [engine.replica] })

      const { json } = await rig.call('/e/acme/chat/', {
        token: 'secret-token',
        headers: {
          'x-api-key': 'secret-key',
          cookie: 'session=secret',
          'x-scale-up-timeout': '3',
          'x-own': 'kept',
        },
      })

      expect(json['headers']).toMatchObject({ authorization: 'Bearer key-r1', 'x-own': 'kept' })
      expect(JSON.stringify(json)).not.toContain('secret')
      expect(json['headers']).not.toHaveProperty('x-scale-up-timeout')
    })

    test('headers meant for one connection stop here, in both directions', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', (request, response) => {
        response.writeHead(200, {
          connection: 'x-private',
          'x-private': '1',
          'keep-alive': 'timeout=1',
          'x-kept': '1',
        })
        response.end(JSON.stringify(request.headers))
      })
      rig.put('chat', { replicas: [engine.replica] })

      const { headers, json } = await rig.call('/e/acme/chat/', {
        headers: {
          connection: 'x-mine',
          'x-mine': '1',
          te: 'trailers',
          'proxy-authorization': 'x',
          upgrade: 'h2c',
        },
      })

      for (const gone of ['x-mine', 'te', 'proxy-authorization', 'upgrade'])
        expect(json).not.toHaveProperty(gone)
      expect(headers).toHaveProperty('x-kept', '1')
      expect(headers).not.toHaveProperty('x-private')
    })

    test("a caller's request id is passed on and returned; one that is unsafe to repeat is replaced", async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      rig.put('chat', { replicas: [engine.replica] })

      const good = await rig.call('/e/acme/chat/', { headers: { 'x-request-id': 'trace-1.a' } })
      expect(good.headers['x-request-id']).toBe('trace-1.a')
      expect(good.json['headers']).toMatchObject({ 'x-request-id': 'trace-1.a' })

      const bad = await rig.call('/e/acme/chat/', { headers: { 'x-request-id': 'a b<script>' } })
      expect(bad.headers['x-request-id']).toMatch(/^[a-z0-9]+$/)
    })

    test('an answer without a body stays without one: HEAD, 204 and 304', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', (request, response) => {
        response.writeHead(
          Number(request.url?.slice(1)),
          request.method === 'HEAD' ? { 'content-length': '7' } : {},
        )
        response.end()
      })
      rig.put('chat', { replicas: [engine.replica] })

      const head = await rig.call('/e/acme/chat/200', { method: 'HEAD' })
      expect(head).toMatchObject({ status: 200, text: '', headers: { 'content-length': '7' } })
      expect(await rig.call('/e/acme/chat/204')).toMatchObject({ status: 204, text: '' })
      expect(await rig.call('/e/acme/chat/304')).toMatchObject({ status: 304, text: '' })
    })

    test('events reach the client one by one, as they are written', async () => {
      const rig = await runningRig()
      let write: (text: string) => void = () => {}
      let end = () => {}
      const engine = await rig.engine('r1', (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.flushHeaders()
        write = (text) => void response.write(text)
        end = () => void response.end()
      })
      rig.put('chat', { replicas: [engine.replica] })
      let seen = ''
      const answer = rig.call('/e/acme/chat/', {
        body: '{"stream":true}',
        onText: (text) => {
          seen = text
        },
      })
      await soon(() => expect(engine.received).toHaveLength(1))

      write('data: 1\n\n')
      await soon(() => expect(seen).toBe('data: 1\n\n'))
      write('data: 2\n\n')
      await soon(() => expect(seen).toBe('data: 1\n\ndata: 2\n\n'))
      end()
      expect((await answer).headers['content-type']).toBe('text/event-stream')
    })

    test('a body sent in chunks streams to the engine before it is complete', async () => {
      const rig = await runningRig()
      let seen = ''
      const server = http.createServer((request, response) => {
        request.on('data', (chunk: Buffer) => {
          seen += chunk
        })
        request.on('end', () => response.end('done'))
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      onTestFinished(() => void server.close())
      const { port } = server.address() as net.AddressInfo
      rig.put('chat', { replicas: [{ ...(await rig.engine('r1')).replica, port }] })

      const request = rig.begin('/e/acme/chat/', { method: 'POST' })
      request.write('one')
      await soon(() => expect(seen).toBe('one'))
      request.write('two')
      await soon(() => expect(seen).toBe('onetwo'))
      const answered = new Promise((resolve) => request.on('response', resolve))
      request.end()
      expect(await answered).toMatchObject({ statusCode: 200 })
    })

    test.for([
      [10, 'chunks'],
      [300_000, 'chunks'],
      [20_000_000, 'chunks'],
      [300_000, 'a length'],
      [20_000_000, 'a length'],
    ] as const)('a body of %i bytes with %s arrives whole', async ([size, how]) => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', (_request, response, body) =>
        response.end(createHash('sha256').update(body).digest('hex')),
      )
      rig.put('chat', { replicas: [engine.replica] })
      const body = Buffer.alloc(size, 'abcdefghijk')
      const { text } =
        how === 'chunks'
          ? await sendChunked(rig, '/e/acme/chat/', body)
          : await rig.call('/e/acme/chat/', { body })
      expect(text).toBe(createHash('sha256').update(body).digest('hex'))
    })

    test('a client that does not read holds the engine back', async () => {
      const rig = await runningRig()
      let written = 0
      let stop = false
      const engine = await rig.engine('r1', (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/octet-stream' })
        const chunk = Buffer.alloc(64 * 1024)
        const fill = () => {
          while (!stop && !response.destroyed) {
            written += chunk.length
            if (!response.write(chunk)) return void response.once('drain', fill)
          }
        }
        fill()
      })
      onTestFinished(() => {
        stop = true
      })
      rig.put('chat', { replicas: [engine.replica] })
      const { socket } = await rig.client()
      socket.pause()
      socket.write('GET /e/acme/chat/ HTTP/1.1\r\nhost: x\r\n\r\n')

      await soon(() => expect(written).toBeGreaterThan(0))
      let before = -1
      let quietLooks = 0
      await soon(() => {
        quietLooks = written === before ? quietLooks + 1 : 0
        before = written
        expect(quietLooks).toBe(30)
      })
      // What lies in the sockets' and streams' buffers, and far from what an engine could write.
      expect(written).toBeLessThan(64 * 1024 * 1024)
    })

    test('an engine that does not read holds the client back', async () => {
      const rig = await runningRig()
      const deaf = net.createServer((socket) => {
        socket.pause()
        socket.on('error', () => {})
        onTestFinished(() => void socket.destroy())
      })
      await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve))
      onTestFinished(() => void deaf.close())
      const { port } = deaf.address() as net.AddressInfo
      rig.put('chat', { replicas: [{ ...(await rig.engine('r1')).replica, port }] })
      const request = rig.begin('/e/acme/chat/', { method: 'POST' })
      request.on('error', () => {})
      onTestFinished(() => void request.destroy())
      let sent = 0
      const chunk = Buffer.alloc(64 * 1024)
      const fill = () => {
        while (!request.destroyed) {
          sent += chunk.length
          if (!request.write(chunk)) return void request.once('drain', fill)
        }
      }
      fill()

      let before = -1
      let quietLooks = 0
      await soon(() => {
        quietLooks = sent === before ? quietLooks + 1 : 0
        before = sent
        expect(quietLooks).toBe(30)
      })
      expect(sent).toBeLessThan(64 * 1024 * 1024)
    })

    test('a client that leaves is noticed by the engine', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: 1\n\n')
      })
      const id = rig.put('chat', { replicas: [engine.replica] })
      const leaving = new AbortController()
      const answer = rig.call('/e/acme/chat/', {
        body: '{}',
        signal: leaving.signal,
        onText: () => leaving.abort(),
      })

      await expect(answer).rejects.toThrow()
      await soon(() => expect(engine.aborted).toBe(1))
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ inFlight: 0 }))
    })

    test('a client that leaves before the answer began is noticed too', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', () => {})
      rig.put('chat', { replicas: [engine.replica] })
      const leaving = new AbortController()
      const answer = rig.call('/e/acme/chat/', { body: '{}', signal: leaving.signal })
      await soon(() => expect(engine.received).toHaveLength(1))

      leaving.abort()

      await expect(answer).rejects.toThrow()
      await soon(() => expect(engine.aborted).toBe(1))
    })

    test('pages of an endpoint cannot act as pages of the console; data is left as it is', async () => {
      const rig = await runningRig({}, 'berth.test')
      const engine = await rig.engine('r1', (request, response) => {
        response.writeHead(200, {
          'content-type': request.url === '/page' ? 'text/html' : 'application/json',
        })
        response.end('{}')
      })
      rig.put('chat', { replicas: [engine.replica] })

      const policy = async (url: string, host = 'x') =>
        (await rig.call(url, { headers: { host } })).headers['content-security-policy']
      expect(await policy('/e/acme/chat/page')).toMatch(/^sandbox (?!.*allow-same-origin)/)
      expect(await policy('/e/acme/chat/data')).toBeUndefined()
      expect(await policy('/page', 'chat-acme.berth.test')).toBeUndefined()
    })

    test('a client that waits for 100 gets it before it sends, and not with a refusal', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1')
      rig.put('chat', { replicas: [engine.replica] })
      const ask = (url: string) =>
        new Promise<string>((resolve) => {
          const request = rig.begin(url, {
            method: 'POST',
            headers: { expect: '100-continue', 'content-length': '2' },
          })
          request.flushHeaders()
          let continued = ''
          request.on('continue', () => {
            continued = '100 '
            request.end('hi')
          })
          request.on('response', (response) => {
            response.resume()
            request.destroy()
            resolve(`${continued}${response.statusCode}`)
          })
          request.on('error', () => {})
        })

      expect(await ask('/e/acme/chat/')).toBe('100 200')
      expect(engine.received[0]?.body.toString()).toBe('hi')
      expect(await ask('/e/acme/other/')).toBe('404')
    })
  })
}

function sendChunked(rig: Rig, url: string, body: Buffer): Promise<{ text: string }> {
  return new Promise((resolve, reject) => {
    const request = rig.begin(url, { method: 'POST' })
    request.on('error', reject)
    request.on('response', (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk
      })
      response.on('end', () => resolve({ text }))
    })
    request.write(body.subarray(0, 5))
    request.end(body.subarray(5))
  })
}
