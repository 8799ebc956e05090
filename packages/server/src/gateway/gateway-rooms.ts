/** What a gateway consists of, introduced to each other. When it opens and ends is for `gateway.ts`. */
import type { EndpointId } from '../domain/replica.ts'
import type { HeirCommand, LinkClientOptions, ShownCertificates, UpMessage } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import { together } from '../platform/turn.ts'
import { Admission } from './admission.ts'
import { askReplica } from './ask-replica.ts'
import { ControlChannel } from './control-channel.ts'
import { Deadlines } from './deadlines.ts'
import { askWorker } from './deferred/ask-worker.ts'
import { DeferredRequests } from './deferred/deferred-requests.ts'
import { Demand } from './demand.ts'
import type { Front, FrontRooms } from './front/front.ts'
import { RawFront } from './front/raw-front.ts'
import type { GatewayOptions } from './gateway.ts'
import { HoldLine } from './hold-line.ts'
import { GATEWAY_LIMITS, type GatewayLimits } from './limits.ts'
import { MetricsDesk } from './metrics-desk.ts'
import { ProgressWatch } from './progress-watch.ts'
import { Reception, refusalOf } from './reception.ts'
import * as refusals from './refusals.ts'
import { ReplicaLeases } from './replica-leases.ts'
import { KeptBytes } from './request-body.ts'
import { RouterCalls } from './router/router-calls.ts'
import { RouterDoors } from './router/router-doors.ts'
import { RoutingTable } from './routing-table.ts'
import type { EndpointRooms } from './serve-endpoint.ts'
import { TokenUses } from './token-uses.ts'
import { Traffic } from './traffic.ts'
import { Upstream } from './upstream/upstream.ts'
import { UsageAsk } from './usage-ask.ts'
import { UsageSpool } from './usage-spool.ts'
import { Visits } from './visits.ts'
import { WorkerCompany } from './workers/worker-company.ts'
import { WorkerDoor } from './workers/worker-door.ts'

/** Where the gateway is in its life, and what ends it. */
export type GatewayLife = {
  readonly isLeaving: () => boolean
  readonly isClosing: () => boolean
  readonly stopped: AbortSignal
  readonly hello: LinkClientOptions['hello']
  readonly shutDown: (drainMs: number) => void
  readonly handOver: (heir: HeirCommand) => void
  readonly show: (certificates: ShownCertificates) => void
}

export class GatewayRooms {
  readonly limits: GatewayLimits
  readonly deadlines: Deadlines
  readonly upstream: Upstream
  readonly leases: ReplicaLeases
  readonly line: HoldLine
  readonly routers: RouterCalls
  readonly routerDoors: RouterDoors
  readonly channel: ControlChannel
  readonly company: WorkerCompany | undefined
  readonly watch: ProgressWatch
  readonly visits: Visits
  readonly deferred: DeferredRequests
  readonly metrics: MetricsDesk
  readonly reception: Reception
  readonly front: Front
  readonly frontRooms: FrontRooms
  /** Where the other workers reach this one; undefined where there are none. */
  readonly door: WorkerDoor | undefined
  readonly #options: GatewayOptions
  readonly #life: GatewayLife
  readonly #clock: Clock
  readonly #table = new RoutingTable()
  readonly #traffic = new Traffic()
  readonly #usageAsk = new UsageAsk()
  readonly #tokenUses = new TokenUses()
  readonly #kept: KeptBytes
  readonly #admission: Admission
  readonly #demand: Demand
  readonly #spool: UsageSpool

  constructor(options: GatewayOptions, life: GatewayLife) {
    const limits = { ...GATEWAY_LIMITS, ...options.limits }
    this.#options = options
    this.#life = life
    this.#clock = options.clock
    this.limits = limits
    this.#kept = new KeptBytes(limits.keptBodyBytes)
    this.#spool = new UsageSpool(limits, this.#say)
    this.#admission = new Admission(limits.retryAfterMs)
    this.deadlines = new Deadlines(limits.deadlineTickMs)
    this.upstream = new Upstream({ deadlines: this.deadlines, limits })
    this.leases = this.#openLeases()
    this.line = this.#openLine()
    this.routers = this.#openRouters()
    this.#demand = new Demand(this.leases, this.line)
    this.channel = this.#openChannel()
    this.company = this.#openCompany()
    this.watch = this.#openWatch()
    const endpointRooms = this.#endpointRooms()
    this.visits = this.#openVisits(endpointRooms)
    this.routerDoors = this.#openRouterDoors(endpointRooms)
    this.deferred = this.#openDeferred()
    this.metrics = this.#openMetrics()
    this.reception = this.#openReception()
    this.frontRooms = {
      limits,
      deadlines: this.deadlines,
      now: () => this.#clock.now(),
      inTurn: together,
      answer: (request, response) => void this.reception.answer(request, response),
      refusal: refusalOf,
    }
    this.front = (options.openFront ?? openRawFront)(this.frontRooms)
    this.door = this.#openDoor()
  }

  readonly #find = (id: EndpointId) => this.#table.get(id)
  readonly #closing = () =>
    this.#life.isClosing() ? refusals.isShuttingDown(this.limits.retryAfterMs) : undefined
  readonly #say = (message: UpMessage) => this.channel.say(message)

  #openLeases(): ReplicaLeases {
    return new ReplicaLeases({
      clock: this.#clock,
      drained: (replicaId) => this.#say({ kind: 'drained', replicaId }),
      roomCameFree: (id) => this.line.handOut(id),
      changed: (id, replicaId, keys) => this.company?.changed(id, replicaId, keys),
    })
  }

  #openLine(): HoldLine {
    return new HoldLine({
      clock: this.#clock,
      limits: this.limits,
      claim: (id, request) => this.leases.claim(id, request),
      areFull: (id) => this.leases.areFull(id),
      wake: (id, waiting) => this.#say({ kind: 'wake', id, waiting }),
    })
  }

  #openChannel(): ControlChannel {
    const { clock, log, connectLink } = this.#options
    return new ControlChannel({
      clock,
      log,
      limits: this.limits,
      table: this.#table,
      leases: this.leases,
      line: this.line,
      routers: this.routers,
      doors: () => this.routerDoors,
      demand: this.#demand,
      spool: this.#spool,
      tokenUses: this.#tokenUses,
      traffic: this.#traffic,
      usageAsk: this.#usageAsk,
      connectLink,
      ...this.#life,
    })
  }

  #openCompany(): WorkerCompany | undefined {
    const { companyDirectory, gatewayId, clock } = this.#options
    if (companyDirectory === undefined) return undefined
    return new WorkerCompany({
      directory: companyDirectory,
      gatewayId,
      clock,
      leases: this.leases,
      admission: this.#admission,
      answer: (namespaces) => this.metrics.page(new Set(namespaces.split(','))),
    })
  }

  #openWatch(): ProgressWatch {
    const { clock, log, worker = 0 } = this.#options
    return new ProgressWatch({
      clock,
      log,
      limits: this.limits,
      ask: (replica, question) =>
        askReplica(this.upstream, replica, question, { clock, timeoutMs: this.limits.askTimeoutMs }),
      leases: this.leases,
      asksIdle: worker === 0,
      find: this.#find,
      say: this.#say,
      returned: (id) => this.line.handOut(id),
    })
  }

  #openRouters(): RouterCalls {
    const { clock, log } = this.#options
    const { stopped } = this.#life
    return new RouterCalls({ clock, log, limits: this.limits, say: this.#say, stopped })
  }

  #openRouterDoors(endpointRooms: EndpointRooms): RouterDoors {
    const { clock, log, openFront = openRawFront } = this.#options
    const { limits, deadlines } = this
    return new RouterDoors({
      clock,
      log,
      limits,
      deadlines,
      openFront,
      endpointRooms,
      reception: () => this.reception,
      say: this.#say,
    })
  }

  #endpointRooms(): EndpointRooms {
    return {
      clock: this.#clock,
      deadlines: this.deadlines,
      limits: this.limits,
      leases: this.leases,
      line: this.line,
      upstream: this.upstream,
      usageAsk: this.#usageAsk,
      routers: this.routers,
      find: this.#find,
      suspect: (id, replicaId, reason) => this.channel.suspect(id, replicaId, reason),
      closing: this.#closing,
      wake: (id) => this.#say({ kind: 'wake', id, waiting: Math.max(1, this.line.waiting(id)) }),
    }
  }

  #openVisits(endpointRooms: EndpointRooms): Visits {
    return new Visits({
      clock: this.#clock,
      endpointRooms,
      admission: this.#admission,
      demand: this.#demand,
      traffic: this.#traffic,
      spool: this.#spool,
      isLogged: this.#options.accessLog !== undefined,
      find: this.#find,
      named: (namespace, name) => this.#table.named(namespace, name),
    })
  }

  #openDeferred(): DeferredRequests {
    const { gatewayId, clock, companyDirectory: directory } = this.#options
    const { deadlines, limits, upstream } = this
    return new DeferredRequests({
      gatewayId,
      clock,
      deadlines,
      limits,
      line: this.line,
      find: this.#find,
      closing: this.#closing,
      begin: (call, id) => this.reception.begin(call, call, id, true),
      run: (request) => this.reception.see(request.exchange, this.visits.serve(request)),
      askWorker: (exchange, owner) => askWorker(exchange, owner, { upstream, limits, directory }),
    })
  }

  #openDoor(): WorkerDoor | undefined {
    const { companyDirectory, gatewayId } = this.#options
    if (companyDirectory === undefined) return undefined
    return new WorkerDoor(companyDirectory, gatewayId, (socket) => this.front.take(socket))
  }

  #openMetrics(): MetricsDesk {
    return new MetricsDesk({
      table: this.#table,
      traffic: this.#traffic,
      legacy: () => this.company?.legacy,
      askOthers: async (namespaces) => (await this.company?.ask(namespaces)) ?? [],
      present: () => ({
        inFlight: (id) => this.leases.inFlight(id),
        waiting: (id) => this.line.waiting(id),
        openRequests: this.reception.busy,
        keptBodyBytes: this.#kept.used,
        prefixBytes: this.leases.prefixBytes,
        cacheBytes: this.visits.cacheBytes,
        spooledRecords: this.#spool.kept,
        droppedRecords: this.#spool.dropped,
        isConnected: this.channel.isConnected,
      }),
    })
  }

  #openReception(): Reception {
    const { clock, log, domain, controlSocket, accessLog } = this.#options
    return new Reception({
      clock,
      deadlines: this.deadlines,
      log,
      limits: this.limits,
      table: this.#table,
      kept: this.#kept,
      serve: (request) => this.deferred.take(request) ?? this.visits.serve(request),
      metrics: this.metrics,
      tokenUses: this.#tokenUses,
      upstream: this.upstream,
      domain,
      controlSocket,
      isConnected: () => this.channel.isConnected,
      accessLog,
      ...this.#life,
    })
  }
}

const openRawFront = (rooms: FrontRooms): Front => new RawFront(rooms)
