/** How a gateway speaks HTTP/1.1 with its clients, as tests; a part of `conformance.ts`. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type OpenGateway, rigsOf, soon } from './conformance-rig.ts'

const POST = 'POST /e/acme/chat/ HTTP/1.1\r\nhost: a\r\n'

/** What nobody may read in two ways. */
const REFUSED = [
  ['a length and chunks', `${POST}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['chunks and a length', `${POST}transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n`],
  ['two equal lengths', `${POST}content-length: 3\r\ncontent-length: 3\r\n\r\nabc`],
  ['a list of lengths', `${POST}content-length: 3, 3\r\n\r\nabc`],
  ['a length with a sign', `${POST}content-length: +3\r\n\r\nabc`],
  ['a negative length', `${POST}content-length: -3\r\n\r\nabc`],
  ['a hexadecimal length', `${POST}content-length: 0x3\r\n\r\nabc`],
  ['a length beyond all numbers', `${POST}content-length: 99999999999999999999\r\n\r\nabc`],
  ['an empty length', `${POST}content-length:\r\n\r\n`],
  ['a coding before chunks', `${POST}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
  ['chunks twice', `${POST}transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n`],
  ['a coding that is none', `${POST}transfer-encoding: identity\r\n\r\n`],
  [
    'chunks in HTTP/1.0',
    'POST /e/acme/chat/ HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['a space before a colon', `${POST}x : 1\r\n\r\n`],
  ['a header without a name', `${POST}: 1\r\n\r\n`],
  ['a header without a colon', `${POST}x\r\n\r\n`],
  ['a folded header', `${POST}x: 1\r\n 2\r\n\r\n`],
  ['a fold before the first header', 'GET / HTTP/1.1\r\n host: a\r\n\r\n'],
  ['a bare carriage return', `${POST}x: a\rb\r\n\r\n`],
  ['a bare line feed', `${POST}x: a\nb: c\r\n\r\n`],
  ['a NUL', `${POST}x: a\0b\r\n\r\n`],
  ['two hosts', 'GET / HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n'],
  ['a host that is none', 'GET / HTTP/1.1\r\nhost: a@b/c\r\n\r\n'],
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  ['two authorizations', `${POST}authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n`],
  ['two keys', `${POST}x-api-key: a\r\nx-api-key: b\r\n\r\n`],
  ['an absolute target', 'GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['a target without a slash', 'GET e HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['a target with a fragment', 'GET /#e HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['an unknown method', 'FOO / HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['another version', 'GET / HTTP/2.0\r\nhost: a\r\n\r\n'],
  ['no version', 'GET /\r\nhost: a\r\n\r\n'],
  ['a chunk size with a prefix', `${POST}transfer-encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n`],
  ['a chunk longer than its size', `${POST}transfer-encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n`],
  ['a chunk size in a bare line', `${POST}transfer-encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n`],
  ['a length among the trailers', `${POST}transfer-encoding: chunked\r\n\r\n0\r\ncontent-length: 3\r\n\r\n`],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
] as const

/** Node's parser lets these in, as what they seem to be, or closes without a word. */
export const REFUSED_ON_BARE_SOCKETS = [
  ['CONNECT', 'CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n'],
  ['two spaces', 'GET  / HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['an empty line before the request', '\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['a chunk extension', `${POST}transfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n`],
  ['a space after a chunk size', `${POST}transfer-encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n`],
  ['a coding that ends in a tab', `${POST}transfer-encoding: chunked\t\r\n\r\n0\r\n\r\n`],
] as const

export function describeHttp(name: string, openGateway: OpenGateway): void {
  const { runningRig } = rigsOf(openGateway)

  async function rigWithEcho(limits = {}) {
    const rig = await runningRig(limits)
    const engine = await rig.engine('r1')
    const id = rig.put('chat', { replicas: [engine.replica] })
    return { rig, engine, id }
  }

  describe(`${name}: strictness`, () => {
    test('what could be read in two ways is refused, and no engine hears of it', async () => {
      const { rig, engine } = await rigWithEcho()
      const wrong: unknown[] = []
      for (const [what, bytes] of REFUSED) {
        const text = await rig.raw(bytes)
        if (!/^HTTP\/1\.1 400 .*\r\n\r\n\{"error":.*"code":"invalid"/s.test(text)) wrong.push([what, text])
      }
      expect(wrong).toEqual([])
      expect(engine.received).toEqual([])
    })

    test.for([
      ['64 KiB in one header', `${POST}x: ${'y'.repeat(64 * 1024)}\r\n\r\n`],
      ['64 KiB of headers', `${POST}${'x: 1\r\n'.repeat(11_000)}\r\n`],
      ['a target of 64 KiB', `GET /${'y'.repeat(64 * 1024)} HTTP/1.1\r\nhost: a\r\n\r\n`],
      ['more headers than anybody needs', `${POST}${'x: 1\r\n'.repeat(200)}\r\n`],
    ])('%s: refused with 431', async ([, bytes]) => {
      const { rig } = await rigWithEcho()
      expect(await rig.raw(bytes!)).toMatch(/^HTTP\/1\.1 431 .*"code":"invalid"/s)
    })
  })

  describe(`${name}: connections`, () => {
    test('requests in one packet are answered in their order, and their bodies stay theirs', async () => {
      const { rig } = await rigWithEcho()
      const client = await rig.client()
      client.socket.write(
        `${POST}content-length: 3\r\n\r\none` +
          `${POST}transfer-encoding: chunked\r\n\r\n1\r\nt\r\n2\r\nwo\r\n0\r\n\r\n` +
          'GET /livez HTTP/1.1\r\nhost: a\r\n\r\n' +
          `${POST}content-length: 5\r\nconnection: close\r\n\r\nthree`,
      )
      await soon(() => expect(client.isClosed()).toBe(true))
      const bodies = [...client.text().matchAll(/"body":"(\w+)"|"status":"(alive)"/g)].map(
        (it) => it[1] ?? it[2],
      )
      expect(bodies).toEqual(['one', 'two', 'alive', 'three'])
    })

    test('a request that comes byte by byte is the same request', async () => {
      const { rig, engine } = await rigWithEcho()
      const client = await rig.client()
      const bytes = `${POST}Transfer-Encoding: chunked\r\nx-own: 1\r\nconnection: close\r\n\r\n3\r\nabc\r\n0\r\nx: 1\r\n\r\n`
      for (const byte of bytes) {
        client.socket.write(byte)
        await new Promise(setImmediate)
      }
      await soon(() => expect(client.isClosed()).toBe(true))
      expect(client.text()).toMatch(/^HTTP\/1\.1 200 /)
      expect(engine.received.map(({ body }) => body.toString())).toEqual(['abc'])
    })

    test('HTTP/1.0 needs no host, gets no chunks, and keeps its connection only if it asks', async () => {
      const { rig } = await rigWithEcho()
      const stream = await rig.engine('r2', (_request, response) => {
        response.write('one ')
        response.end('two')
      })
      rig.put('stream', { replicas: [stream.replica] })
      await soon(async () => expect((await rig.call('/e/acme/stream/')).status).toBe(200))
      expect(await rig.raw('GET /livez HTTP/1.0\r\n\r\n')).toMatch(
        /^HTTP\/1\.1 200 .*connection: close.*alive/is,
      )
      const ended = await rig.raw('GET /e/acme/stream/ HTTP/1.0\r\n\r\n')
      expect(ended).toMatch(/\r\n\r\none two$/)
      expect(ended).not.toMatch(/transfer-encoding/i)

      const client = await rig.client()
      const keeping = 'GET /livez HTTP/1.0\r\nconnection: keep-alive\r\n\r\n'
      client.socket.write(keeping)
      await soon(() => expect(client.text()).toMatch(/connection: keep-alive.*alive"}$/is))
      client.socket.write(keeping)
      await soon(() => expect(client.text().match(/alive"}/g)).toHaveLength(2))
    })

    test('a connection without a request ends when its time is over', async () => {
      const { rig } = await rigWithEcho({ keepAliveMs: 1_000, headersTimeoutMs: 60_000 })
      const client = await rig.client()
      client.socket.write('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n')
      await soon(() => expect(client.text()).toContain('alive'))
      await soon(() => expect(client.isClosed()).toBe(true))
    })

    test('a head that never ends is answered with 408', async () => {
      const { rig } = await rigWithEcho({ headersTimeoutMs: 100 })
      const [first, second] = [await rig.client(), await rig.client()]
      first.socket.write('GET /livez HTTP/1.1\r\nhost: a\r\nx: ')
      second.socket.write('GET /livez HTTP/1.1\r\nhost: a\r\n\r\nGET /livez HTTP/1.1\r\nx')
      await soon(() => expect([first.isClosed(), second.isClosed()]).toEqual([true, true]))
      expect(first.text()).toMatch(/^HTTP\/1\.1 408 /)
      expect(second.text()).toContain('alive')
    })

    test('a body that does not begin in time is answered with 504, and waits for nobody', async () => {
      const { rig, engine } = await rigWithEcho({ bodyStartTimeoutMs: 100 })
      const text = await rig.raw(`${POST}content-length: 10\r\n\r\nhalf`)
      expect(text).toMatch(/^HTTP\/1\.1 504 .*"code":"timeout"/s)
      await soon(() => expect(rig.gateway.busy).toBe(0))
      expect(engine.received).toEqual([])
    })

    test('a client that goes in the middle of its request, at any byte, leaves nothing behind', async () => {
      const { rig, engine, id } = await rigWithEcho()
      const bytes = `${POST}content-length: 10\r\n\r\n0123456789`
      for (let length = 1; length < bytes.length; length += length < 40 ? 7 : 1) {
        const client = await rig.client()
        client.socket.write(bytes.slice(0, length))
        if (length % 2 === 0) client.socket.end()
        else await new Promise((sent) => client.socket.write('', sent))
        client.socket.destroy()
      }
      await soon(() => expect(rig.gateway.busy).toBe(0))
      await soon(() => expect(rig.demandOf(id)?.inFlight ?? 0).toBe(0))
      expect(engine.received).toEqual([])
      expect((await rig.call('/e/acme/chat/', { body: 'after' })).json['body']).toBe('after')
    })

    test('a client that goes in the middle of its answer, at any byte, leaves nothing behind', async () => {
      const rig = await runningRig()
      const event = 'data: {"text":"hello"}\n\n'
      const answer =
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n' +
        `${event.length.toString(16)}\r\n${event}\r\n0\r\n\r\n`
      let asked = 0
      const engine = await rig.rawEngine('r1', (socket, heard) => {
        if (heard.endsWith('hi')) socket.write(answer.slice(0, ++asked))
      })
      const id = rig.put('chat', { replicas: [engine.replica] })
      for (let bytes = 1; bytes < answer.length; bytes++) {
        const client = await rig.client()
        client.socket.write(`${POST}content-length: 2\r\n\r\nhi`)
        await soon(() => expect(asked).toBe(bytes))
        client.socket.destroy()
      }
      await soon(() => expect(engine.openConnections).toBe(0))
      await soon(() => expect(rig.gateway.busy).toBe(0))
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ inFlight: 0 }))
      expect((await rig.call('/e/acme/chat/', { body: 'hi' })).text).toBe(event)
    })

    test('a client that says it is done before it has its answer has left', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', () => {})
      rig.put('chat', { replicas: [engine.replica] })
      const client = await rig.client()
      client.socket.write(`${POST}content-length: 2\r\n\r\nhi`)
      await soon(() => expect(engine.received).toHaveLength(1))
      client.socket.end()
      await soon(() => expect(engine.aborted).toBe(1))
    })

    test('idle connections end when the gateway drains', async () => {
      const { rig } = await rigWithEcho()
      const [used, fresh] = [await rig.client(), await rig.client()]
      used.socket.write('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n')
      await soon(() => expect(used.text()).toContain('alive'))
      rig.shutdown(60_000)
      await rig.gateway.closed
      await soon(() => expect([used.isClosed(), fresh.isClosed()]).toEqual([true, true]))
    })
  })

  describe(`${name}: beside the answer`, () => {
    test('early hints pass, and a 100 of the engine does not', async () => {
      const rig = await runningRig()
      const engine = await rig.rawEngine('r1', (socket, heard) => {
        if (!heard.endsWith('\r\n\r\n')) return
        socket.write(
          'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\nconnection: x-own\r\nx-own: 1\r\n\r\n',
        )
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      })
      rig.put('chat', { replicas: [engine.replica] })
      const text = await rig.raw('GET /e/acme/chat/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
      expect(text).toMatch(/^HTTP\/1\.1 103 [^\r]*\r\nlink: <\/a>\r\n\r\nHTTP\/1\.1 200 .*\r\n\r\nok$/is)
      const old = await rig.raw('GET /e/acme/chat/ HTTP/1.0\r\nhost: a\r\n\r\n')
      expect(old).toMatch(/^HTTP\/1\.1 200 /)
    })

    test('trailers reach a client that reads them, without any that a head decides', async () => {
      const rig = await runningRig()
      const engine = await rig.engine('r1', (_request, response) => {
        response.writeHead(200, { trailer: 'x-sum, host' })
        response.write('body')
        response.addTrailers({ 'x-sum': '7', 'set-cookie': 'a=1' })
        response.end()
      })
      rig.put('chat', { replicas: [engine.replica] })
      const ask = (te: string) =>
        rig.raw(`GET /e/acme/chat/ HTTP/1.1\r\nhost: a\r\n${te}connection: close\r\n\r\n`)
      const withThem = await ask('te: trailers\r\n')
      expect(withThem).toMatch(/0\r\nx-sum: 7\r\n\r\n$/)
      expect(withThem).not.toContain('set-cookie')
      expect(await ask('')).toMatch(/\r\n0\r\n\r\n$/)
    })

    test('a WebSocket passes in both directions until either side ends it', async () => {
      const rig = await runningRig()
      const engine = await rig.rawEngine('r1', (socket, heard) => {
        const key = /^sec-websocket-key: (.*)\r$/im.exec(heard)?.[1]
        const [head = '', frames = ''] = heard.split('\r\n\r\n')
        if (frames === '' && heard.endsWith('\r\n\r\n')) {
          expect(head).toMatch(/^connection: upgrade\r\nupgrade: websocket\r$/im)
          socket.write(
            `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${acceptOf(key)}\r\n\r\n\x81\x02hi`,
            'latin1',
          )
        } else if (frames.endsWith('bye')) socket.end('\x81\x03bye', 'latin1')
      })
      rig.put('chat', { replicas: [engine.replica] })
      const client = await rig.client()
      client.socket.write(handshake('chat'))
      await soon(() =>
        expect(client.text().split('\r\n\r\n')).toEqual([
          expect.stringMatching(/^HTTP\/1\.1 101 /),
          '\x81\x02hi',
        ]),
      )
      expect(client.text()).toContain(`sec-websocket-accept: ${acceptOf(KEY)}`)
      expect(rig.gateway.busy).toBe(1)

      const large = '\x82\x7e'.concat('x'.repeat(200_000))
      client.socket.write(large, 'latin1')
      await soon(() => expect(engine.heard[0]).toContain(large))
      client.socket.write('bye')
      await soon(() => expect(client.isClosed()).toBe(true))
      expect(client.text().endsWith('\x81\x03bye')).toBe(true)
      await soon(() => expect(rig.gateway.busy).toBe(0))
      await soon(() => expect(rig.usage).toMatchObject([{ status: 101, replicaId: 'r1' }]))

      const leaving = await rig.client()
      leaving.socket.write(handshake('chat'))
      await soon(() => expect(leaving.text()).toContain('hi'))
      leaving.socket.destroy()
      await soon(() => expect(engine.openConnections).toBe(0))
      await soon(() => expect(rig.gateway.busy).toBe(0))
    })

    test('a WebSocket that nobody takes is refused like any other request', async () => {
      const { rig } = await rigWithEcho()
      const client = await rig.client()
      client.socket.write(handshake('nope'))
      await soon(() => expect(client.text()).toMatch(/^HTTP\/1\.1 404 .*"code":"not_found"/s))
      const answered = await rig.client()
      answered.socket.write(handshake('chat'))
      await soon(() => expect(answered.text()).toMatch(/^HTTP\/1\.1 200 /))
    })
  })

  describe(`${name}: many at once`, () => {
    test('thousands of connections that say nothing, or half of something, keep nobody from being answered', async () => {
      const { rig, id } = await rigWithEcho()
      const silent = await Promise.all(
        Array.from(
          { length: openGateway.speaks ? ENCRYPTED_CONNECTIONS : IDLE_CONNECTIONS },
          async (_, number) => {
            const client = await rig.client()
            if (number % 4 === 1) client.socket.write(POST)
            else if (number % 4 === 2) client.socket.write(`${POST}content-length: 10\r\n\r\nhalf`)
            else if (number % 4 === 3) client.socket.write('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n')
            return client
          },
        ),
      )
      for (let number = 0; number < 20; number++) {
        expect((await rig.call('/e/acme/chat/', { body: `${number}` })).json['body']).toBe(`${number}`)
      }
      for (const { socket } of silent) socket.destroy()
      await soon(() => expect(rig.gateway.busy).toBe(0))
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ inFlight: 0, waiting: 0 }))
    })

    test('when every replica dies during its streams, each client is told and nothing is left over', async () => {
      const rig = await runningRig()
      const engines = [1, 2].map((number) =>
        rig.rawEngine(`r${number}`, (socket, heard) => {
          if (heard.endsWith('{}')) {
            socket.write(
              'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n',
            )
            socket.write('9\r\ndata: 1\n\n\r\n')
          }
        }),
      )
      const both = await Promise.all(engines)
      const id = rig.put('chat', { replicas: both.map(({ replica }) => replica) })
      const texts: string[] = []
      const answers = Array.from({ length: 100 }, (_, i) =>
        rig.call('/e/acme/chat/', {
          body: '{}',
          onText: (text) => {
            texts[i] = text
          },
        }),
      )
      await soon(() => expect(texts.filter((text) => text?.includes('data: 1'))).toHaveLength(100))
      for (const engine of both) engine.close()
      for (const { text } of await Promise.all(answers))
        expect(text).toMatch(/^data: 1\n\n\n\ndata: \{"error".*"bad_gateway"/)
      await soon(() => expect(rig.demandOf(id)).toMatchObject({ inFlight: 0 }))
      expect(rig.gateway.busy).toBe(0)
    })
  })
}

/** What a gateway process may have; the ten thousand are for the real one. */
const IDLE_CONNECTIONS = 2_000
/** Each has a handshake, which costs a hundred times as much. */
const ENCRYPTED_CONNECTIONS = 500
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

const acceptOf = (key = '') =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')

const handshake = (endpoint: string) =>
  `GET /e/acme/${endpoint}/ws HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n` +
  `sec-websocket-version: 13\r\nsec-websocket-key: ${KEY}\r\n\r\n`
