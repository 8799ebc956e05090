import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import https from 'node:https'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { FIRST, SECOND } from '../testing/certificates.ts'
import { type Rig, rigsOf } from './conformance-rig.ts'
import { openGateway } from './gateway.ts'

const { rigWith } = rigsOf(openGateway)

async function files() {
  const directory = await mkdtemp(path.join(tmpdir(), 'tls-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const names = { certificate: path.join(directory, 'cert.pem'), key: path.join(directory, 'key.pem') }
  const write = async (pair: { readonly certificate: string; readonly key: string }) => {
    await writeFile(names.certificate, pair.certificate)
    await writeFile(names.key, pair.key)
  }
  await write(FIRST)
  return { names, write }
}

async function start() {
  const { names, write } = await files()
  return { rig: await rigWith({}, undefined, { tls: names }), names, write }
}

async function handshake({ gateway }: Rig, options: tls.ConnectionOptions = {}) {
  const socket = tls.connect({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}
const nameOf = (socket: tls.TLSSocket) => socket.getPeerCertificate().subject.CN

test('requests are answered over https, by their own names for it', async () => {
  const { rig } = await start()
  expect(rig.gateway.url).toMatch(/^https:/)
  const agent = new https.Agent({ ca: FIRST.certificate, keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  for (let number = 0; number < 2; number++) {
    const [response] = await once(https.get(`${rig.gateway.url}/livez`, { agent }), 'response')
    expect(response.statusCode).toBe(200)
    response.resume()
    await once(response, 'end')
  }
})

test.for([
  ['both, HTTP/2 first', ['h2', 'http/1.1'], 'h2'],
  ['both, HTTP/1.1 first', ['http/1.1', 'h2'], 'h2'],
  ['HTTP/1.1', ['http/1.1'], 'http/1.1'],
  ['nothing', [], false],
] as const)('with a client that offers %s, what is spoken is agreed on', async ([, offered, agreed]) => {
  const { rig } = await start()
  const socket = await handshake(rig, { ALPNProtocols: [...offered] })
  expect(socket.alpnProtocol).toBe(agreed)
  if (agreed === 'h2') return
  socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /)
})

test('curl speaks HTTP/2 with it, and HTTP/1.1 when it is told to', async ({ skip }) => {
  const curl = (...args: string[]) => promisify(execFile)('curl', args)
  const { stdout: version } = await curl('--version').catch(() => ({ stdout: '' }))
  if (!version.includes('HTTP2')) skip('a curl that speaks HTTP/2 is not here')
  const { rig } = await start()
  const ask = async (...args: string[]) => {
    const said = await curl('-sk', '-w', ' %{http_version}', ...args, `${rig.gateway.url}/livez`)
    return said.stdout
  }
  expect(await ask()).toBe('{"status":"alive"} 2')
  expect(await ask('--http1.1')).toBe('{"status":"alive"} 1.1')
})

test('a renewed certificate is shown to who comes next, and open connections go on', async () => {
  const { rig, write } = await start()
  const before = await handshake(rig)
  expect(nameOf(before)).toBe(FIRST.commonName)
  await write(SECOND)
  await rig.gateway.reloadCertificate()
  expect(nameOf(await handshake(rig))).toBe(SECOND.commonName)
  before.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
  const [answer] = await once(before, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /)
})

test('a half-written renewal changes nothing, and is said', async () => {
  const { rig, names } = await start()
  await writeFile(names.certificate, SECOND.certificate)
  await rig.gateway.reloadCertificate()
  expect(rig.errors.splice(0)).toEqual([expect.stringContaining('the one before stays')])
  expect(nameOf(await handshake(rig))).toBe(FIRST.commonName)
})

test('old versions of the protocol are refused', async () => {
  const { rig } = await start()
  await expect(handshake(rig, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })).rejects.toThrow()
  expect((await handshake(rig, { maxVersion: 'TLSv1.2' })).getProtocol()).toBe('TLSv1.2')
})

test('who does not speak the protocol is cut off, and who says nothing does not hold up the end', async () => {
  const { rig } = await start()
  const plain = net.connect(rig.gateway.port, '127.0.0.1')
  plain.on('error', () => {})
  plain.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(plain, 'close')
  const silent = net.connect(rig.gateway.port, '127.0.0.1')
  silent.on('error', () => {})
  await once(silent, 'connect')
  const closed = once(silent, 'close')
  await rig.gateway.close(0)
  await closed
})

test.for([
  ['a key of another certificate', { ...FIRST, key: SECOND.key }],
  ['no certificate at all', { ...FIRST, certificate: 'hello' }],
])('it does not start with %s', async ([, pair]) => {
  const { names, write } = await files()
  await write(pair as typeof FIRST)
  await expect(rigWith({}, undefined, { tls: names })).rejects.toThrow(/are no certificate and its key/)
})
