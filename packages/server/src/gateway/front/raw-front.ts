/** The front on bare sockets: our own reading of HTTP/1.1, stricter than most, and one write for each answer. */
import { ClientConnection } from './client-connection.ts'
import { ConnectionFront } from './connection-front.ts'
import type { FrontRooms } from './front.ts'

export class RawFront extends ConnectionFront<ClientConnection> {
  constructor(rooms: FrontRooms) {
    super(rooms, (socket, itsRooms) => new ClientConnection(socket, itsRooms))
  }
}
