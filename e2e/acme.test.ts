/** Certificates from a real authority, Pebble: the first, the next without a restart, and none when it is away. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BERTH } from './berth-process.ts'
import { freePorts, missingPebble, Pebble } from './pebble.ts'
import { processesOf } from './processes.ts'
import { until } from './until.ts'

const missing = await missingPebble()
const NAMES = ['berth.test', 'chat-acme.berth.test']
/** So short that a renewal is seen, and so long that a busy machine is in time for it. */
const LIFE_S = 45

describe.skipIf(missing)(missing ? `skipped: ${missing}` : 'a certificate by ACME', () => {
  let home: string
  let pebble: Pebble
  let berth: ChildProcess
  let port: number
  let output = ''
  let env: NodeJS.ProcessEnv

  beforeAll(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'berth-acme-'))
    port = (await freePorts(1))[0]!
    pebble = await Pebble.start(home, port, LIFE_S)
    const own = Object.entries(process.env).filter(([name]) => !/^(BERTH|HF|VITEST|NODE_OPTIONS)/.test(name))
    env = {
      ...Object.fromEntries(own),
      ...{ BERTH_HOME: path.join(home, 'berth'), BERTH_LLAMA_SERVER: 'off', NO_COLOR: '1' },
      ...{ BERTH_ACME_AGREE: 'on', BERTH_ACME_NAMES: NAMES.join(','), BERTH_ACME_EMAIL: 'ops@berth.test' },
      ...{ BERTH_ACME_DIRECTORY: pebble.directory, NODE_EXTRA_CA_CERTS: pebble.ownCertificateFile },
    }
    const args = [BERTH, 'serve', '--port', String(port), '--gateway-workers', '2']
    berth = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const listen = (text: Buffer) => {
      output += text
    }
    berth.stdout?.on('data', listen)
    berth.stderr?.on('data', listen)
  })

  afterAll(async () => {
    if (berth?.exitCode === null) {
      const ended = once(berth, 'exit')
      berth.kill('SIGINT')
      await ended
    }
    await pebble?.stop()
    expect((await processesOf(path.join(home, 'berth'))).map(({ command }) => command)).toEqual([])
    await rm(home, { recursive: true, force: true, maxRetries: 5 })
    expect(berth.exitCode, output).toBe(0)
  })

  /** A connection of a client that trusts the authority. @throws when the certificate is none for `name`. */
  async function connect(name: string): Promise<tls.TLSSocket> {
    const ca = await pebble.root()
    const socket = tls.connect({ port, host: '127.0.0.1', servername: name, ca })
    await once(socket, 'secureConnect')
    return socket
  }
  async function answerOn(socket: tls.TLSSocket): Promise<string> {
    socket.write(`GET /readyz HTTP/1.1\r\nhost: ${NAMES[0]}\r\n\r\n`)
    return String((await once(socket, 'data'))[0])
  }
  const serial = (socket: tls.TLSSocket) => socket.getPeerCertificate().serialNumber
  const shownSerial = async () => {
    const socket = await connect(NAMES[0]!)
    const shown = serial(socket)
    socket.destroy()
    return shown
  }
  const doctor = async () => {
    const ran = await promisify(execFile)(process.execPath, [BERTH, 'doctor', '--json'], { env }).catch(
      (failed: { stdout: string }) => failed,
    )
    const { findings } = JSON.parse(ran.stdout) as { findings: { about: string; message: string }[] }
    return findings.find(({ about }) => about === 'certificate')
  }

  test('it is obtained at the first start, for every name, and what is kept of it shows no key', async () => {
    const first = await until(`a certificate; Berth printed:\n${output}`, () => connect(NAMES[0]!), 110_000)
    expect(await answerOn(first)).toMatch(/^HTTP\/1\.1 200 /)
    first.destroy()
    const other = await connect(NAMES[1]!)
    expect(other.authorized).toBe(true)
    other.destroy()
    await expect(connect('stranger.test')).rejects.toThrow(/altnames/)
    const kept = path.join(home, 'berth', 'certificate')
    expect((await stat(kept)).mode & 0o777).toBe(0o600)
    expect(await readFile(kept, 'utf8')).not.toContain('PRIVATE')
    expect(await doctor()).toMatchObject({
      level: 'fine',
      message: expect.stringContaining(NAMES.join(', ')),
    })
  })

  test('it is renewed by every worker without a restart, and an open connection goes on', async () => {
    const open = await until('a certificate', () => connect(NAMES[0]!))
    const before = serial(open)
    const workers = (await processesOf(path.join(home, 'berth'))).filter(({ role }) => role === 'gateway')
    expect(workers).toHaveLength(2)
    await until(
      'another certificate',
      async () => {
        return (await shownSerial()) !== before
      },
      110_000,
    )
    const after = await Promise.all(Array.from({ length: 16 }, shownSerial))
    expect(after).not.toContain(before)
    expect(await answerOn(open)).toMatch(/^HTTP\/1\.1 200 /)
    open.destroy()
  })

  test('while the authority is away the old one stays, and it is said what is wrong', async () => {
    const ca = await pebble.root()
    await pebble.stop()
    const finding = await until(
      'the failure to be said',
      async () => {
        const found = await doctor()
        return found?.message.includes('the last order failed') && found
      },
      200_000,
    )
    expect(finding.message).toMatch(/cannot be reached: ECONNREFUSED/)
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      servername: NAMES[0]!,
      ca,
      rejectUnauthorized: false,
    })
    await once(socket, 'secureConnect')
    expect(socket.getPeerCertificate().subjectaltname).toContain(NAMES[0])
    socket.destroy()
  }, 240_000)
})
