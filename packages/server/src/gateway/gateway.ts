/**
 * The gateway: takes every request from outside and finds the one who answers it.
 *
 * It decides from memory alone: what the control process said last over the link. It keeps no record, reads no
 * database and starts nothing; to have a replica started it says `wake` and holds the request meanwhile. Here is its
 * life, from the first connection to the last; what it consists of is in `gateway-rooms.ts`.
 */
import { createServer, type Server } from 'node:net'
import type { HeirCommand, LinkClient, LinkClientOptions, ShownCertificates } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { CertificateFiles, type TlsFiles } from './certificate-files.ts'
import type { Front, FrontRooms } from './front/front.ts'
import { GatewayRooms } from './gateway-rooms.ts'
import type { GatewayLimits } from './limits.ts'
import { type ListenPlace, listen } from './listen.ts'
import { NameProofs } from './name-proofs.ts'
import * as refusals from './refusals.ts'
import { TlsDoor } from './tls-door.ts'

export type GatewayOptions = {
  readonly gatewayId: string
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  /** Where it listens; on an address of its own unless this says otherwise. */
  readonly place?: ListenPlace
  /** Its number among the workers that share the address. */
  readonly worker?: number
  /** Endpoints are also reached at `{name}-{namespace}.{domain}`. */
  readonly domain?: string
  readonly controlSocket: string
  /** Starts another in this one's place and gives it the socket. */
  readonly handOver?: (heir: HeirCommand, socket: Server) => void
  readonly connectLink: (options: Omit<LinkClientOptions, 'connect'>) => LinkClient
  readonly clock: Clock
  readonly log: Log
  readonly limits?: Partial<GatewayLimits>
  /** Where the workers that share the address find each other; without one, this is the only one. */
  readonly companyDirectory?: string
  /**
   * Files of a certificate and its key, in PEM, or `told`: the control process says what to show. Without it
   * connections are not encrypted.
   */
  readonly tls?: TlsFiles | 'told'
  /** Takes a line for each request. */
  readonly accessLog?: (line: string) => void
  readonly openFront?: (rooms: FrontRooms) => Front
}

export interface Gateway {
  readonly host: string
  readonly port: number
  readonly url: string
  /** Requests being answered or held. */
  readonly busy: number
  /** Takes nothing new, finishes what runs for up to `drainMs`, then breaks off the rest. */
  close(drainMs: number): Promise<void>
  /**
   * Takes no new connection, since somebody else does, and lets those that it has come to their end: a client that
   * keeps one open is told with its next answer. Then, or after `drainMs`, it closes.
   */
  leave(drainMs: number): Promise<void>
  /** Looks now whether the certificate was renewed. */
  reloadCertificate(): Promise<void>
  /** Resolves when it is closed, whoever asked for it. */
  readonly closed: Promise<void>
}

/** @throws the listening error, as Node words it, if the address cannot be had. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const gateway = new RunningGateway(options)
  await gateway.open()
  return gateway
}

class RunningGateway implements Gateway {
  readonly host: string
  readonly closed: Promise<void>
  readonly #options: GatewayOptions
  readonly #clock: Clock
  readonly #log: Log
  readonly #rooms: GatewayRooms
  readonly #server: Server
  readonly #stopped = new AbortController()
  #port: number
  #tls: TlsDoor | undefined
  readonly #fronts: Front[]
  #proofs: NameProofs | undefined
  #files: CertificateFiles | undefined
  #isLeaving = false
  #isClosing = false
  #sayClosed = () => {}

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#log = options.log
    this.host = options.host
    this.#port = options.port
    this.closed = new Promise((resolve) => {
      this.#sayClosed = resolve
    })
    const { gatewayId, worker = 0 } = options
    const startedAt = this.#clock.now()
    this.#rooms = new GatewayRooms(options, {
      isLeaving: () => this.#isLeaving,
      isClosing: () => this.#isClosing,
      stopped: this.#stopped.signal,
      hello: () => ({ kind: 'hello', gatewayId, pid: process.pid, startedAt, url: this.url, worker }),
      shutDown: (drainMs) => void this.close(drainMs),
      handOver: (heir) => options.handOver?.(heir, this.#server),
      show: (certificates) => this.#show(certificates),
    })
    this.#fronts = [this.#rooms.front]
    // A client that has sent FIN still reads, so it is the front that decides when it is over.
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) =>
      (this.#tls ?? this.#rooms.front).take(socket),
    )
    this.#server.maxConnections = this.#rooms.limits.connections
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `${this.#options.tls ? 'https' : 'http'}://${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.#port}`
  }

  get busy(): number {
    return this.#rooms.reception.busy
  }

  async open(): Promise<void> {
    const { host, port, place = 'own', tls } = this.#options
    const { company, door, channel, deadlines, watch } = this.#rooms
    const address = { host, port }
    const { signal } = this.#stopped
    if (tls) await this.#openTls(tls)
    const isAlone = place === 'own' || place === 'shared'
    if (isAlone) this.#port = await listen(this.#server, address, place)
    await company?.open()
    await door?.open()
    channel.open()
    void deadlines.run(this.#clock, signal)
    void watch.run(signal)
    if (isAlone) return
    // Others serve meanwhile: whoever comes here should be served as well.
    await channel.snapshot
    await listen(this.#server, address, place)
  }

  async #openTls(source: TlsFiles | 'told'): Promise<void> {
    const { front, frontRooms, deadlines, limits } = this.#rooms
    // Who serves without TLS does not pay for it.
    const { Http2Front } = await import('./front/http2-front.ts')
    const http2 = new Http2Front(frontRooms)
    this.#fronts.push(http2)
    const rooms = { clock: this.#clock, log: this.#log }
    if (source === 'told') this.#proofs = new NameProofs(deadlines, limits)
    const door = new TlsDoor({
      ...rooms,
      limits,
      ...(this.#proofs && { proofs: this.#proofs }),
      take: (socket) => front.take(socket),
      takeHttp2: (socket) => http2.take(socket),
    })
    this.#tls = door
    if (source === 'told') return
    this.#files = new CertificateFiles(source, { ...rooms, show: (pair) => door.show(pair) })
    await this.#files.open()
    void this.#files.keepLooking(this.#stopped.signal)
  }

  #show({ own, proofs }: ShownCertificates): void {
    this.#proofs?.show(proofs)
    if (own) this.#tls?.show(own)
  }

  async reloadCertificate(): Promise<void> {
    await this.#files?.reload()
  }

  async leave(drainMs: number): Promise<void> {
    if (this.#isLeaving || this.#isClosing) return this.closed
    this.#isLeaving = true
    this.#log.info('gateway leaves', { drainMs, busy: this.busy })
    const emptied = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    const { deferred, door, routerDoors } = this.#rooms
    routerDoors.withdraw()
    const quiet = routerDoors.quiet(this.#stopped.signal)
    const over = Promise.all([emptied, deferred.quiet().then(() => door?.close()), quiet])
    await Promise.race([over, this.#clock.sleep(drainMs, this.#stopped.signal).catch(() => {})])
    return this.close(0)
  }

  async close(drainMs: number): Promise<void> {
    if (this.#isClosing) return this.closed
    this.#isClosing = true
    this.#log.info('gateway stops', { drainMs, busy: this.busy })
    const { line, door, deferred, limits, visits, channel, company, metrics, upstream } = this.#rooms
    const emptied = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    line.refuseEverybody(refusals.isShuttingDown(limits.retryAfterMs))
    for (const front of this.#fronts) front.drain()
    await Promise.race([emptied, this.#clock.sleep(drainMs, this.#stopped.signal)])
    for (const front of this.#fronts) front.breakOff()
    this.#tls?.breakOff()
    deferred.close()
    this.#rooms.routerDoors.close()
    await Promise.all([emptied, door?.close()])
    const outOfTime = this.#clock.sleep(limits.lastUsageMs, this.#stopped.signal)
    await Promise.race([visits.ended().then(() => channel.reportLast()), outOfTime])
    await company?.close(metrics.wholePage)
    this.#stopped.abort()
    upstream.close()
    await channel.close()
    this.#sayClosed()
  }
}
