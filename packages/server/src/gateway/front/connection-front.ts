/** A front that reads its connections itself: keeps them, and ends them when it is time. */
import type { Socket } from 'node:net'
import { persistsFor } from './answer-head.ts'
import type { Front, FrontRooms } from './front.ts'

export interface FrontConnection {
  /** Takes no further request, and goes after the answers that it is at. */
  drain(): void
  /** Ends at once. */
  breakOff(): void
}

export type RoomsOfConnection<Connection> = FrontRooms & {
  /** For the Date header, now. */
  readonly date: () => string
  /** What an answer says of a connection that may serve another request. */
  readonly persists: string
  readonly gone: (connection: Connection) => void
}

export class ConnectionFront<Connection extends FrontConnection> implements Front {
  readonly #rooms: RoomsOfConnection<Connection>
  readonly #open: (socket: Socket, rooms: RoomsOfConnection<Connection>) => Connection
  readonly #connections = new Set<Connection>()
  #isDraining = false

  constructor(rooms: FrontRooms, open: (socket: Socket, rooms: RoomsOfConnection<Connection>) => Connection) {
    this.#open = open
    this.#rooms = {
      ...rooms,
      date: dateOf(rooms.now),
      persists: persistsFor(rooms.limits.keepAliveMs),
      gone: (connection) => void this.#connections.delete(connection),
    }
  }

  get connections(): number {
    return this.#connections.size
  }

  take(socket: Socket): void {
    const connection = this.#open(socket, this.#rooms)
    this.#connections.add(connection)
    if (this.#isDraining) connection.drain()
  }

  drain(): void {
    this.#isDraining = true
    for (const connection of [...this.#connections]) connection.drain()
  }

  breakOff(): void {
    for (const connection of [...this.#connections]) connection.breakOff()
  }
}

/** As HTTP writes it, worked out once in a second. */
export function dateOf(now: () => number): () => string {
  let second = Number.NaN
  let text = ''
  return () => {
    const thisSecond = Math.floor(now() / 1_000)
    if (thisSecond !== second) {
      second = thisSecond
      text = new Date(thisSecond * 1_000).toUTCString()
    }
    return text
  }
}
