/**
 * What the control process says, and what it is told: the routing table is kept up to date, demand and usage are
 * reported, and whoever waits is served, refused or handed on as endpoints change.
 *
 * Nothing here is needed to answer a request: without a control process the gateway goes on from memory.
 */
import { PlatformError } from '../domain/errors.ts'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type {
  DownMessage,
  HeirCommand,
  LinkClient,
  LinkClientOptions,
  ShownCertificates,
  UpMessage,
} from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Demand } from './demand.ts'
import type { HoldLine } from './hold-line.ts'
import type { GatewayLimits } from './limits.ts'
import * as refusals from './refusals.ts'
import type { ReplicaLeases } from './replica-leases.ts'
import type { RouterCalls } from './router/router-calls.ts'
import type { RouterDoors } from './router/router-doors.ts'
import type { RoutingTable } from './routing-table.ts'
import type { TokenUses } from './token-uses.ts'
import type { Traffic } from './traffic.ts'
import type { UsageAsk } from './usage-ask.ts'
import type { UsageSpool } from './usage-spool.ts'

export type ChannelRooms = {
  readonly clock: Clock
  readonly log: Log
  readonly limits: GatewayLimits
  readonly table: RoutingTable
  readonly leases: ReplicaLeases
  readonly line: HoldLine
  readonly routers: RouterCalls
  readonly doors: () => RouterDoors
  readonly demand: Demand
  readonly spool: UsageSpool
  readonly tokenUses: TokenUses
  readonly traffic: Traffic
  readonly usageAsk: UsageAsk
  readonly connectLink: (options: Omit<LinkClientOptions, 'connect'>) => LinkClient
  readonly hello: LinkClientOptions['hello']
  readonly shutDown: (drainMs: number) => void
  readonly handOver: (heir: HeirCommand) => void
  readonly show: (certificates: ShownCertificates) => void
  /** Aborts when the gateway ends. */
  readonly stopped: AbortSignal
}

export class ControlChannel {
  /** Resolves when the endpoints are known. */
  readonly snapshot: Promise<void>
  readonly #rooms: ChannelRooms
  #link: LinkClient | undefined
  #reports = 0
  #reportedAt = 0
  #heardSnapshot = () => {}

  constructor(rooms: ChannelRooms) {
    this.#rooms = rooms
    this.snapshot = new Promise((resolve) => {
      this.#heardSnapshot = resolve
    })
  }

  get isConnected(): boolean {
    return this.#link?.connected ?? false
  }

  open(): void {
    const { log, connectLink, hello } = this.#rooms
    this.#link = connectLink({
      hello,
      onMessage: (message) => this.#take(message),
      onConnect: () => log.info('connected to the control process'),
      onDisconnect: () => log.warn('lost the control process; serving from memory'),
    })
    void this.#keepReporting()
  }

  say(message: UpMessage): void {
    this.#link?.send(message)
  }

  /** The replica broke a connection: it rests, and the control process looks at it. */
  suspect(id: EndpointId, replicaId: ReplicaId, reason: string): void {
    const { clock, log, limits, leases, line, stopped } = this.#rooms
    if (!leases.rest(id, replicaId)) return
    log.warn('replica broke a connection', { replica: replicaId, reason })
    this.say({ kind: 'suspect', id, replicaId, reason })
    clock.sleep(limits.restMs, stopped).then(
      () => {
        leases.endRest(id, replicaId)
        line.handOut(id)
      },
      () => {},
    )
  }

  /** Resolves when the last of what is to be stored was stored, or cannot be. */
  async reportLast(): Promise<void> {
    this.#report()
    if (this.isConnected) await this.#rooms.spool.emptied()
  }

  async close(): Promise<void> {
    await this.#link?.close()
  }

  #take(message: DownMessage): void {
    const { table, spool, demand, doors, shutDown, handOver, show } = this.#rooms
    switch (message.kind) {
      case 'shutdown':
        shutDown(message.drainMs)
        break
      case 'hand-over':
        handOver(message)
        break
      case 'certificates':
        show(message.certificates)
        break
      case 'usage-ack':
        spool.acknowledged(message.sequence)
        break
      default:
        for (const id of table.apply(message)) this.#endpointChanged(id)
        if (message.kind !== 'snapshot') return
        if (message.certificates) show(message.certificates)
        demand.repeatEverything()
        doors().sayAgain()
        spool.sendAgain()
        this.#heardSnapshot()
    }
  }

  #endpointChanged(id: EndpointId): void {
    const { table, leases, line, demand, traffic, usageAsk, doors, routers } = this.#rooms
    const endpoint = table.get(id)
    leases.list(id, endpoint?.replicas ?? [], endpoint?.routing)
    doors().list(id, endpoint)
    routers.list(id, endpoint)
    if (!endpoint) {
      line.refuseAll(id, new PlatformError('not_found', 'The endpoint was deleted while the request waited.'))
      demand.forget(id)
      traffic.forget(id)
      usageAsk.forget(id)
    } else if (endpoint.state === 'paused') {
      line.refuseAll(id, refusals.isPaused(endpoint))
    } else {
      line.handOut(id)
      if (endpoint.state === 'failed') line.refuseAll(id, refusals.hasFailed(endpoint))
    }
  }

  async #keepReporting(): Promise<void> {
    const { clock, limits, stopped } = this.#rooms
    while (!stopped.aborted) {
      this.#report()
      await clock.sleep(limits.demandEveryMs, stopped).catch(() => {})
    }
  }

  #report(): void {
    if (!this.isConnected) return
    const { clock, limits, spool, tokenUses, demand } = this.#rooms
    spool.flush()
    const uses = tokenUses.collect()
    if (uses.length > 0) this.say({ kind: 'tokens-used', uses })
    const endpoints = demand.collect()
    const now = clock.elapsed()
    const isDue = now - this.#reportedAt >= limits.signOfLifeEveryMs
    if (endpoints.length === 0 && !isDue) return
    this.#reportedAt = now
    this.say({ kind: 'demand', sequence: ++this.#reports, endpoints })
  }
}
