import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import type { LinkClientOptions, ShownCertificates } from '../link/messages.ts'
import { FIRST, SECOND } from '../testing/certificates.ts'
import { rigsOf } from './conformance-rig.ts'
import { openGateway } from './gateway.ts'
import type { GatewayLimits } from './limits.ts'

const { rigWith } = rigsOf(openGateway)
const NAME = 'berth.test'
const PROVING: ShownCertificates = { own: FIRST, proofs: { [NAME]: SECOND } }

/** A gateway that hears from its control process which certificates to show. */
async function start(first?: ShownCertificates, limits: Partial<GatewayLimits> = {}) {
  let hear: LinkClientOptions['onMessage'] = () => {}
  const rig = await rigWith(limits, undefined, {
    tls: 'told',
    connectLink: ({ onMessage }) => {
      hear = onMessage
      return { send() {}, connected: true, close: async () => {} }
    },
  })
  hear({ kind: 'snapshot', endpoints: [], grants: [], ...(first && { certificates: first }) })
  const show = (certificates: ShownCertificates) => hear({ kind: 'certificates', certificates })
  return { port: rig.gateway.port, rig, show }
}

async function handshake(port: number, options: tls.ConnectionOptions = {}) {
  const socket = tls.connect({
    ...{ port, host: '127.0.0.1', servername: NAME, rejectUnauthorized: false },
    ...options,
  })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}
const asAuthority = (port: number) => handshake(port, { ALPNProtocols: ['acme-tls/1'] })
const nameOf = (socket: tls.TLSSocket) => socket.getPeerCertificate().subject.CN

test('without a certificate nobody is let in, and with one everybody is', async () => {
  const { port, show } = await start()
  await expect(handshake(port)).rejects.toThrow(/handshake failure|ECONNRESET|disconnected/)
  show({ own: FIRST, proofs: {} })
  const socket = await handshake(port)
  expect(nameOf(socket)).toBe(FIRST.commonName)
  socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
  expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /)
})

test('the certificate comes with the snapshot too, and a renewed one is shown to who comes next', async () => {
  const { port, show } = await start({ own: FIRST, proofs: {} })
  const before = await handshake(port)
  show({ own: SECOND, proofs: {} })
  expect(nameOf(await handshake(port))).toBe(SECOND.commonName)
  before.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
  expect(String((await once(before, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /)
})

test('an authority is shown the proof and clients never are, at the same time', async () => {
  const { port } = await start(PROVING)
  const [authority, client] = await Promise.all([
    asAuthority(port),
    handshake(port, { ALPNProtocols: ['http/1.1'] }),
  ])
  expect(authority.alpnProtocol).toBe('acme-tls/1')
  expect(nameOf(authority)).toBe(SECOND.commonName)
  expect(client.alpnProtocol).toBe('http/1.1')
  expect(nameOf(client)).toBe(FIRST.commonName)
  await once(authority.resume(), 'end')
})

test('an authority that is faster than the control process waits for the proof', async () => {
  const { port, show } = await start()
  const coming = asAuthority(port)
  await once(
    net.connect(port, '127.0.0.1').on('connect', function (this: net.Socket) {
      this.destroy()
    }),
    'close',
  )
  show({ own: null, proofs: { [NAME]: SECOND } })
  expect(nameOf(await coming)).toBe(SECOND.commonName)
})

test('a name that nobody ordered is proved to nobody', async () => {
  const { port } = await start({ own: FIRST, proofs: { 'other.test': SECOND } }, { nameProofMs: 5 })
  await expect(asAuthority(port)).rejects.toThrow()
})

test('a proof that is over is shown no more', async () => {
  const { port, show } = await start(PROVING, { nameProofMs: 5 })
  show({ own: FIRST, proofs: {} })
  await expect(asAuthority(port)).rejects.toThrow()
})

/** Passes on what a client sends in pieces of `bytes`, and what it is sent whole. */
async function inPieces(port: number, bytes: number): Promise<number> {
  const relay = net.createServer((client) => {
    const server = net.connect({ port, host: '127.0.0.1', noDelay: true })
    client.on('data', (data: Buffer) => {
      for (let at = 0; at < data.length; at += bytes) server.write(data.subarray(at, at + bytes))
    })
    server.pipe(client)
    server.on('error', () => {})
    client.on('error', () => {}).on('close', () => server.destroy())
  })
  await once(relay.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void relay.close())
  return (relay.address() as net.AddressInfo).port
}

test.for([1, 7, 200])(
  'a first message in pieces of %i bytes is told apart as a whole one is',
  async (bytes) => {
    const { port } = await start(PROVING)
    const relay = await inPieces(port, bytes)
    expect(nameOf(await asAuthority(relay))).toBe(SECOND.commonName)
    expect(nameOf(await handshake(relay))).toBe(FIRST.commonName)
  },
)

test('who speaks something else, hangs up half-way or says nothing holds nothing up', async () => {
  const { port, rig } = await start(PROVING)
  const plain = net.connect(port, '127.0.0.1').on('error', () => {})
  plain.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(plain, 'close')
  const half = net.connect(port, '127.0.0.1').on('error', () => {})
  half.end(Buffer.of(22, 3, 1, 2, 0, 1))
  await once(half.resume(), 'close')
  const silent = net.connect(port, '127.0.0.1').on('error', () => {})
  await once(silent, 'connect')
  const closed = once(silent, 'close')
  await rig.gateway.close(0)
  await closed
})

test('who begins a handshake and does not go on is cut off in time', async () => {
  const { port } = await start(PROVING, { handshakeMs: 20 })
  const slow = net.connect(port, '127.0.0.1').on('error', () => {})
  slow.write(Buffer.of(22, 3, 1, 2, 0, 1))
  await once(slow, 'close')
})
