/**
 * The gateway's own HTTP/1.1 client, towards replicas and the control process.
 *
 * Connections are kept for the next request, the one used last first, and given up at the slightest doubt: an answer
 * that could be read in two ways, a byte that nobody asked for, a request that was not sent to its end. One buffer
 * serves all reads; what they bring is copied, and looked at when this turn of the event loop has read its sockets.
 */
import type { Deadlines } from '../deadlines.ts'
import type { GatewayLimits } from '../limits.ts'
import { type AnswerTaker, Attempt, type UpstreamRequest } from './attempt.ts'
import { type Address, Connection, READ_BYTES } from './connection.ts'

type UpstreamRooms = {
  readonly deadlines: Deadlines
  readonly limits: Pick<
    GatewayLimits,
    'connectTimeoutMs' | 'idleReplicaConnections' | 'idleReplicaConnectionMs'
  >
}

const keyOf = (to: Address) => ('name' in to ? to.name : to.socketPath)

export class Upstream {
  readonly rooms: UpstreamRooms
  readonly readBuffer = Buffer.allocUnsafeSlow(READ_BYTES)
  /** By address, those used last at the end. */
  readonly #idle = new Map<string, Connection[]>()
  readonly #open = new Set<Connection>()

  constructor(rooms: UpstreamRooms) {
    this.rooms = rooms
  }

  get openConnections(): number {
    return this.#open.size
  }

  send(request: UpstreamRequest, taker: AnswerTaker): Attempt {
    const key = keyOf(request.to)
    const connection =
      (request.fresh ? undefined : this.#idle.get(key)?.pop()) ?? this.#connect(request.to, key)
    return new Attempt(connection, request, taker)
  }

  /** Breaks everything off. */
  close(): void {
    for (const connection of [...this.#open]) connection.destroy()
  }

  keep(connection: Connection): void {
    const { idleReplicaConnections, idleReplicaConnectionMs } = this.rooms.limits
    const idle = this.#idle.get(connection.key)
    if (!idle) this.#idle.set(connection.key, [connection])
    else if (idle.length >= idleReplicaConnections) {
      connection.destroy()
      return
    } else idle.push(connection)
    connection.deadline.set(idleReplicaConnectionMs)
  }

  forget(connection: Connection): void {
    this.#open.delete(connection)
    const idle = this.#idle.get(connection.key)
    if (!idle) return
    const place = idle.lastIndexOf(connection)
    if (place !== -1) idle.splice(place, 1)
    if (idle.length === 0) this.#idle.delete(connection.key)
  }

  #connect(to: Address, key: string): Connection {
    const connection = new Connection(this, to, key)
    this.#open.add(connection)
    return connection
  }
}
