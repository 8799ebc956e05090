import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type GatewayRecord, livingGateways } from './gateway-record.ts'
import { openLinkHub } from './link/hub.ts'
import type { LinkHub } from './link/messages.ts'

const MAIN = path.join(import.meta.dirname, 'gateway-main.ts')
const soon = <T>(look: () => T) => vi.waitFor(look, { timeout: 15_000, interval: 20 })

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'gateway-main-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 10 }))
  return directory
}

function start(directory: string, changes: Readonly<Record<string, string>> = {}) {
  const flags = {
    listen: '127.0.0.1:0',
    'control-socket': path.join(directory, 'control.sock'),
    'link-socket': path.join(directory, 'link.sock'),
    records: path.join(directory, 'gateways'),
    log: path.join(directory, 'gateway.log'),
    ...changes,
  }
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])
  const child: ChildProcess = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(child, 'exit').then(([code, signal]) => code ?? signal)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let complaint = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint += chunk
  })
  return { child, ended, complaint: () => complaint, records: flags.records }
}

async function recordIn(directory: string): Promise<GatewayRecord> {
  const [record] = await livingGateways(directory)
  if (!record) throw new Error('there is no record yet')
  return record
}

function openHub(directory: string): Promise<LinkHub> {
  return openLinkHub({
    listen: { path: path.join(directory, 'link.sock') },
    snapshot: () => ({ endpoints: [], grants: [] }),
    onMessage: () => {},
    onConnect: () => {},
    onDisconnect: () => {},
  })
}

test('it leaves a record of where it is, outlives its control process, and ends when told over the link', async () => {
  const directory = await temporaryDirectory()
  const gateway = start(directory)
  const record = await soon(() => recordIn(gateway.records))
  expect(record).toMatchObject({
    pid: gateway.child.pid,
    host: '127.0.0.1',
    url: `http://127.0.0.1:${record.port}`,
    gatewayId: expect.stringMatching(/^gw-/),
    startTime: expect.stringMatching(/\d/),
  })
  expect((await fetch(`${record.url}/readyz`)).status).toBe(503)

  const first = await openHub(directory)
  await soon(() =>
    expect(first.gateways).toMatchObject([{ id: record.gatewayId, pid: record.pid, url: record.url }]),
  )
  await first.close()
  expect((await fetch(`${record.url}/readyz`)).status).toBe(200)

  const second = await openHub(directory)
  onTestFinished(() => second.close())
  await soon(() => expect(second.gateways).toHaveLength(1))
  second.broadcast({ kind: 'shutdown', drainMs: 1_000 })
  expect(await gateway.ended).toBe(0)
  await expect(recordIn(gateway.records)).rejects.toThrow('no record')
})

test('SIGTERM ends it in order, SIGINT does not', async () => {
  const directory = await temporaryDirectory()
  const gateway = start(directory)
  const record = await soon(() => recordIn(gateway.records))
  gateway.child.kill('SIGINT')
  expect((await fetch(`${record.url}/livez`)).status).toBe(200)
  gateway.child.kill('SIGTERM')
  expect(await gateway.ended).toBe(0)
})

test('an address that is taken is said clearly, with an exit code of its own', async () => {
  const directory = await temporaryDirectory()
  const first = start(directory)
  const { port } = await soon(() => recordIn(first.records))
  const second = start(directory, {
    listen: `127.0.0.1:${port}`,
    records: path.join(directory, 'others'),
  })
  expect(await second.ended).toBe(98)
  expect(second.complaint()).toContain(`127.0.0.1:${port}: another program does`)
})

test('settings that are wrong are all named at once', async () => {
  const directory = await temporaryDirectory()
  const gateway = start(directory, { listen: 'eighty', records: '' })
  expect(await gateway.ended).toBe(2)
  expect(gateway.complaint()).toContain('--listen is "eighty"')
  expect(gateway.complaint()).toContain('--records is missing')
})

test.for([
  ['raw', 'keep-alive'],
  ['node', 'Keep-Alive'],
] as const)('it reads requests with the parser that it is told: %s', async ([front, spelling]) => {
  const gateway = start(await temporaryDirectory(), { front })
  const { port } = await soon(() => recordIn(gateway.records))
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk
  })
  socket.write('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n')
  // The two spell one header differently, which nobody else can see.
  await soon(() => expect(text).toContain(`\r\n${spelling}: timeout`))
})
