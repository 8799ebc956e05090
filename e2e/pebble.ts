/** Pebble, the authority that Let's Encrypt tests clients with, and its resolver that leads every name to loopback. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import https from 'node:https'
import net from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import { FIRST } from '../packages/server/src/testing/certificates.ts'
import { REPOSITORY_ROOT } from './berth-process.ts'
import { until } from './until.ts'

const VERSION = 'v2.10.3'
const PROGRAMS = ['pebble', 'pebble-challtestsrv'] as const
const BUILT = path.join(REPOSITORY_ROOT, 'node_modules/.cache/pebble', VERSION)
const BUILD_DEADLINE_MS = 300_000

/** Builds it where that was not done yet. @returns why it cannot be had, or undefined. */
export async function missingPebble(): Promise<string | undefined> {
  const isThere = await Promise.all(
    PROGRAMS.map((name) => stat(path.join(BUILT, name)).then(Boolean, () => false)),
  )
  if (!isThere.includes(false)) return undefined
  await mkdir(BUILT, { recursive: true })
  const packages = PROGRAMS.map((name) => `github.com/letsencrypt/pebble/v2/cmd/${name}@${VERSION}`)
  const env = { ...process.env, GOBIN: BUILT }
  return await promisify(execFile)('go', ['install', ...packages], { env, timeout: BUILD_DEADLINE_MS }).then(
    () => undefined,
    (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? 'Go is not installed' : `Pebble cannot be built: ${error.message}`,
  )
}

export class Pebble {
  readonly directory: string
  /** What programs must trust that speak to it. */
  readonly ownCertificateFile: string
  readonly #management: number
  readonly #processes: readonly ChildProcess[]
  #output = ''

  private constructor(home: string, ports: readonly number[], processes: readonly ChildProcess[]) {
    const [port, management] = ports
    this.directory = `https://localhost:${port}/dir`
    this.ownCertificateFile = path.join(home, 'cert.pem')
    this.#management = management!
    this.#processes = processes
    for (const { stdout } of processes) stdout?.on('data', (text) => (this.#output += text))
  }

  /**
   * @param tlsPort where it looks for proof.
   * @param lifeS seconds that its certificates are valid.
   */
  static async start(home: string, tlsPort: number, lifeS: number): Promise<Pebble> {
    const ports = await freePorts(4)
    const [port, management, resolver, resolverManagement] = ports
    const at = (number: number | undefined) => `127.0.0.1:${number}`
    const files = { certificate: path.join(home, 'cert.pem'), privateKey: path.join(home, 'key.pem') }
    await writeFile(files.certificate, FIRST.certificate)
    await writeFile(files.privateKey, FIRST.key)
    const config = path.join(home, 'pebble.json')
    const pebble = {
      ...{ listenAddress: at(port), managementListenAddress: at(management), ...files, tlsPort },
      profiles: { default: { description: 'for tests', validityPeriod: lifeS } },
      retryAfter: { authz: 1, order: 1 },
    }
    await writeFile(config, JSON.stringify({ pebble }))
    const run = (name: string, args: readonly string[]) =>
      spawn(path.join(BUILT, name), args, {
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { ...process.env, PEBBLE_VA_NOSLEEP: '1' },
      })
    const off = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-doh', '', '-defaultIPv6', '']
    const started = new Pebble(home, ports, [
      run(PROGRAMS[1], ['-dnsserver', at(resolver), '-management', at(resolverManagement), ...off]),
      run(PROGRAMS[0], ['-config', config, '-strict', '-dnsserver', at(resolver)]),
    ])
    await until('Pebble to answer', () => started.root()).catch(async (cause: Error) => {
      await started.stop()
      throw new Error(`${cause.message}. It printed:\n${started.output}`, { cause })
    })
    return started
  }

  get output(): string {
    return this.#output
  }

  /** The certificate that its certificates go back to; another one at each start. */
  async root(): Promise<string> {
    const url = `https://localhost:${this.#management}/roots/0`
    const [response] = await once(https.get(url, { ca: FIRST.certificate, agent: false }), 'response')
    let text = ''
    for await (const piece of response) text += piece
    return text
  }

  async stop(): Promise<void> {
    const running = this.#processes.filter(({ exitCode, signalCode }) => exitCode === null && !signalCode)
    await Promise.all(
      running.map((child) => {
        const ended = once(child, 'exit')
        child.kill('SIGKILL')
        return ended
      }),
    )
  }
}

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => net.createServer())
  const ports = await Promise.all(
    servers.map(async (server) => {
      await once(server.listen(0, '127.0.0.1'), 'listening')
      return (server.address() as net.AddressInfo).port
    }),
  )
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
