/** The front on bare sockets: our own reading of HTTP/1.1, stricter than most, and one write for each answer. */
import type { Socket } from 'node:net'
import { ClientConnection, type ConnectionRooms } from './client-connection.ts'
import type { Front, FrontRooms } from './front.ts'

export class RawFront implements Front {
  readonly #rooms: ConnectionRooms
  readonly #connections = new Set<ClientConnection>()
  #isDraining = false

  constructor(rooms: FrontRooms) {
    this.#rooms = {
      ...rooms,
      date: dateOf(rooms.now),
      gone: (connection) => void this.#connections.delete(connection),
    }
  }

  get connections(): number {
    return this.#connections.size
  }

  take(socket: Socket): void {
    const connection = new ClientConnection(socket, this.#rooms)
    this.#connections.add(connection)
    if (this.#isDraining) connection.drain()
  }

  drain(): void {
    this.#isDraining = true
    for (const connection of [...this.#connections]) connection.drain()
  }

  breakOff(): void {
    for (const { socket } of [...this.#connections]) socket.destroy()
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
