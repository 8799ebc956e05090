/**
 * The gateway: takes every request from outside and finds the one who answers it.
 *
 * It decides from memory alone: what the control process said last over the link. It keeps no record, reads no
 * database and starts nothing; to have a replica started it says `wake` and holds the request meanwhile.
 */
import { createServer, type Server } from 'node:net'
import { messageOf, PlatformError } from '../domain/errors.ts'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import { CLIENT_LEFT_STATUS } from '../domain/usage/usage-record.ts'
import type { DownMessage, HeirCommand, LinkClient, LinkClientOptions } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import { newRequestId } from '../platform/ids.ts'
import type { Log } from '../platform/log.ts'
import { type Caller, callerOf } from './access.ts'
import { accessLine } from './access-log.ts'
import { Admission } from './admission.ts'
import { answerPreflight } from './answer-preflight.ts'
import { askReplica } from './ask-replica.ts'
import { type Preflight, preflightIn } from './cors.ts'
import { Deadlines } from './deadlines.ts'
import { Demand } from './demand.ts'
import { toErrorResponse } from './error-response.ts'
import { ClientLeft, Exchange } from './exchange.ts'
import { endpointFor, modelList, sharedCorsHeaders } from './find-endpoint.ts'
import type { ClientRequest, ClientResponse, Front, FrontRooms } from './front/front.ts'
import { RawFront } from './front/raw-front.ts'
import { requestIdIn } from './headers.ts'
import { HoldLine } from './hold-line.ts'
import { GATEWAY_LIMITS, type GatewayLimits } from './limits.ts'
import { type ListenPlace, listen } from './listen.ts'
import { ProgressWatch } from './progress-watch.ts'
import * as refusals from './refusals.ts'
import { ReplicaLeases } from './replica-leases.ts'
import { KeptBytes } from './request-body.ts'
import { type RequestTarget, requestTarget } from './request-target.ts'
import { keyOf, RoutingTable } from './routing-table.ts'
import { serveControl } from './serve-control.ts'
import type { EndpointRooms } from './serve-endpoint.ts'
import { TlsDoor, type TlsFiles } from './tls-door.ts'
import { Traffic } from './traffic.ts'
import { Upstream } from './upstream/upstream.ts'
import { UsageAsk } from './usage-ask.ts'
import { UsageSpool } from './usage-spool.ts'
import { Visits } from './visits.ts'
import { legacyOf, sumPages } from './workers/sum-pages.ts'
import { WorkerCompany } from './workers/worker-company.ts'

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
  /** Files of a certificate and its key, in PEM; without them connections are not encrypted. */
  readonly tls?: TlsFiles
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
  readonly #limits: GatewayLimits
  readonly #clock: Clock
  readonly #log: Log
  readonly #startedAt: number
  readonly #table = new RoutingTable()
  readonly #kept: KeptBytes
  readonly #leases: ReplicaLeases
  readonly #line: HoldLine
  readonly #demand: Demand
  readonly #spool: UsageSpool
  readonly #traffic = new Traffic()
  readonly #usageAsk = new UsageAsk()
  readonly #visits: Visits
  readonly #deadlines: Deadlines
  readonly #upstream: Upstream
  readonly #front: Front
  readonly #server: Server
  readonly #rooms: EndpointRooms
  readonly #watch: ProgressWatch
  readonly #stopped = new AbortController()
  readonly #open = new Set<Exchange>()
  readonly #company: WorkerCompany | undefined
  #link: LinkClient | undefined
  #port: number
  #tls: TlsDoor | undefined
  #reports = 0
  #reportedAt = 0
  #isLeaving = false
  #isClosing = false
  #heardSnapshot = () => {}
  #sayClosed = () => {}

  constructor(options: GatewayOptions) {
    const { clock, log } = options
    const limits = { ...GATEWAY_LIMITS, ...options.limits }
    this.#options = options
    this.#limits = limits
    this.#clock = clock
    this.#log = log
    this.#startedAt = clock.now()
    this.host = options.host
    this.#port = options.port
    this.closed = new Promise((resolve) => {
      this.#sayClosed = resolve
    })
    this.#kept = new KeptBytes(limits.keptBodyBytes)
    this.#leases = new ReplicaLeases({
      clock,
      drained: (replicaId) => this.#link?.send({ kind: 'drained', replicaId }),
      roomCameFree: (id) => this.#line.handOut(id),
      changed: (id, replicaId, keys) => this.#company?.changed(id, replicaId, keys),
    })
    this.#line = new HoldLine({
      clock,
      limits,
      claim: (id, request) => this.#leases.claim(id, request),
      areFull: (id) => this.#leases.areFull(id),
      wake: (id, waiting) => this.#link?.send({ kind: 'wake', id, waiting }),
    })
    this.#demand = new Demand(this.#leases, this.#line)
    this.#spool = new UsageSpool(limits, (batch) => this.#link?.send(batch))
    this.#deadlines = new Deadlines(limits.deadlineTickMs)
    this.#upstream = new Upstream({ deadlines: this.#deadlines, limits })
    this.#rooms = {
      clock,
      limits,
      leases: this.#leases,
      line: this.#line,
      upstream: this.#upstream,
      usageAsk: this.#usageAsk,
      find: (id) => this.#table.get(id),
      suspect: (id, replicaId, reason) => this.#suspect(id, replicaId, reason),
      closing: () => (this.#isClosing ? refusals.isShuttingDown(limits.retryAfterMs) : undefined),
      wake: (id) => this.#link?.send({ kind: 'wake', id, waiting: Math.max(1, this.#line.waiting(id)) }),
    }
    const admission = new Admission(limits.retryAfterMs)
    if (options.companyDirectory !== undefined) {
      this.#company = new WorkerCompany({
        directory: options.companyDirectory,
        gatewayId: options.gatewayId,
        clock,
        leases: this.#leases,
        admission,
        answer: (namespaces) => this.#metrics(new Set(namespaces.split(','))),
      })
    }
    this.#watch = new ProgressWatch({
      clock,
      log,
      limits,
      ask: (replica, question) =>
        askReplica(this.#upstream, replica, question, { clock, timeoutMs: limits.askTimeoutMs }),
      leases: this.#leases,
      find: this.#rooms.find,
      say: (message) => this.#link?.send(message),
      returned: (id) => this.#line.handOut(id),
    })
    this.#visits = new Visits({
      clock,
      endpointRooms: this.#rooms,
      admission,
      demand: this.#demand,
      traffic: this.#traffic,
      spool: this.#spool,
      find: this.#rooms.find,
      named: (namespace, name) => this.#table.named(namespace, name),
    })
    this.#front = (options.openFront ?? openRawFront)({
      limits,
      deadlines: this.#deadlines,
      now: () => clock.now(),
      answer: (request, response) => void this.#answer(request, response),
      refusal: (fault) => asRefusal(fault),
    })
    // A client that has sent FIN still reads, so it is the front that decides when it is over.
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) =>
      (this.#tls ?? this.#front).take(socket),
    )
    this.#server.maxConnections = limits.connections
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `${this.#options.tls ? 'https' : 'http'}://${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.#port}`
  }

  get busy(): number {
    return this.#open.size
  }

  async open(): Promise<void> {
    const { host, port, place = 'own', tls } = this.#options
    const address = { host, port }
    if (tls) {
      const rooms = { clock: this.#clock, log: this.#log }
      this.#tls = await TlsDoor.open(tls, rooms, (socket) => this.#front.take(socket))
      void this.#tls.keepLooking(this.#stopped.signal)
    }
    const isAlone = place === 'own' || place === 'shared'
    if (isAlone) this.#port = await listen(this.#server, address, place)
    await this.#company?.open()
    const snapshot = new Promise<void>((resolve) => {
      this.#heardSnapshot = resolve
    })
    this.#connect()
    void this.#keepReporting()
    void this.#deadlines.run(this.#clock, this.#stopped.signal)
    void this.#watch.run(this.#stopped.signal)
    if (isAlone) return
    // Others serve meanwhile: whoever comes here should be served as well.
    await snapshot
    await listen(this.#server, address, place)
  }

  #connect(): void {
    const { gatewayId, worker = 0, connectLink } = this.#options
    this.#link = connectLink({
      hello: () => ({
        kind: 'hello',
        gatewayId,
        pid: process.pid,
        startedAt: this.#startedAt,
        url: this.url,
        worker,
      }),
      onMessage: (message) => this.#take(message),
      onConnect: () => this.#log.info('connected to the control process'),
      onDisconnect: () => this.#log.warn('lost the control process; serving from memory'),
    })
  }

  async reloadCertificate(): Promise<void> {
    await this.#tls?.reload()
  }

  async leave(drainMs: number): Promise<void> {
    if (this.#isLeaving || this.#isClosing) return this.closed
    this.#isLeaving = true
    this.#log.info('gateway leaves', { drainMs, busy: this.busy })
    const emptied = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    await Promise.race([emptied, this.#clock.sleep(drainMs, this.#stopped.signal).catch(() => {})])
    return this.close(0)
  }

  async close(drainMs: number): Promise<void> {
    if (this.#isClosing) return this.closed
    this.#isClosing = true
    this.#log.info('gateway stops', { drainMs, busy: this.busy })
    const emptied = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#line.refuseEverybody(refusals.isShuttingDown(this.#limits.retryAfterMs))
    this.#front.drain()
    await Promise.race([emptied, this.#clock.sleep(drainMs, this.#stopped.signal)])
    this.#front.breakOff()
    this.#tls?.breakOff()
    await emptied
    const outOfTime = this.#clock.sleep(this.#limits.lastUsageMs, this.#stopped.signal)
    await Promise.race([this.#reportLast(), outOfTime])
    await this.#company?.close(this.#metrics(this.#allNamespaces))
    this.#stopped.abort()
    this.#upstream.close()
    await this.#link?.close()
    this.#sayClosed()
  }

  #take(message: DownMessage): void {
    if (message.kind === 'shutdown') {
      void this.close(message.drainMs)
      return
    }
    if (message.kind === 'hand-over') {
      this.#options.handOver?.(message, this.#server)
      return
    }
    if (message.kind === 'usage-ack') {
      this.#spool.acknowledged(message.sequence)
      return
    }
    for (const id of this.#table.apply(message)) this.#endpointChanged(id)
    if (message.kind === 'snapshot') {
      this.#demand.repeatEverything()
      this.#spool.sendAgain()
      this.#heardSnapshot()
    }
  }

  #endpointChanged(id: EndpointId): void {
    const endpoint = this.#table.get(id)
    this.#leases.list(id, endpoint?.replicas ?? [], endpoint?.routing)
    if (!endpoint) {
      this.#line.refuseAll(
        id,
        new PlatformError('not_found', 'The endpoint was deleted while the request waited.'),
      )
      this.#demand.forget(id)
      this.#traffic.forget(id)
      this.#usageAsk.forget(id)
    } else if (endpoint.state === 'paused') {
      this.#line.refuseAll(id, refusals.isPaused(endpoint))
    } else {
      this.#line.handOut(id)
      if (endpoint.state === 'failed') this.#line.refuseAll(id, refusals.hasFailed(endpoint))
    }
  }

  #suspect(id: EndpointId, replicaId: ReplicaId, reason: string): void {
    if (!this.#leases.rest(id, replicaId)) return
    this.#log.warn('replica broke a connection', { replica: replicaId, reason })
    this.#link?.send({ kind: 'suspect', id, replicaId, reason })
    this.#clock.sleep(this.#limits.restMs, this.#stopped.signal).then(
      () => {
        this.#leases.endRest(id, replicaId)
        this.#line.handOut(id)
      },
      () => {},
    )
  }

  async #keepReporting(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      this.#report()
      await this.#clock.sleep(this.#limits.demandEveryMs, this.#stopped.signal).catch(() => {})
    }
  }

  async #reportLast(): Promise<void> {
    await this.#visits.ended()
    this.#report()
    if (this.#link?.connected) await this.#spool.emptied()
  }

  #report(): void {
    if (!this.#link?.connected) return
    this.#spool.flush()
    const endpoints = this.#demand.collect()
    const now = this.#clock.now()
    const isDue = Math.abs(now - this.#reportedAt) >= this.#limits.signOfLifeEveryMs
    if (endpoints.length === 0 && !isDue) return
    this.#reportedAt = now
    this.#link.send({ kind: 'demand', sequence: ++this.#reports, endpoints })
  }

  async #answer(request: ClientRequest, response: ClientResponse): Promise<void> {
    const exchange = new Exchange(request, response, {
      id: requestIdIn(request.headers) ?? newRequestId(),
      budget: this.#kept,
      clock: this.#clock,
      limits: this.#limits,
      over: (it) => void this.#open.delete(it),
    })
    this.#open.add(exchange)
    if (this.#isLeaving) response.closeAfter()
    const startedAt = this.#clock.now()
    let status = 0
    try {
      await this.#route(exchange)
      status = exchange.hasLeft ? CLIENT_LEFT_STATUS : response.statusCode
    } catch (error) {
      status = this.#failed(exchange, error)
    }
    // What one line costs is paid by those who asked for it.
    this.#options.accessLog?.(accessLine(exchange, status, startedAt, this.#clock.now()))
  }

  /** @returns the status, as the client has it or would have had it. */
  #failed(exchange: Exchange, error: unknown): number {
    if (error instanceof ClientLeft) return CLIENT_LEFT_STATUS
    if (!(error instanceof PlatformError)) {
      this.#log.error('request failed for no known reason', {
        requestId: exchange.id,
        error: error instanceof Error ? error.stack : messageOf(error),
      })
    }
    exchange.fail(error)
    return exchange.hasLeft ? CLIENT_LEFT_STATUS : toErrorResponse(error, exchange.id).status
  }

  async #route(exchange: Exchange): Promise<void> {
    const { request } = exchange
    const { method, url, headers } = request
    const preflight = preflightIn(method, headers)
    const target = requestTarget(
      preflight?.method ?? method,
      url,
      headers['host'] ?? '',
      this.#options.domain,
    )

    switch (target.kind) {
      case 'livez':
        return exchange.sendJson(200, { status: 'alive' })
      case 'readyz':
        return this.#sayWhetherReady(exchange)
      case 'control':
        return serveControl(exchange, { ...this.#rooms, controlSocket: this.#options.controlSocket })
      case 'refused':
        throw new PlatformError('invalid', target.reason)
      default:
        return this.#serve(exchange, target, preflight)
    }
  }

  async #serve(
    exchange: Exchange,
    target: Extract<RequestTarget, { kind: 'endpoint' | 'host' | 'model' | 'models' | 'metrics' }>,
    preflight: Preflight | undefined,
  ): Promise<void> {
    const table = this.#table
    if (!table.hasSnapshot) throw refusals.hasNoSnapshot(this.#limits.retryAfterMs)
    if (preflight && answerPreflight(exchange, preflight, target, table)) return
    const caller = callerOf(exchange.request.headers, (hash) => table.grant(hash), this.#clock.now())
    switch (target.kind) {
      case 'metrics':
        return this.#sendMetrics(exchange, caller)
      case 'models':
        exchange.sayAlso(sharedCorsHeaders(table, exchange.request.headers['origin']))
        return exchange.sendJson(200, modelList(table, caller, target.id))
      case 'endpoint':
      case 'host':
      case 'model': {
        const endpoint = await endpointFor(target, exchange, table, caller, this.#rooms)
        const sharesOrigin = target.kind !== 'host'
        return this.#visits.serve({ exchange, endpoint, caller, path: target.path, sharesOrigin })
      }
      default:
        target satisfies never
    }
  }

  /** Names of endpoints are nobody's business but their namespace's. Of all workers together. */
  async #sendMetrics(exchange: Exchange, caller: Caller): Promise<void> {
    if (caller.kind !== 'known') {
      const reason = caller.kind === 'rejected' ? caller.reason : 'Metrics need a token: send it as a bearer.'
      throw new PlatformError('unauthenticated', reason)
    }
    const namespaces = new Set(caller.grant.namespaces)
    const pages = [
      this.#metrics(namespaces),
      ...((await this.#company?.ask(caller.grant.namespaces.join(','))) ?? []),
    ]
    exchange.sendText(200, 'text/plain; version=0.0.4; charset=utf-8', sumPages(pages))
  }

  /** What this worker has counted, and what those have that left. */
  #metrics(namespaces: ReadonlySet<string>): string {
    const endpoints = this.#table.endpoints.filter(({ namespace }) => namespaces.has(namespace))
    const page = this.#traffic.page(endpoints, {
      inFlight: (id) => this.#leases.inFlight(id),
      waiting: (id) => this.#line.waiting(id),
      openRequests: this.busy,
      keptBodyBytes: this.#kept.used,
      prefixBytes: this.#leases.prefixBytes,
      cacheBytes: this.#visits.cacheBytes,
      spooledRecords: this.#spool.kept,
      droppedRecords: this.#spool.dropped,
      isConnected: this.#link?.connected ?? false,
    })
    const legacy = this.#company?.legacy
    if (legacy === undefined) return page
    const names = new Set(endpoints.map(keyOf))
    return sumPages([page, legacyOf(legacy, (name) => names.has(name))])
  }

  get #allNamespaces(): ReadonlySet<string> {
    return new Set(this.#table.endpoints.map(({ namespace }) => namespace))
  }

  #sayWhetherReady(exchange: Exchange): void {
    const control = this.#link?.connected ? 'connected' : 'disconnected'
    if (this.#isClosing) throw refusals.isShuttingDown(this.#limits.retryAfterMs)
    if (!this.#table.hasSnapshot) throw refusals.hasNoSnapshot(this.#limits.retryAfterMs)
    exchange.sendJson(200, { status: 'ready', control, endpoints: this.#table.endpoints.length })
  }
}

const openRawFront = (rooms: FrontRooms): Front => new RawFront(rooms)

/** What a client is told that sent no request: in the same shape as every other error. */
function asRefusal(fault: string): { readonly requestId: string; readonly text: string } {
  const requestId = newRequestId()
  const error = new PlatformError('invalid', `This is not a request that can be served: ${fault}.`)
  return { requestId, text: JSON.stringify(toErrorResponse(error, requestId).body) }
}
