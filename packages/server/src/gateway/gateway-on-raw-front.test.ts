import { expect, test } from 'vitest'
import { describeGateway } from './conformance.ts'
import { REFUSED_ON_BARE_SOCKETS } from './conformance-http.ts'
import { rigsOf, soon } from './conformance-rig.ts'
import { RawFront } from './front/raw-front.ts'
import { type GatewayOptions, openGateway } from './gateway.ts'

const openOnBareSockets = (options: GatewayOptions) =>
  openGateway({ ...options, openFront: (rooms) => new RawFront(rooms) })

describeGateway('the gateway on bare sockets', openOnBareSockets)

const { runningRig } = rigsOf(openOnBareSockets)

test.for(REFUSED_ON_BARE_SOCKETS)('the gateway on bare sockets refuses %s', async ([, bytes]) => {
  const rig = await runningRig()
  const engine = await rig.engine('r1')
  rig.put('chat', { replicas: [engine.replica] })
  expect(await rig.raw(bytes)).toMatch(/^HTTP\/1\.1 400 .*"code":"invalid"/s)
  expect(engine.received).toEqual([])
})

test('HTTP/2 without TLS is refused in words that say where it is spoken', async () => {
  const rig = await runningRig()
  expect(await rig.raw('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 .*over TLS only/s)
})

test('a body that trickles is given up', async () => {
  const rig = await runningRig({ slowestBodyMs: 100, bodyStartBytes: 10 })
  const engine = await rig.rawEngine('r1', (socket) => void socket.pause())
  const id = rig.put('chat', { replicas: [engine.replica] })
  const trickling = await rig.client()
  trickling.socket.write(
    'POST /e/acme/chat/ HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n0123456789',
  )
  await soon(() => expect(engine.heard).toHaveLength(1))
  await soon(() => expect(trickling.isClosed()).toBe(true))
  await soon(() => expect(rig.demandOf(id)).toMatchObject({ inFlight: 0 }))
})

test('a client that takes nothing of its answer for too long is given up', async () => {
  const rig = await runningRig({ clientStallMs: 100 })
  const engine = await rig.engine('r1', (_request, response) => void response.end(Buffer.alloc(50_000_000)))
  rig.put('chat', { replicas: [engine.replica] })
  const client = await rig.client()
  client.socket.pause()
  client.socket.write('GET /e/acme/chat/ HTTP/1.1\r\nhost: a\r\n\r\n')
  await soon(() => expect(engine.aborted).toBe(1))
  await soon(() => expect(rig.gateway.busy).toBe(0))
})
