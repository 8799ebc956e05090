/**
 * The doors by which routers reach replicas: for each router and replica an address of this gateway's own.
 *
 * A router's contract knows backends as `http://host:port` and nothing else, so what replica is meant is said by where
 * it connects. Behind a door the gateway does what it does for every request: it adds the replica's key, counts, drains
 * and looks whether it advances. A door stays open as long as its router may still send somebody there; what comes for
 * a replica that takes nothing new goes to another.
 */
import { timingSafeEqual } from 'node:crypto'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { messageOf } from '../../domain/errors.ts'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import type { RoutedEndpoint, RoutedRouter, RouterDoor, UpMessage } from '../../link/messages.ts'
import type { Clock } from '../../platform/clock.ts'
import { newRequestId } from '../../platform/ids.ts'
import type { Log } from '../../platform/log.ts'
import { together } from '../../platform/turn.ts'
import type { Deadlines } from '../deadlines.ts'
import type { ClientRequest, ClientResponse, Front, FrontRooms } from '../front/front.ts'
import { requestIdIn } from '../headers.ts'
import type { GatewayLimits } from '../limits.ts'
import { limitTimeAsAsked, type Reception, refusalOf } from '../reception.ts'
import * as refusals from '../refusals.ts'
import { RequestMeter } from '../request-meter.ts'
import type { EndpointRooms } from '../serve-endpoint.ts'
import { serveEndpoint } from '../serve-endpoint.ts'
import { EndpointTraffic } from '../traffic.ts'

type DoorRooms = {
  readonly clock: Clock
  readonly log: Log
  readonly limits: GatewayLimits
  readonly deadlines: Deadlines
  readonly openFront: (rooms: FrontRooms) => Front
  readonly endpointRooms: EndpointRooms
  readonly reception: () => Reception
  readonly say: (message: UpMessage) => void
}

type Door = {
  readonly server: Server
  readonly front: Front
  /** Undefined until it is open. */
  address?: RouterDoor
}

type RouterAtDoors = {
  readonly endpointId: EndpointId
  router: RoutedRouter
  readonly doors: Map<ReplicaId, Door>
  problem: string | null
}

/** For a router to be told that others are to be used. */
const WITHDRAWN_MS = 5_000
const ROUTER_CALLER = { kind: 'anonymous' } as const

export class RouterDoors {
  readonly #rooms: DoorRooms
  readonly #routers = new Map<ReplicaId, RouterAtDoors>()
  /** Requests are counted where their clients are. */
  readonly #uncounted = new EndpointTraffic()
  readonly #running = new Set<Promise<unknown>>()
  #isWithdrawn = false

  constructor(rooms: DoorRooms) {
    this.#rooms = rooms
  }

  /** Opens and closes what the routing table asks for now. @param endpoint undefined for one that is gone. */
  list(endpointId: EndpointId, endpoint: Pick<RoutedEndpoint, 'routers' | 'replicas'> | undefined): void {
    const routers = endpoint?.routers ?? []
    for (const [routerId, known] of this.#routers) {
      if (known.endpointId !== endpointId || routers.some(({ id }) => id === routerId)) continue
      for (const replicaId of [...known.doors.keys()]) this.#close(known, replicaId)
      this.#routers.delete(routerId)
    }
    for (const router of routers) {
      const known = this.#routers.get(router.id) ?? newlyKnown(endpointId, router)
      known.router = router
      this.#routers.set(router.id, known)
      this.#open(known, new Set([...(endpoint?.replicas ?? []).map(({ id }) => id), ...router.backends]))
    }
  }

  /** A control process that just connected knows no door. */
  sayAgain(): void {
    for (const known of this.#routers.values()) this.#say(known)
  }

  /** Another gateway's doors are to be used from now on; these stay open for whoever was told of them. */
  withdraw(): void {
    this.#isWithdrawn = true
    this.sayAgain()
  }

  /** Resolves when nothing is expected to come through doors that were withdrawn, and nothing does. */
  async quiet(signal: AbortSignal): Promise<void> {
    if (this.#routers.size === 0) return
    await this.#rooms.clock.sleep(WITHDRAWN_MS, signal).catch(() => {})
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  /** Breaks off what is left. */
  close(): void {
    for (const known of this.#routers.values()) {
      for (const [replicaId, { front }] of [...known.doors]) {
        this.#close(known, replicaId)
        front.breakOff()
      }
    }
  }

  #open(known: RouterAtDoors, wanted: ReadonlySet<ReplicaId>): void {
    const unwanted = [...known.doors.keys()].filter((id) => !wanted.has(id))
    for (const replicaId of unwanted) this.#close(known, replicaId)
    if (unwanted.length > 0) this.#say(known)
    for (const replicaId of wanted) if (!known.doors.has(replicaId)) this.#openDoor(known, replicaId)
  }

  #openDoor(known: RouterAtDoors, replicaId: ReplicaId): void {
    const { limits, deadlines, clock, log, openFront } = this.#rooms
    const host = known.router.doorHost
    const front = openFront({
      limits,
      deadlines,
      now: () => clock.now(),
      inTurn: together,
      answer: (request, response) => void this.#answer(known, replicaId, request, response),
      refusal: refusalOf,
    })
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => front.take(socket))
    server.maxConnections = limits.connections
    const door: Door = { server, front }
    known.doors.set(replicaId, door)
    server.on('error', (error) => {
      log.warn('a door for a router could not be opened', {
        router: known.router.id,
        error: messageOf(error),
      })
      known.problem = `this gateway cannot listen on ${host}, where the router would reach it: ${messageOf(error)}`
      // Tried again with the next change.
      if (known.doors.get(replicaId) === door) known.doors.delete(replicaId)
      this.#say(known)
    })
    server.listen({ host, port: 0 }, () => {
      if (known.doors.get(replicaId) !== door) return
      door.address = { replicaId, host, port: (server.address() as AddressInfo).port }
      known.problem = null
      this.#say(known)
    })
  }

  #close(known: RouterAtDoors, replicaId: ReplicaId): void {
    const door = known.doors.get(replicaId)
    known.doors.delete(replicaId)
    door?.server.close()
    door?.front.drain()
  }

  #say({ router, doors, problem }: RouterAtDoors): void {
    const open = this.#isWithdrawn ? [] : [...doors.values()].flatMap(({ address }) => address ?? [])
    this.#rooms.say({ kind: 'doors', routerId: router.id, doors: open, problem })
  }

  async #answer(
    known: RouterAtDoors,
    replicaId: ReplicaId,
    request: ClientRequest,
    response: ClientResponse,
  ): Promise<void> {
    const { clock, endpointRooms } = this.#rooms
    const reception = this.#rooms.reception()
    const exchange = reception.begin(request, response, requestIdIn(request.headers) ?? newRequestId())
    const answering = async () => {
      if (!hasKey(request.headers['authorization'], known.router.apiKey)) throw refusals.doorNeedsKey()
      limitTimeAsAsked(exchange)
      const endpoint = endpointRooms.find(known.endpointId)
      if (!endpoint) throw refusals.doorIsNobodys()
      await serveEndpoint(
        {
          exchange,
          meter: new RequestMeter(clock, this.#uncounted),
          endpoint,
          path: request.url,
          sharesOrigin: false,
          caller: ROUTER_CALLER,
          chosen: replicaId,
        },
        endpointRooms,
      )
    }
    const seen = reception.see(exchange, answering(), { isLogged: false })
    this.#running.add(seen)
    await seen
    this.#running.delete(seen)
  }
}

const newlyKnown = (endpointId: EndpointId, router: RoutedRouter): RouterAtDoors => ({
  endpointId,
  router,
  doors: new Map(),
  problem: null,
})

function hasKey(header: string | undefined, key: string): boolean {
  const sent = Buffer.from(header ?? '')
  const expected = Buffer.from(`Bearer ${key}`)
  return sent.length === expected.length && timingSafeEqual(sent, expected)
}
