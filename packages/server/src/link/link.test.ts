import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import { systemClock } from '../platform/clock.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { connectLink } from './client.ts'
import { openLinkHub } from './hub.ts'
import { LINK_LIMITS, lineReader } from './link-stream.ts'
import type { DownMessage, LinkHub, RoutedEndpoint, UpMessage } from './messages.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function socketPath(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'link-'))
  cleanUps.push(() => rm(directory, { recursive: true, force: true }))
  return path.join(directory, 'l.sock')
}

const endpoint = (name: string, message = 'Ready.'): RoutedEndpoint => ({
  id: name as EndpointId,
  namespace: 'acme',
  name,
  access: 'private',
  state: 'running',
  message,
  failure: null,
  start: null,
  replicas: [],
})

async function openHub(
  at: string,
  endpoints: RoutedEndpoint[] = [],
  clock = systemClock,
  limits = LINK_LIMITS,
) {
  const log: string[] = []
  const received: UpMessage[] = []
  const hub = await openLinkHub(
    {
      listen: { path: at },
      snapshot: () => ({ endpoints, grants: [] }),
      onMessage: (_gateway, message) => void received.push(message),
      onConnect: (gateway) => void log.push(`+${gateway.id}`),
      onDisconnect: (gateway) => void log.push(`-${gateway.id}`),
    },
    clock,
    limits,
  )
  cleanUps.push(() => hub.close())
  return { hub, log, received }
}

function openClient(at: string, clock = systemClock, id = 'gw-1') {
  const received: DownMessage[] = []
  const log: string[] = []
  const link = connectLink(
    {
      connect: { path: at },
      hello: () => ({
        kind: 'hello',
        gatewayId: id,
        pid: 7,
        startedAt: 0,
        url: 'http://127.0.0.1:1',
        worker: 0,
      }),
      onMessage: (message) => void received.push(message),
      onConnect: () => void log.push('+'),
      onDisconnect: () => void log.push('-'),
    },
    clock,
  )
  cleanUps.push(() => link.close())
  return { link, received, log }
}

const soon = <T>(look: () => T) => vi.waitFor(look, { timeout: 10_000, interval: 5 })
const idsOf = (messages: readonly DownMessage[]) =>
  messages.map((message) => (message.kind === 'endpoint' ? message.endpoint.name : message.kind))

describe('the link', () => {
  test('a gateway gets the snapshot first, then every change in order', async () => {
    const at = await socketPath()
    const { hub, log } = await openHub(at, [endpoint('a')])
    const { received } = openClient(at)
    await soon(() => expect(log).toEqual(['+gw-1']))

    const names = Array.from({ length: 500 }, (_, i) => `e${i}`)
    for (const name of names) hub.broadcast({ kind: 'endpoint', endpoint: endpoint(name) })

    await soon(() => expect(idsOf(received)).toEqual(['snapshot', ...names]))
    expect(received[0]).toEqual({ kind: 'snapshot', endpoints: [endpoint('a')], grants: [] })
    expect(hub.gateways).toMatchObject([{ id: 'gw-1', pid: 7, url: 'http://127.0.0.1:1' }])
  })

  test('an acknowledgement reaches the gateway it is for, and no other', async () => {
    const at = await socketPath()
    const { hub } = await openHub(at)
    const first = openClient(at, systemClock, 'gw-1')
    const second = openClient(at, systemClock, 'gw-2')
    await soon(() => expect(hub.gateways).toHaveLength(2))

    hub.acknowledge('gw-gone', 1)
    hub.acknowledge('gw-2', 7)
    hub.broadcast({ kind: 'grant-gone', hash: 'x' })

    await soon(() => expect(idsOf(first.received)).toEqual(['snapshot', 'grant-gone']))
    await soon(() => expect(idsOf(second.received)).toEqual(['snapshot', 'usage-ack', 'grant-gone']))
    expect(second.received[1]).toEqual({ kind: 'usage-ack', sequence: 7 })
  })

  test('what a gateway says arrives in order', async () => {
    const at = await socketPath()
    const { received } = await openHub(at)
    const { link } = openClient(at)
    await soon(() => expect(link.connected).toBe(true))

    const said = Array.from(
      { length: 200 },
      (_, i): UpMessage => ({ kind: 'drained', replicaId: `r${i}` as ReplicaId }),
    )
    for (const message of said) link.send(message)

    await soon(() => expect(received).toEqual(said))
  })

  test('a message of many megabytes with multi-byte letters arrives whole', async () => {
    const at = await socketPath()
    const long = 'żółw '.repeat(1_000_000)
    await openHub(at, [endpoint('a', long)])
    const { received } = openClient(at)

    await soon(() => expect(received).toHaveLength(1))
    expect(received[0]).toMatchObject({ endpoints: [{ message: long }] })
  })

  test('a gateway comes back after the hub restarted and gets a new snapshot', async () => {
    const at = await socketPath()
    const first = await openHub(at, [endpoint('old')])
    const { received, log, link } = openClient(at)
    await soon(() => expect(received).toHaveLength(1))

    await first.hub.close()
    await soon(() => expect(link.connected).toBe(false))
    link.send({ kind: 'wake', id: 'old' as EndpointId, waiting: 1 })
    const second = await openHub(at, [endpoint('new')])

    await soon(() => expect(received).toHaveLength(2))
    expect(received[1]).toMatchObject({ kind: 'snapshot', endpoints: [{ name: 'new' }] })
    expect(log).toEqual(['+', '-', '+'])
    expect(second.received).toEqual([])
  })

  test('a gateway that starts before the hub connects when the hub appears', async () => {
    const at = await socketPath()
    const { received } = openClient(at)
    await openHub(at)
    await soon(() => expect(idsOf(received)).toEqual(['snapshot']))
  })

  test('a gateway that left is reported once', async () => {
    const at = await socketPath()
    const { hub, log } = await openHub(at)
    const { link } = openClient(at)
    await soon(() => expect(log).toEqual(['+gw-1']))

    await link.close()

    await soon(() => expect(log).toEqual(['+gw-1', '-gw-1']))
    expect(hub.gateways).toEqual([])
  })

  test('the same gateway on a new connection replaces its old one', async () => {
    const at = await socketPath()
    const { hub, log } = await openHub(at)
    const old = openRaw(at)
    old.request.write(`${JSON.stringify(helloLine)}\n`)
    await soon(() => expect(log).toEqual(['+gw-1']))

    openClient(at)

    await soon(() => expect(log).toEqual(['+gw-1', '-gw-1', '+gw-1']))
    expect(hub.gateways).toHaveLength(1)
  })

  test('both sides give up on a peer that says nothing, and only then', async () => {
    const at = await socketPath()
    const clock = new FakeClock()
    const { log, hub } = await openHub(at, [], clock)
    const silent = openRaw(at)
    silent.request.write(`${JSON.stringify(helloLine)}\n`)
    await soon(() => expect(log).toEqual(['+gw-1']))

    await clock.advance(9_000)
    clock.jump(3_600_000)
    expect(hub.gateways).toHaveLength(1)
    await clock.advance(3_000)
    expect(log).toEqual(['+gw-1', '-gw-1'])
    await silent.closed
    expect(silent.text()).toContain('{"kind":"ping"}\n')
  })

  test('a quiet link stays open because both sides ping', async () => {
    const at = await socketPath()
    const clock = new FakeClock()
    const { log, hub } = await openHub(at, [], clock)
    const { log: clientLog, link } = openClient(at, clock)
    await soon(() => expect(link.connected).toBe(true))

    for (let i = 0; i < 30; i++) {
      await clock.advance(3_000)
      // The pings cross a real socket: let both sides hear this one before time moves on.
      await new Promise((resolve) => setImmediate(resolve))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(hub.gateways).toHaveLength(1)
    expect(log).toEqual(['+gw-1'])
    expect(clientLog).toEqual(['+'])
  })

  test.for([
    ['not JSON', 'nonsense\n'],
    ['no object', '7\n'],
    ['no kind', '{}\n'],
  ])('a malformed line (%s) ends the connection', async ([, line]) => {
    const at = await socketPath()
    const { log } = await openHub(at)
    const raw = openRaw(at)
    raw.request.write(`${JSON.stringify(helloLine)}\n`)
    await soon(() => expect(log).toEqual(['+gw-1']))

    raw.request.write(line)

    await raw.closed
    await soon(() => expect(log).toEqual(['+gw-1', '-gw-1']))
  })

  test('a connection that does not say hello first is ended and never announced', async () => {
    const at = await socketPath()
    const { log, received } = await openHub(at)
    const raw = openRaw(at)
    raw.request.write('{"kind":"drained","replicaId":"r"}\n')
    await raw.closed
    expect({ log, received }).toEqual({ log: [], received: [] })
  })

  test('a message of an unknown kind is passed over', async () => {
    const at = await socketPath()
    const { received } = await openHub(at)
    const raw = openRaw(at)
    raw.request.write(
      `${JSON.stringify(helloLine)}\n{"kind":"from-the-future"}\n{"kind":"drained","replicaId":"r"}\n`,
    )
    await soon(() => expect(received).toEqual([{ kind: 'drained', replicaId: 'r' }]))
  })

  test('a gateway that does not read is disconnected', async () => {
    const at = await socketPath()
    const { hub, log } = await openHub(at, [], systemClock, { ...LINK_LIMITS, unsentBytes: 100_000 })
    const socket = net.connect(at)
    cleanUps.push(() => socket.destroy())
    const hello = `${JSON.stringify(helloLine)}\n`
    socket.write('POST /link HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n')
    socket.write(`${Buffer.byteLength(hello).toString(16)}\r\n${hello}\r\n`)
    await soon(() => expect(log).toEqual(['+gw-1']))

    await soon(() => {
      hub.broadcast({ kind: 'endpoint', endpoint: endpoint('a', 'x'.repeat(50_000)) })
      expect(log).toEqual(['+gw-1', '-gw-1'])
    })
  })

  test('only its owner may connect to the socket, and it is gone after closing', async () => {
    const at = await socketPath()
    const { hub } = await openHub(at)
    expect((await stat(at)).mode & 0o777).toBe(0o600)
    await hub.close()
    await expect(stat(at)).rejects.toThrow('ENOENT')
  })

  test('a file that a dead process left is replaced', async () => {
    const at = await socketPath()
    await writeFile(at, '')
    await openHub(at)
    const { received } = openClient(at)
    await soon(() => expect(received).toHaveLength(1))
  })

  test('a second hub in the same place is refused and the first stays', async () => {
    const at = await socketPath()
    await openHub(at)
    await expect(openHub(at)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(at),
    })
    const { received } = openClient(at)
    await soon(() => expect(received).toHaveLength(1))
  })

  test('it also works over TCP', async () => {
    const port = await freePort()
    const hub: LinkHub = await openLinkHub({
      listen: { host: '127.0.0.1', port },
      snapshot: () => ({ endpoints: [], grants: [] }),
      onMessage: () => {},
      onConnect: () => {},
      onDisconnect: () => {},
    })
    cleanUps.push(() => hub.close())
    const received: DownMessage[] = []
    const link = connectLink(
      {
        connect: { host: '127.0.0.1', port },
        hello: () => helloLine,
        onMessage: (message) => void received.push(message),
        onConnect: () => {},
        onDisconnect: () => {},
      },
      systemClock,
    )
    cleanUps.push(() => link.close())
    await soon(() => expect(idsOf(received)).toEqual(['snapshot']))
  })
})

test('lines are found however the bytes are cut, and one over the limit is refused', () => {
  const text = 'eins\nzwölf\n\nende\n'
  for (let size = 1; size <= text.length; size++) {
    const lines: string[] = []
    const read = lineReader(100, (line) => void lines.push(line))
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += size) read(bytes.subarray(at, at + size))
    expect(lines).toEqual(['eins', 'zwölf', '', 'ende'])
  }
  const read = lineReader(4, () => {})
  expect(() => read(Buffer.from('1234\n'))).not.toThrow()
  expect(() => read(Buffer.from('12345'))).toThrow('longer than 4 bytes')
})

const helloLine = {
  kind: 'hello',
  gatewayId: 'gw-1',
  pid: 1,
  startedAt: 0,
  url: 'http://127.0.0.1:1',
  worker: 0,
} as const

/** A peer that speaks the transport and is otherwise free to misbehave. */
function openRaw(at: string) {
  const request = http.request({ socketPath: at, method: 'POST', path: '/link', agent: false })
  let text = ''
  const closed = new Promise<void>((resolve) => request.on('close', resolve))
  request.on('error', () => {})
  request.on('response', (response) => {
    response.on('data', (chunk: Buffer) => {
      text += chunk
    })
    response.on('error', () => {})
  })
  cleanUps.push(() => request.destroy())
  return { request, closed, text: () => text }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
}
