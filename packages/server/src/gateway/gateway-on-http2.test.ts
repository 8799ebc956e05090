import { once } from 'node:events'
import http2 from 'node:http2'
import { expect, onTestFinished, test } from 'vitest'
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  type FrameClient,
  frame,
  frameClient,
  headerBlock,
  number32,
} from '../testing/http2-frames.ts'
import { describeGateway } from './conformance.ts'
import { type Rig, rigsOf, soon } from './conformance-rig.ts'
import { type GatewayOptions, openGateway } from './gateway.ts'
import { GATEWAY_LIMITS } from './limits.ts'

const openOverHttp2 = Object.assign((options: GatewayOptions) => openGateway(options), {
  speaks: 'h2' as const,
})

describeGateway('the gateway over HTTP/2', openOverHttp2)

const { runningRig } = rigsOf(openOverHttp2)
const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_PROTOCOL_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants
const INITIAL_WINDOW_SIZE = 4

async function clientOf({ gateway }: Rig, settings: readonly [number, number][] = []): Promise<FrameClient> {
  const client = await frameClient(gateway.port, settings)
  onTestFinished(() => void client.socket.destroy())
  return client
}

function sessionOf({ gateway }: Rig): http2.ClientHttp2Session {
  const session = http2.connect(`https://127.0.0.1:${gateway.port}`, { rejectUnauthorized: false })
  session.on('error', () => {})
  onTestFinished(() => void session.destroy())
  return session
}

async function rigWithEcho(limits = {}) {
  const rig = await runningRig(limits)
  const engine = await rig.engine('r1')
  const id = rig.put('chat', { replicas: [engine.replica] })
  return { rig, engine, id }
}

const GET = [':method', 'GET', ':scheme', 'https', ':path', '/e/acme/chat/', ':authority', 'a']
const POST = [':method', 'POST', ...GET.slice(2)]
const head = (stream: number, fields: readonly string[], flags = END_STREAM) =>
  frame(FRAME.headers, flags | END_HEADERS, stream, headerBlock(fields))
const reset = (stream: number, code = NGHTTP2_CANCEL) => frame(FRAME.reset, 0, stream, number32(code))
/** What clients name their streams. */
const odd = (count: number) => Array.from({ length: count }, (_, i) => 2 * i + 1)

test('requests at once on one connection each get their own answer, whichever is ready first', async () => {
  const rig = await runningRig()
  const waiting: (() => void)[] = []
  const engine = await rig.engine('r1', (_request, response, body) => {
    waiting.push(() => void response.end(body))
  })
  rig.put('chat', { replicas: [engine.replica] })
  const session = sessionOf(rig)
  const answers = Array.from({ length: GATEWAY_LIMITS.http2Streams }, async (_, number) => {
    const stream = session.request({ ':method': 'POST', ':path': '/e/acme/chat/' })
    stream.end(`body ${number}`)
    let text = ''
    for await (const chunk of stream) text += chunk
    return text
  })
  await soon(() => expect(waiting).toHaveLength(answers.length))
  for (const answer of waiting.toReversed()) answer()
  expect(await Promise.all(answers)).toEqual(answers.map((_, number) => `body ${number}`))
})

test.for([
  ['a connection header', [...GET, 'connection', 'close']],
  ['a transfer encoding', [...GET, 'transfer-encoding', 'chunked']],
  ['an upgrade', [...GET, 'upgrade', 'websocket']],
  ['a keep-alive', [...GET, 'keep-alive', 'timeout=1']],
  ['a coding beside trailers', [...GET, 'te', 'gzip']],
  ['a name in upper case', [...GET, 'X-Own', '1']],
  ['a target that is no path', GET.with(5, '*')],
  ['an authority that is no host', GET.with(7, 'a@b')],
  ['two authorizations', [...GET, 'authorization', 'Bearer a', 'authorization', 'Bearer b']],
  ['a pseudo-header that is none', [...GET, ':own', '1']],
  ['a pseudo-header after others', ['x-own', '1', ...GET]],
  ['two paths', [...GET, ':path', '/']],
  ['no path', GET.filter((_, i) => i !== 4 && i !== 5)],
  ['a length that no body has', [...GET, 'content-length', '3']],
  ['two lengths', [...GET, 'content-length', '0', 'content-length', '0']],
  ['another protocol', [...GET, ':protocol', 'websocket']],
  ['CONNECT', [':method', 'CONNECT', ':authority', 'a:80']],
] as const)('%s: no request, and the stream is reset or refused', async ([, fields]) => {
  const { rig, engine } = await rigWithEcho()
  const client = await clientOf(rig)
  client.send(head(1, fields))
  await soon(() => expect(client.resetOf(1) ?? statusOf(client, 1)).toBeDefined())
  if (client.resetOf(1) === undefined) expect(statusOf(client, 1)).toBe('400')
  expect(engine.received).toEqual([])
  client.send(head(3, GET))
  await soon(() => expect(statusOf(client, 3)).toBe('200'))
})

test.for([
  ['another host than its authority', 400, { host: 'b' }],
  ['a method that nobody knows', 400, { ':method': 'FOO' }],
  ['a wish that cannot be met', 400, { expect: 'wonders' }],
  ['40 KB in one header', 431, { 'x-own': 'y'.repeat(40_000) }],
  ['40 KB of headers', 431, { 'x-own': Array.from({ length: 120 }, () => 'y'.repeat(340)) }],
  ['more headers than anybody needs', 431, { 'x-own': Array.from({ length: 200 }, () => '1') }],
] as const)('%s: refused with %i in our words', async ([, status, headers]) => {
  const { rig, engine } = await rigWithEcho()
  const fields = { ':path': '/e/acme/chat/', ':authority': 'a', ...headers } as http2.OutgoingHttpHeaders
  const stream = sessionOf(rig).request(fields, { endStream: true })
  const [answer] = await once(stream, 'response')
  let text = ''
  for await (const chunk of stream) text += chunk
  expect(answer).toMatchObject({ ':status': status, 'x-request-id': expect.any(String) })
  expect(JSON.parse(text)).toMatchObject({ code: 'invalid', retryable: false })
  expect(engine.received).toEqual([])
})

test.for(['a\nb: c', 'a\rb', 'a\0b'])(
  'a header that no line could hold, as %j, is left out',
  async (value) => {
    const { rig, engine } = await rigWithEcho()
    const client = await clientOf(rig)
    client.send(head(1, [...GET, 'x-own', value]))
    await soon(() => expect(statusOf(client, 1)).toBe('200'))
    expect(engine.received[0]?.request.rawHeaders).not.toContain('x-own')
  },
)

test('a head of 90 KB is refused, and one in a hundred parts without end ends its connection', async () => {
  const { rig } = await rigWithEcho()
  const large = await clientOf(rig)
  const parts = Array.from({ length: 6 }, () => headerBlock(['x-own', 'y'.repeat(15_000)]))
  large.send(
    frame(FRAME.headers, END_STREAM, 1, headerBlock(GET)),
    ...parts.map((part, i) => frame(FRAME.continuation, i === 5 ? END_HEADERS : 0, 1, part)),
  )
  await soon(() => expect(statusOf(large, 1)).toContain('431'))
  const endless = await clientOf(rig)
  endless.send(frame(FRAME.headers, END_STREAM, 1, headerBlock(GET)))
  for (let number = 0; number < 100; number++) {
    endless.send(frame(FRAME.continuation, 0, 1, headerBlock(['x', '1'])))
  }
  await soon(() => expect(endless.isClosed()).toBe(true))
  expect((await rig.call('/e/acme/chat/', { body: 'still' })).json['body']).toBe('still')
})

/** What such servers were brought down with; each costs a client next to nothing. */
const FLOODS: Readonly<Record<string, (count: number) => Buffer[]>> = {
  'streams that are opened and reset': (count) =>
    odd(count).flatMap((stream) => [head(stream, GET), reset(stream)]),
  'streams that it makes the gateway reset': (count) =>
    odd(count).flatMap((stream) => [head(stream, GET), frame(FRAME.windowUpdate, 0, stream, number32(0))]),
  pings: (count) => odd(count).map(() => frame(FRAME.ping, 0, 0, Buffer.alloc(8))),
  settings: (count) => odd(count).map(() => frame(FRAME.settings, 0, 0)),
  'empty parts of a body': (count) => [head(1, POST, 0), ...odd(count).map(() => frame(FRAME.data, 0, 1))],
}

test.for(Object.keys(FLOODS))(
  'a flood of %s ends its connection, and nothing is left of it',
  async (what) => {
    const { rig, id } = await rigWithEcho()
    const client = await clientOf(rig)
    const frames = FLOODS[what]!(4_000)
    for (let at = 0; at < frames.length && !client.isClosed(); at += 100) {
      client.send(...frames.slice(at, at + 100))
      await new Promise(setImmediate)
    }
    await soon(() => expect(client.isClosed()).toBe(true))
    await soon(() => expect(rig.gateway.busy).toBe(0))
    expect((await rig.call('/e/acme/chat/', { body: 'still' })).json['body']).toBe('still')
    await soon(() => expect(rig.demandOf(id)).toMatchObject({ inFlight: 0, waiting: 0 }))
  },
)

test('more requests at once than may be are refused, and those that may be are served', async () => {
  const rig = await runningRig({ http2Streams: 10 })
  const engine = await rig.engine('r1', () => {})
  rig.put('chat', { replicas: [engine.replica] })
  const client = await clientOf(rig)
  client.send(...odd(12).map((stream) => head(stream, GET)))
  await soon(() =>
    expect([21, 23].map(client.resetOf)).toEqual([NGHTTP2_REFUSED_STREAM, NGHTTP2_REFUSED_STREAM]),
  )
  await soon(() => expect(engine.received).toHaveLength(10))
})

test('a client that never opens its window holds the engine back, and is given up', async () => {
  const rig = await runningRig({ clientStallMs: 200 })
  let written = 0
  const engine = await rig.engine('r1', (_request, response) => {
    const chunk = Buffer.alloc(64 * 1024)
    const fill = () => {
      while (!response.destroyed) {
        written += chunk.length
        if (!response.write(chunk)) return void response.once('drain', fill)
      }
    }
    fill()
  })
  rig.put('chat', { replicas: [engine.replica] })
  const client = await clientOf(rig, [[INITIAL_WINDOW_SIZE, 0]])
  client.send(head(1, GET))
  await soon(() => expect(engine.aborted).toBe(1))
  await soon(() => expect(client.resetOf(1)).toBeDefined())
  expect(written).toBeLessThan(32 * 1024 * 1024)
  expect(rig.gateway.busy).toBe(0)
})

test('an answer that is short, and never taken, is given up too', async () => {
  const { rig } = await rigWithEcho({ clientStallMs: 200 })
  const client = await clientOf(rig, [[INITIAL_WINDOW_SIZE, 0]])
  client.send(head(1, GET))
  await soon(() => expect(client.resetOf(1)).toBeDefined())
  expect(rig.gateway.busy).toBe(0)
})

test('a body that trickles is given up, and its connection serves others', async () => {
  const rig = await runningRig({ slowestBodyMs: 100, bodyStartBytes: 10 })
  const engine = await rig.rawEngine('r1', (socket) => void socket.pause())
  rig.put('chat', { replicas: [engine.replica] })
  const client = await clientOf(rig)
  client.send(head(1, [...POST, 'content-length', '1000000'], 0), frame(FRAME.data, 0, 1, Buffer.alloc(10)))
  await soon(() => expect(engine.heard).toHaveLength(1))
  await soon(() => expect(client.resetOf(1)).toBeDefined())
  client.send(head(3, [':method', 'GET', ':scheme', 'https', ':path', '/livez', ':authority', 'a']))
  await soon(() => expect(statusOf(client, 3)).toBe('200'))
})

test.for([
  ['cancelled', NGHTTP2_CANCEL],
  ['ended without an error', NGHTTP2_NO_ERROR],
  ['broken', NGHTTP2_PROTOCOL_ERROR],
] as const)('a request that is %s in its body is never taken for a whole one', async ([, code]) => {
  const { rig, engine } = await rigWithEcho()
  const client = await clientOf(rig)
  client.send(head(1, POST, 0), frame(FRAME.data, 0, 1, Buffer.from('half')))
  await soon(() => expect(rig.gateway.busy).toBe(1))
  client.send(reset(1, code))
  await soon(() => expect(rig.gateway.busy).toBe(0))
  expect(engine.received).toEqual([])
})

test.for(['resets its stream', 'ends its connection', 'breaks its connection'])(
  'a client that %s is noticed by the engine',
  async (how) => {
    const rig = await runningRig()
    const engine = await rig.engine('r1', (_request, response) => void response.write('data: 1\n\n'))
    rig.put('chat', { replicas: [engine.replica] })
    const client = await clientOf(rig)
    client.send(head(1, GET))
    await soon(() => expect(statusOf(client, 1)).toBe('200'))
    if (how === 'resets its stream') client.send(reset(1))
    else if (how === 'ends its connection') client.socket.end()
    else client.socket.destroy()
    await soon(() => expect(engine.aborted).toBe(1))
    await soon(() => expect(rig.gateway.busy).toBe(0))
  },
)

test('a gateway that drains says so, finishes what runs, and ends what is idle', async () => {
  const rig = await runningRig()
  let finish = () => {}
  const engine = await rig.engine('r1', (_request, response) => {
    finish = () => void response.end('finished')
  })
  rig.put('chat', { replicas: [engine.replica] })
  const [busy, idle] = [await clientOf(rig), await clientOf(rig)]
  busy.send(head(1, GET))
  await soon(() => expect(engine.received).toHaveLength(1))
  rig.shutdown(60_000)
  await soon(() => expect([busy.goAway(), idle.goAway()]).toEqual([NGHTTP2_NO_ERROR, NGHTTP2_NO_ERROR]))
  await soon(() => expect(idle.isClosed()).toBe(true))
  finish()
  await soon(() => expect(busy.isClosed()).toBe(true))
  const body = busy.frames.filter(({ type }) => type === FRAME.data).map(({ payload }) => String(payload))
  expect(body.join('')).toBe('finished')
  await rig.gateway.closed
})

test('a connection without a request ends when its time is over, whatever it sends beside', async () => {
  const { rig } = await rigWithEcho({ keepAliveMs: 100, headersTimeoutMs: 200 })
  const [silent, pinging] = [await clientOf(rig), await clientOf(rig)]
  pinging.send(head(1, GET))
  await soon(() => {
    pinging.send(frame(FRAME.ping, 0, 0, Buffer.alloc(8)))
    expect([silent.isClosed(), pinging.isClosed()]).toEqual([true, true])
  })
  expect(statusOf(pinging, 1)).toBe('200')
})

test('trailers reach a client that reads them', async () => {
  const rig = await runningRig()
  const engine = await rig.engine('r1', (_request, response) => {
    response.writeHead(200, { trailer: 'x-sum' })
    response.write('body')
    response.addTrailers({ 'x-sum': '7', 'set-cookie': 'a=1' })
    response.end()
  })
  rig.put('chat', { replicas: [engine.replica] })
  const ask = async (headers: http2.OutgoingHttpHeaders) => {
    const stream = sessionOf(rig).request({ ':path': '/e/acme/chat/', ...headers })
    let trailers: unknown
    stream.on('trailers', (fields) => {
      trailers = Object.fromEntries(Object.entries(fields))
    })
    for await (const _ of stream);
    return trailers
  }
  expect(await ask({ te: 'trailers' })).toEqual({ 'x-sum': '7' })
  expect(await ask({})).toBeUndefined()
})

/** Nothing is compressed by numbers that depend on what came before, except a status. */
function statusOf({ frames }: FrameClient, stream: number): string | undefined {
  const block = frames.find((it) => it.type === FRAME.headers && it.stream === stream)?.payload
  if (!block) return undefined
  const indexed = ['200', '204', '206', '304', '400', '404', '500'][block[0]! - 0x88]
  return indexed ?? block.toString('latin1')
}
