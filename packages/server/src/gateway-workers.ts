/**
 * The gateway's workers, as the control process sees them: adopted when they run already, started where one is
 * missing, and replaced one after another when they were started with something else than they should be.
 *
 * A worker runs in a session of its own and writes its own log, so that it outlives a control process that is killed.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { hash, randomUUID } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { messageOf, PlatformError } from './domain/errors.ts'
import { planWorkers } from './gateway-plan.ts'
import { type GatewayRecord, isAlive, livingGateways } from './gateway-record.ts'
import type { HeirCommand } from './link/messages.ts'
import type { Clock } from './platform/clock.ts'
import type { Home } from './platform/home.ts'
import type { Log } from './platform/log.ts'
import { version } from './version.ts'

export type GatewayWorkersOptions = {
  readonly home: Home
  readonly host: string
  readonly port: number
  /** How many processes share the port. */
  readonly workers: number
  readonly domain: string | null
  /** Whether they write a line for each request. */
  readonly accessLog: boolean
  /** PEM files, or `told`: they hear over the link which certificate to show. */
  readonly tls: { readonly certificate: string; readonly key: string } | 'told' | null
  /** Whose parser reads clients' requests. */
  readonly front: 'raw' | 'node'
  readonly clock: Clock
  readonly log: Log
  /** Asks a worker to start its heir and to give it its socket. @returns false while it is not connected. */
  readonly handOver: (gatewayId: string, heir: HeirCommand) => boolean
}

/** For a machine with much else to do; one that cannot start ends, which is seen at once. */
const START_TIMEOUT_MS = 60_000
const RECORD_POLL_MS = 5
/** What is heard of brings a look at once; this finds what was not. */
const LOOK_EVERY_MS = 5_000
const RESTART_AFTER_MS = 500
/** A worker's exit code for a port that somebody else has. */
const PORT_TAKEN = 98
const PROGRAM = path.join(import.meta.dirname, 'gateway-main.ts')
/**
 * What is allocated for a request is let go with it: V8's own limit for such memory costs 40 MB more and saves nothing.
 * Nor do more threads than one that compile and collect beside a worker's own, at 3 MB each, nor does the compiler
 * between the first and the last one, whose memory of 8 MB stays once a thousand streams have come at once.
 */
export const WORKER_FLAGS: readonly string[] = [
  ...['--disable-warning=ExperimentalWarning', '--max-semi-space-size=2', '--v8-pool-size=1', '--no-maglev'],
]

/** @param cache a directory. What is compiled with other flags is worth nothing here, so it is the workers' own. */
export const workerEnvironment = (cache: string) => ({
  NODE_COMPILE_CACHE: path.join(cache, 'compiled-gateway'),
  // Of glibc: what one thread has freed another may use.
  MALLOC_ARENA_MAX: '1',
})

export class GatewayWorkers {
  readonly #options: GatewayWorkersOptions
  readonly #stopping = new AbortController()
  readonly #starting = new Map<number, Promise<void>>()
  readonly #leaving = new Set<string>()
  #outdated: ReadonlySet<string> = new Set()
  #first: GatewayRecord | undefined
  #living: readonly GatewayRecord[] = []
  #started: Promise<void> = Promise.resolve()
  #watching: Promise<void> = Promise.resolve()
  #hinted = new AbortController()

  constructor(options: GatewayWorkersOptions) {
    this.#options = options
  }

  /** Where they listen. */
  get url(): string {
    return (
      this.#first?.url ??
      `${this.#options.tls ? 'https' : 'http'}://${this.#options.host}:${this.#options.port}`
    )
  }

  /** Workers whose processes lived at the last look, whether they can be reached or not. */
  get livingIds(): readonly string[] {
    return this.#living.map(({ gatewayId }) => gatewayId)
  }

  /**
   * Resolves when the first listens; the others follow.
   * @throws PlatformError `conflict` when the port is taken, `unavailable` when it does not start.
   */
  start(): Promise<void> {
    this.#started = this.#start()
    return this.#started
  }

  /** What `start` has returned. */
  get started(): Promise<void> {
    return this.#started
  }

  async #start(): Promise<void> {
    const { home, log, host, port } = this.#options
    const living = await livingGateways(home.gateways)
    const isOurs = (record: GatewayRecord) => record.host === host && (port === 0 || record.port === port)
    await Promise.all(living.filter((record) => !isOurs(record)).map((record) => this.#end(record, 0)))
    const adopted = living.filter(isOurs)
    this.#living = adopted
    for (const { pid, url } of adopted) log.info('gateway adopted', { pid, url })
    await this.#keepFirst(adopted.at(0) ?? (await this.#spawn(0, port, false)))
    this.#watching = this.#watch()
  }

  /** Has every worker that there is now replaced, one after another. */
  async replaceAll(): Promise<void> {
    const living = await livingGateways(this.#options.home.gateways)
    this.#outdated = new Set(living.map(({ gatewayId }) => gatewayId))
    this.hint()
  }

  /** One came or went: look at once. */
  hint(): void {
    this.#hinted.abort()
  }

  /** Stops them for good, also those that only start: they finish what they have for up to `drainMs`. */
  async stop(drainMs: number): Promise<void> {
    const { home } = this.#options
    this.#stopping.abort()
    await this.#started.catch(() => {})
    await this.#watching
    await Promise.all(this.#starting.values())
    const living = await livingGateways(home.gateways)
    await Promise.all(living.map((record) => this.#end(record, drainMs)))
    await rm(home.gatewayRecord, { force: true })
  }

  async #watch(): Promise<void> {
    const { clock, log } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      this.#hinted = new AbortController()
      await this.#look().catch((error) =>
        log.error('the gateways could not be looked at', { error: messageOf(error) }),
      )
      await clock.sleep(LOOK_EVERY_MS, AbortSignal.any([signal, this.#hinted.signal])).catch(() => {})
    }
  }

  async #look(): Promise<void> {
    const { home, workers, log } = this.#options
    // Before the look: one that appears during it is in neither otherwise, and would be started twice.
    const starting = new Set(this.#starting.keys())
    const living = await livingGateways(home.gateways)
    this.#living = living
    const plan = planWorkers({
      wanted: workers,
      settings: this.#settings,
      living,
      starting,
      leaving: this.#leaving,
      outdated: this.#outdated,
    })
    for (const { gatewayId, pid } of plan.leave) {
      log.info('gateway worker leaves', { gateway: gatewayId, pid })
      this.#leaving.add(gatewayId)
      signalProcess(pid, 'SIGUSR2')
    }
    const port = this.#first?.port ?? this.#options.port
    for (const number of plan.start) {
      if (number === 0) log.warn('the gateway is gone; starting it again', { url: this.url })
      this.#begin(number, () => this.#spawn(number, port, living.length > 0))
    }
    const { replace } = plan
    if (replace) this.#begin(replace.worker, () => this.#replace(replace))
    const first = living.findLast(({ worker, gatewayId }) => worker === 0 && !this.#leaving.has(gatewayId))
    if (first && first.gatewayId !== this.#first?.gatewayId) await this.#keepFirst(first)
  }

  #begin(number: number, start: () => Promise<unknown>): void {
    const { clock, log } = this.#options
    const { signal } = this.#stopping
    const begun = start().then(
      () => {},
      async (error) => {
        if (signal.aborted) return
        log.error('a gateway worker could not be started', { worker: number, error: messageOf(error) })
        await clock.sleep(RESTART_AFTER_MS, signal).catch(() => {})
      },
    )
    this.#starting.set(
      number,
      begun.then(() => {
        this.#starting.delete(number)
        this.hint()
      }),
    )
  }

  /** What every worker is started with, whichever number it has. */
  get #common(): readonly string[] {
    const { home, domain, accessLog, tls, front } = this.#options
    return [
      ...['--control-socket', home.controlSocket, '--link-socket', home.linkSocket],
      ...['--records', home.gateways, '--log', path.join(home.logs, 'gateway.log')],
      ...(domain ? ['--domain', domain] : []),
      ...(tls === 'told' ? ['--tls-told'] : tls ? ['--tls-cert', tls.certificate, '--tls-key', tls.key] : []),
      ...(front === 'raw' ? [] : ['--front', front]),
      ...(accessLog ? ['--access-log', path.join(home.logs, 'access.log')] : []),
    ]
  }

  get #settings(): string {
    return hash('sha256', JSON.stringify([version, PROGRAM, this.#common]), 'hex').slice(0, 16)
  }

  #argsOf(number: number, port: number): readonly string[] {
    const { host } = this.#options
    return [
      ...['--listen', `${host.includes(':') ? `[${host}]` : host}:${port}`],
      ...['--worker', String(number), '--settings', this.#settings],
      ...this.#common,
    ]
  }

  async #spawn(number: number, port: number, joins: boolean): Promise<GatewayRecord> {
    const { home, host, log } = this.#options
    const args = [
      ...[...WORKER_FLAGS, PROGRAM, ...this.#argsOf(number, port), '--started-by', String(process.pid)],
      ...(joins ? ['--joins'] : []),
    ]
    const child = spawn(process.execPath, args, {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'], ...workerEnvironment(home.cache) },
    })
    child.once('exit', () => this.hint())
    const said = firstWords(child)
    const record = await this.#appearance(
      ({ pid }) => pid === child.pid,
      START_TIMEOUT_MS,
      () => {
        if (child.exitCode !== null) throw startFailure(child.exitCode, said(), host, port)
      },
    ).catch((error) => {
      child.kill('SIGKILL')
      throw error
    })
    child.stderr?.destroy()
    child.unref()
    log.info('gateway started', { pid: record.pid, worker: number, url: record.url })
    return record
  }

  /** The heir is the worker's child and not ours, since it is the worker that has the socket. */
  async #replace(before: GatewayRecord): Promise<void> {
    const { handOver, log } = this.#options
    const { gatewayId, worker } = before
    if (!handOver(gatewayId, { program: PROGRAM, args: this.#argsOf(worker, before.port) })) {
      throw new PlatformError(
        'unavailable',
        `Gateway ${gatewayId} is not connected, so it cannot be replaced yet.`,
      )
    }
    const heir = await this.#appearance(
      (record) =>
        record.worker === worker && record.gatewayId !== gatewayId && record.startedAt > before.startedAt,
      START_TIMEOUT_MS,
    )
    log.info('gateway worker replaced', { worker, pid: heir.pid, before: before.pid })
  }

  /** Waits until the record of a worker appears. */
  async #appearance(
    isIt: (record: GatewayRecord) => boolean,
    withinMs: number,
    check: () => void = () => {},
  ): Promise<GatewayRecord> {
    const { clock, home } = this.#options
    const deadline = clock.now() + withinMs
    while (clock.now() < deadline) {
      const record = (await livingGateways(home.gateways)).find(isIt)
      if (record) return record
      check()
      this.#stopping.signal.throwIfAborted()
      await clock.sleep(RECORD_POLL_MS)
    }
    throw new PlatformError('unavailable', `The gateway did not start within ${withinMs / 1_000} s.`)
  }

  /** Where programs of this machine look for the address. */
  async #keepFirst(record: GatewayRecord): Promise<void> {
    const { gatewayRecord } = this.#options.home
    this.#first = record
    await mkdir(path.dirname(gatewayRecord), { recursive: true })
    // A name of its own: while one control process takes over from another, both may write.
    const written = `${gatewayRecord}.${randomUUID()}`
    await writeFile(written, `${JSON.stringify(record)}\n`, { mode: 0o600 })
    await rename(written, gatewayRecord)
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
