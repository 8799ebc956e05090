/**
 * The gateway process, as the control process sees it: adopted when one runs already, else started, and started
 * again when it dies.
 *
 * It runs in a session of its own and writes its own log, so that it outlives a control process that is killed.
 * Its record says who it is; the kernel's start time of the pid tells it from a stranger.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { PlatformError } from './domain/errors.ts'
import type { Clock } from './platform/clock.ts'
import type { Home } from './platform/home.ts'
import type { Log } from './platform/log.ts'
import { processTableOf } from './runtime/process/process-table.ts'

/** What `gateway-main.ts` writes about itself. */
export type GatewayRecord = {
  readonly pid: number
  readonly startTime: string
  readonly url: string
  readonly host: string
  readonly port: number
  readonly gatewayId: string
}

export type GatewayProcessOptions = {
  readonly home: Home
  readonly host: string
  readonly port: number
  readonly domain: string | null
  readonly clock: Clock
  readonly log: Log
}

const START_TIMEOUT_MS = 15_000
const RECORD_POLL_MS = 5
const ALIVE_POLL_MS = 500
const RESTART_AFTER_MS = 200
/** The gateway's exit code for a port that somebody else has. */
const PORT_TAKEN = 98
const PROGRAM = path.join(import.meta.dirname, 'gateway-main.ts')

const processTable = processTableOf(process.platform)

export async function readGatewayRecord(file: string): Promise<GatewayRecord | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as GatewayRecord
  } catch {
    return undefined
  }
}

/** The gateway of this data directory, if it lives. */
export async function livingGateway(home: Home): Promise<GatewayRecord | undefined> {
  const record = await readGatewayRecord(home.gatewayRecord)
  if (!record) return undefined
  const found = await processTable.find(record.pid)
  return found?.startTime === record.startTime ? record : undefined
}

export class GatewayProcess {
  readonly #options: GatewayProcessOptions
  readonly #stopping = new AbortController()
  #record: GatewayRecord | undefined
  #watching: Promise<void> = Promise.resolve()

  constructor(options: GatewayProcessOptions) {
    this.#options = options
  }

  /** Where it listens. */
  get url(): string {
    return this.#record?.url ?? `http://${this.#options.host}:${this.#options.port}`
  }

  /** @throws PlatformError `conflict` when the port is taken, `unavailable` when it does not start. */
  async start(): Promise<void> {
    const { home, log, host, port } = this.#options
    const living = await livingGateway(home)
    if (living && living.host === host && (port === 0 || living.port === port)) {
      log.info('gateway adopted', { pid: living.pid, url: living.url })
      this.#record = living
    } else {
      if (living) await this.#end(living, 0)
      this.#record = await this.#spawn(port)
    }
    this.#watching = this.#watch()
  }

  /** Stops it for good: it finishes what it has for up to `drainMs`. */
  async stop(drainMs: number): Promise<void> {
    this.#stopping.abort()
    await this.#watching
    if (this.#record) await this.#end(this.#record, drainMs)
    await rm(this.#options.home.gatewayRecord, { force: true })
  }

  async #spawn(port: number): Promise<GatewayRecord> {
    const { home, host, domain, clock, log } = this.#options
    await rm(home.gatewayRecord, { force: true })
    const args = [
      ...['--listen', `${host.includes(':') ? `[${host}]` : host}:${port}`],
      ...['--control-socket', home.controlSocket, '--link-socket', home.linkSocket],
      ...['--record', home.gatewayRecord, '--log', path.join(home.logs, 'gateway.log')],
      ...(domain ? ['--domain', domain] : []),
    ]
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        NODE_COMPILE_CACHE: path.join(home.cache, 'compiled'),
        NODE_OPTIONS: '--disable-warning=ExperimentalWarning',
      },
    })
    const said = firstWords(child)
    const deadline = clock.now() + START_TIMEOUT_MS
    while (clock.now() < deadline) {
      const record = await readGatewayRecord(home.gatewayRecord)
      if (record?.pid === child.pid && record) {
        child.stderr?.destroy()
        child.unref()
        log.info('gateway started', { pid: record.pid, url: record.url })
        return record
      }
      if (child.exitCode !== null) throw startFailure(child.exitCode, said(), host, port)
      await clock.sleep(RECORD_POLL_MS)
    }
    child.kill('SIGKILL')
    throw new PlatformError(
      'unavailable',
      `The gateway did not start within ${START_TIMEOUT_MS / 1_000} s. ${said()}`,
    )
  }

  /** Starts it again whenever it is gone, on the same port. */
  async #watch(): Promise<void> {
    const { clock, log } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await clock.sleep(ALIVE_POLL_MS, signal).catch(() => {})
      if (signal.aborted || (this.#record && (await isAlive(this.#record)))) continue
      log.warn('the gateway is gone; starting it again', { url: this.url })
      try {
        this.#record = await this.#spawn(this.#record?.port ?? this.#options.port)
      } catch (error) {
        log.error('the gateway could not be started', { error: String(error) })
        await clock.sleep(RESTART_AFTER_MS, signal).catch(() => {})
      }
    }
  }

  async #end(record: GatewayRecord, drainMs: number): Promise<void> {
    const { clock } = this.#options
    signalProcess(record.pid, 'SIGTERM')
    const deadline = clock.now() + drainMs + 2_000
    while (await isAlive(record)) {
      if (clock.now() >= deadline) {
        signalProcess(record.pid, 'SIGKILL')
        return
      }
      await clock.sleep(20)
    }
  }
}

async function isAlive(record: GatewayRecord): Promise<boolean> {
  return (await processTable.find(record.pid))?.startTime === record.startTime
}

export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It is gone, which is what was wanted.
  }
}

/** Collects what a child says on stderr while it starts. */
function firstWords(child: ChildProcess): () => string {
  const MAX_CHARACTERS = 4_000
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    if (text.length < MAX_CHARACTERS) text += piece
  })
  child.stderr?.on('error', () => {})
  return () => text.trim()
}

function startFailure(exitCode: number, said: string, host: string, port: number): PlatformError {
  if (exitCode === PORT_TAKEN) {
    return new PlatformError(
      'conflict',
      `Port ${port} on ${host} is taken by another program. Choose another with --port, or stop what uses it.`,
      { reason: 'port_taken' },
    )
  }
  return new PlatformError('unavailable', `The gateway ended at once with code ${exitCode}. ${said}`)
}
