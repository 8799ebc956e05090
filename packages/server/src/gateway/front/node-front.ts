/**
 * The front on Node's own server.
 *
 * Node's parser finds the requests; what it lets pass that may be read in two ways is refused here
 * (`request-rules.ts`). A connection that asks for a WebSocket is handed to the raw front's code with the head that
 * Node has read, because Node's server gives up such a connection anyway.
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { pairsIn } from '../http1/field-lines.ts'
import { passableTrailers, persistsFor } from './answer-head.ts'
import { CallHead } from './call-head.ts'
import { ClientConnection, type ConnectionRooms, refusalText } from './client-connection.ts'
import { dateOf } from './connection-front.ts'
import type {
  AnswerStart,
  BodyReader,
  ClientRequest,
  ClientResponse,
  Front,
  FrontRooms,
  ResponseWatcher,
} from './front.ts'
import { type Refused, type RequestHead, requestOfRaw } from './request-rules.ts'

export class NodeFront implements Front {
  readonly #rooms: FrontRooms
  readonly #tunnelRooms: ConnectionRooms
  readonly #server: http.Server
  readonly #sockets = new Set<Socket>()
  /** Connections that carry no HTTP any more. */
  readonly #tunnels = new Set<ClientConnection>()
  #isDraining = false

  constructor(rooms: FrontRooms) {
    this.#rooms = rooms
    this.#tunnelRooms = {
      ...rooms,
      date: dateOf(rooms.now),
      persists: persistsFor(rooms.limits.keepAliveMs),
      gone: (connection) => void this.#tunnels.delete(connection),
    }
    this.#server = this.#createServer()
  }

  get connections(): number {
    return this.#sockets.size
  }

  take(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    this.#server.emit('connection', socket)
  }

  drain(): void {
    this.#isDraining = true
    this.#server.closeIdleConnections()
    for (const connection of [...this.#tunnels]) connection.drain()
  }

  breakOff(): void {
    for (const socket of [...this.#sockets]) socket.destroy()
    // Ends its check of slow clients too.
    this.#server.close()
  }

  #createServer(): http.Server {
    const { limits } = this.#rooms
    const server = http.createServer({
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: Math.min(limits.headersTimeoutMs, CHECK_EVERY_MS),
      // Refused by us, in our words.
      requireHostHeader: false,
      shouldUpgradeCallback: (request) => {
        const head = headOf(request)
        return !('fault' in head) && head.wantsUpgrade
      },
    })
    // Too many are refused by us; Node would leave out what is over its limit.
    server.maxHeadersCount = 0
    for (const event of ['request', 'checkContinue', 'checkExpectation']) {
      server.on(event, (request: IncomingMessage, response: ServerResponse) => this.#take(request, response))
    }
    server.on('upgrade', (request: IncomingMessage, socket: Socket, rest: Buffer) =>
      this.#upgrade(request, socket, rest),
    )
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#refuse(error, socket))
    // Connections come from elsewhere, and this is what starts its check of slow clients.
    server.emit('listening')
    return server
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const head = headOf(request)
    if (this.#isDraining) response.shouldKeepAlive = false
    if ('fault' in head) {
      this.#sayRefusal(head, response)
      return
    }
    const call = new NodeCall(request, response, head)
    this.#rooms.answer(call, call)
  }

  #upgrade(request: IncomingMessage, socket: Socket, rest: Buffer): void {
    const head = headOf(request)
    if ('fault' in head) return void socket.destroy()
    const connection = new ClientConnection(socket, this.#tunnelRooms)
    this.#tunnels.add(connection)
    connection.begin(head, rest)
  }

  #sayRefusal({ status, fault }: Refused, response: ServerResponse): void {
    const { requestId, text } = this.#rooms.refusal(fault)
    response.shouldKeepAlive = false
    response.writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      'x-request-id': requestId,
    })
    response.end(text)
  }

  /** What cannot be read as HTTP never becomes a request, so it is answered on the bare connection. */
  #refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (!socket.writable || error.code === 'ECONNRESET' || hasAnswerBegun(socket)) {
      socket.destroy()
      return
    }
    const [status, fault] =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? ([431, `its head is larger than ${this.#rooms.limits.headerBytes} bytes`] as const)
        : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
          ? ([408, 'it did not arrive in time'] as const)
          : ([400, error.message] as const)
    socket.end(refusalText(status, this.#rooms.refusal(fault)))
  }
}

const CHECK_EVERY_MS = 5_000

/** Node's parser keeps the answer that it is at to itself. */
const hasAnswerBegun = (socket: Duplex) => {
  const { _httpMessage: answer } = socket as Duplex & { _httpMessage?: ServerResponse | null }
  return answer?.headersSent === true
}

const headOf = ({ method = '', url = '', httpVersion, rawHeaders }: IncomingMessage): RequestHead | Refused =>
  requestOfRaw({ method, url, version: httpVersion }, rawHeaders)

class NodeCall extends CallHead implements ClientRequest, ClientResponse {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  #watcher: ResponseWatcher | undefined
  #isReading = false

  constructor(request: IncomingMessage, response: ServerResponse, head: RequestHead) {
    super(head)
    this.#request = request
    this.#response = response
    if (!head.persists) response.shouldKeepAlive = false
    request.on('error', () => {})
    response.on('error', () => {})
    response.on('drain', () => this.#watcher?.drained())
    response.on('close', () => this.#watcher?.closed(response.writableFinished))
  }

  get remoteAddress(): string {
    return this.#request.socket.remoteAddress ?? 'unknown'
  }

  override get wantsUpgrade(): boolean {
    return false
  }

  get isComplete(): boolean {
    return this.#request.complete
  }

  get isBroken(): boolean {
    return this.#request.errored !== null || this.#request.destroyed
  }

  get statusCode(): number {
    return this.#response.headersSent ? this.#response.statusCode : 0
  }

  get isOver(): boolean {
    return this.#response.writableEnded || this.#response.destroyed
  }

  invite(): void {
    this.#response.writeContinue()
  }

  read(reader: BodyReader): void {
    if (this.#isReading) return
    this.#isReading = true
    this.#request.on('data', (chunk: Buffer) => reader.arrived(chunk))
    this.#request.on('end', () => reader.ended())
    for (const event of ['error', 'close']) {
      this.#request.on(event, () => {
        if (!this.#request.complete) reader.broke()
      })
    }
    this.#request.resume()
  }

  pause(): void {
    this.#request.pause()
  }

  resume(): void {
    this.#request.resume()
  }

  watch(watcher: ResponseWatcher): void {
    this.#watcher = watcher
  }

  inform(status: number, _reason: string, lines: string): void {
    if (this.head.isHttp10) return
    this.#response.writeInformation(status, pairsIn(lines))
  }

  begin({ status, reason, lines, bytes, date }: AnswerStart): void {
    const own = pairsIn(lines)
    if (date !== undefined) own.push('date', date)
    if (bytes !== undefined && status !== 204) own.push('content-length', String(bytes))
    if (reason === '') this.#response.writeHead(status, own)
    else this.#response.writeHead(status, reason, own)
    this.#response.cork()
  }

  write(chunk: Buffer): void {
    this.#response.write(chunk)
  }

  flush(): boolean {
    this.#response.flushHeaders()
    this.#response.uncork()
    this.#response.cork()
    return !this.#response.writableNeedDrain
  }

  end(chunk?: Buffer, trailers: readonly string[] = []): void {
    this.#response.uncork()
    if (trailers.length > 0 && this.head.takesTrailers) {
      this.#response.addTrailers(pairsOf(passableTrailers(trailers)))
    }
    this.#response.end(chunk)
  }

  closeAfter(): void {
    this.#response.shouldKeepAlive = false
  }

  upgrade(): void {
    throw new Error('a request that asked for no other protocol was given one')
  }

  destroy(): void {
    this.#request.destroy()
    this.#response.destroy()
  }
}

function pairsOf(headers: readonly string[]): [string, string][] {
  return Array.from({ length: headers.length / 2 }, (_, i) => [headers[2 * i]!, headers[2 * i + 1]!])
}
