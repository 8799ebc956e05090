/**
 * The gateway's own HTTP/1.1 client, towards replicas and the control process.
 *
 * Connections are kept for the next request, the one used last first, and given up at the slightest doubt: an answer
 * that could be read in two ways, a byte that nobody asked for, a request that was not sent to its end. One buffer
 * serves all reads; what they bring is copied, and looked at when this turn of the event loop has read its sockets.
 */
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { together } from '../../platform/turn.ts'
import type { Deadline, Deadlines } from '../deadlines.ts'
import { CHUNK_END, chunkStart, LAST_CHUNK } from '../http1/chunked-reader.ts'
import type { GatewayLimits } from '../limits.ts'
import { type AnswerHead, ResponseReader } from './response-reader.ts'

export type Address = { readonly host: string; readonly port: number } | { readonly socketPath: string }

export type UpstreamRequest = {
  readonly to: Address
  readonly method: string
  /** Start line and field lines with the empty line that ends them. */
  readonly head: string
  /** The body is sent in chunks. */
  readonly isChunked: boolean
  /** Asks for another protocol, so the answer may be one. */
  readonly mayUpgrade: boolean
  /** Uses no connection that has been used before. */
  readonly fresh: boolean
  /** Nothing may be heard of the answer for so long. */
  readonly silenceMs: number
}

export interface AnswerTaker {
  informed(head: AnswerHead): void
  began(head: AnswerHead): void
  passed(chunk: Buffer): void
  /** All that came at once has been told. */
  paused(): void
  ended(trailers: readonly string[]): void
  /** The request's body may go on. */
  drained(): void
  /** The attempt is over, and the answer was not. */
  failed(how: AttemptFailure): void
}

/** Takes chunks of an answer as they came, where it can. */
export interface ChunkTaker {
  /**
   * @param text what was read, in latin1, beginning with a chunk.
   * @returns false where it is not whole chunks, or they cannot be taken so: then they are told in the usual way.
   */
  take(text: string): boolean
}

export type AttemptFailure =
  /** No connection came about: nothing was sent. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  | { readonly kind: 'silent' }
  | { readonly kind: 'broke'; readonly reason: string }

type UpstreamRooms = {
  readonly deadlines: Deadlines
  readonly limits: Pick<
    GatewayLimits,
    'connectTimeoutMs' | 'idleReplicaConnections' | 'idleReplicaConnectionMs'
  >
}

/** One read; a larger answer comes in several. */
const READ_BYTES = 64 * 1024
/** Up to here head and body are joined into one string and written at once. */
const JOINED_BYTES = 16 * 1024
/** More than this at once is no event that somebody waits for. */
const OFFERED_BYTES = 16 * 1024
/** So much of a long body may come before it is sent on: fewer and larger writes wake the replica less often. */
const TOGETHER_BYTES = 512 * 1024
const NO_BYTES = Buffer.alloc(0)

/** Sockets take what every stream takes, and their types do not say so. */
type ConnectOptions = NetConnectOpts & { readonly writableHighWaterMark: number }

const keyOf = (to: Address) => ('port' in to ? `${to.host} ${to.port}` : to.socketPath)

export class Upstream {
  readonly rooms: UpstreamRooms
  readonly readBuffer = Buffer.allocUnsafeSlow(READ_BYTES)
  /** Those used last at the end. */
  readonly #idle = new Map<string, Connection[]>()
  readonly #open = new Set<Connection>()

  constructor(rooms: UpstreamRooms) {
    this.rooms = rooms
  }

  get idleConnections(): number {
    let connections = 0
    for (const idle of this.#idle.values()) connections += idle.length
    return connections
  }

  get openConnections(): number {
    return this.#open.size
  }

  send(request: UpstreamRequest, taker: AnswerTaker): Attempt {
    const key = keyOf(request.to)
    const connection = (request.fresh ? undefined : this.#takeIdle(key)) ?? this.#connect(request.to, key)
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
    const place = idle?.lastIndexOf(connection) ?? -1
    if (!idle || place === -1) return
    idle.splice(place, 1)
    if (idle.length === 0) this.#idle.delete(connection.key)
  }

  #takeIdle(key: string): Connection | undefined {
    const idle = this.#idle.get(key)
    const connection = idle?.pop()
    if (idle?.length === 0) this.#idle.delete(key)
    return connection
  }

  #connect(to: Address, key: string): Connection {
    const connection = new Connection(this, to, key)
    this.#open.add(connection)
    return connection
  }
}

class Connection {
  readonly key: string
  readonly socket: Socket
  readonly deadline: Deadline
  readonly #upstream: Upstream
  #attempt: Attempt | undefined
  #silenceMs = 0
  /** Has come, and is looked at in this turn. */
  #unread: Buffer = NO_BYTES
  /** The same, to be offered to `chunkTaker`. */
  #offered = ''
  readonly #whenDue = () => {
    if (this.#offered !== '') this.#offer()
    else if (this.#unread.length > 0) this.#read()
  }
  /** Is offered what comes, while that begins with a chunk. */
  chunkTaker: ChunkTaker | undefined
  isConnected = false
  /** Requests that it carried to their end. */
  served = 0

  constructor(upstream: Upstream, to: Address, key: string) {
    this.key = key
    this.#upstream = upstream
    this.deadline = upstream.rooms.deadlines.create(() => this.#late())
    const { readBuffer } = upstream
    const where = 'port' in to ? { host: to.host, port: to.port, noDelay: true } : { path: to.socketPath }
    const options: ConnectOptions = {
      ...where,
      writableHighWaterMark: TOGETHER_BYTES,
      onread: { buffer: readBuffer, callback: (bytes) => this.#came(readBuffer, bytes) },
    }
    this.socket = connect(options)
    this.socket.on('connect', () => this.#connected())
    this.socket.on('drain', () => this.#attempt?.drained())
    this.socket.on('error', (error: NodeJS.ErrnoException) =>
      this.broke(error.message || (error.code ?? 'it failed')),
    )
    this.socket.on('end', () => this.#ended())
    this.socket.on('close', () => this.broke('it closed the connection'))
    this.deadline.set(upstream.rooms.limits.connectTimeoutMs)
  }

  carry(attempt: Attempt): void {
    this.#attempt = attempt
    this.#silenceMs = attempt.silenceMs
    if (this.isConnected) this.heard()
  }

  /** The silence begins anew. */
  heard(): void {
    this.deadline.set(this.#silenceMs)
  }

  /** The attempt that it carried is over. */
  free(canBeKept: boolean): void {
    this.#attempt = undefined
    this.chunkTaker = undefined
    this.served++
    if (canBeKept && !this.socket.destroyed && this.socket.writableLength === 0) this.#upstream.keep(this)
    else this.destroy()
  }

  destroy(): void {
    this.#attempt = undefined
    this.chunkTaker = undefined
    this.#offered = ''
    this.#unread = NO_BYTES
    this.deadline.lift()
    this.#upstream.forget(this)
    this.socket.destroy()
  }

  broke(reason: string): void {
    this.#whenDue()
    const attempt = this.#attempt
    const { isConnected } = this
    this.destroy()
    attempt?.fail(isConnected ? { kind: 'broke', reason } : { kind: 'unreachable', reason })
  }

  #connected(): void {
    this.isConnected = true
    this.heard()
    this.#attempt?.drained()
  }

  /** @param buffer to be filled again. @returns whether to go on reading. */
  #came(buffer: Buffer, bytes: number): boolean {
    if (this.#offered !== '') this.#offer()
    if (this.chunkTaker === undefined || bytes > OFFERED_BYTES || this.#unread.length > 0) {
      return this.#arrived(buffer.subarray(0, bytes))
    }
    this.heard()
    this.#offered = buffer.toString('latin1', 0, bytes)
    together(this.#whenDue)
    return true
  }

  #offer(): void {
    const text = this.#offered
    this.#offered = ''
    if (this.chunkTaker?.take(text)) return
    this.#unread = Buffer.from(text, 'latin1')
    this.#read()
  }

  /** @param bytes to be filled again. @returns whether to go on reading. */
  #arrived(bytes: Buffer): boolean {
    if (!this.#attempt) {
      // Nothing was asked, so it answers somebody else's question.
      this.destroy()
      return false
    }
    this.heard()
    if (this.#unread.length > 0) this.#unread = Buffer.concat([this.#unread, bytes])
    else {
      this.#unread = Buffer.from(bytes)
      if (bytes.length < READ_BYTES) together(this.#whenDue)
    }
    // Where more comes at once than is read at once there is little to gain by doing it together with others.
    return bytes.length < READ_BYTES || this.#read()
  }

  /** @returns whether to go on reading. */
  #read(): boolean {
    const bytes = this.#unread
    this.#unread = NO_BYTES
    return this.#attempt?.read(bytes) ?? false
  }

  #ended(): void {
    this.#whenDue()
    if (this.#attempt) this.#attempt.closed()
    else this.destroy()
  }

  #late(): void {
    if (!this.#attempt) {
      this.destroy()
      return
    }
    if (!this.isConnected) {
      this.broke(`no connection within ${this.#upstream.rooms.limits.connectTimeoutMs} ms`)
      return
    }
    const attempt = this.#attempt
    this.destroy()
    attempt.fail({ kind: 'silent' })
  }
}

/** One request on its way, and its answer on the way back. */
export class Attempt {
  /** Its connection has carried others before, and may just have been closed as idle. */
  readonly reused: boolean
  readonly silenceMs: number
  readonly #taker: AnswerTaker
  readonly #reader: ResponseReader
  readonly #isChunked: boolean
  #connection: Connection | undefined
  /** The head, until it goes out with the first of the body. */
  #head: string
  #isSent = false
  #isPaused = false
  #chunkTaker: ChunkTaker | undefined

  constructor(connection: Connection, request: UpstreamRequest, taker: AnswerTaker) {
    this.reused = connection.served > 0
    this.silenceMs = request.silenceMs
    this.#connection = connection
    this.#taker = taker
    this.#head = request.head
    this.#isChunked = request.isChunked
    this.#reader = new ResponseReader(request, {
      informed: (head) => this.#taken?.informed(head),
      began: (head) => this.#taken?.began(head),
      passed: (chunk) => this.#taken?.passed(chunk),
      ended: (trailers) => this.#taken?.ended(trailers),
    })
    connection.carry(this)
  }

  /** @returns false when it is to wait for `drained`. */
  write(chunk: Buffer): boolean {
    const socket = this.#connection?.socket
    // An empty chunk would be the last one.
    if (!socket || chunk.length === 0) return true
    this.#connection?.heard()
    if (!this.#isChunked) return this.#send(socket, chunk)
    return this.#send(socket, chunk, chunkStart(chunk.length), CHUNK_END)
  }

  /** Sends what has been written so far, although more is to come. */
  flush(): void {
    const socket = this.#connection?.socket
    if (socket && this.#head !== '') this.#send(socket, NO_BYTES)
  }

  end(chunk?: Buffer): void {
    const socket = this.#connection?.socket
    if (!socket || this.#isSent) return
    this.#isSent = true
    this.#connection?.heard()
    if (!this.#isChunked) this.#send(socket, chunk ?? NO_BYTES)
    else if (!chunk || chunk.length === 0) this.#send(socket, NO_BYTES, LAST_CHUNK)
    else this.#send(socket, chunk, chunkStart(chunk.length), CHUNK_END + LAST_CHUNK)
  }

  /** Ends what is sent over a connection that carries another protocol. */
  endTunnel(): void {
    this.#connection?.socket.end()
  }

  /** Reads no further until `resume`. The silence meanwhile is not the replica's. */
  pause(): void {
    if (this.#isPaused || !this.#connection) return
    this.#isPaused = true
    this.#connection.deadline.lift()
    this.#connection.socket.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#connection?.heard()
    this.#connection?.socket.resume()
  }

  /** Offers `taker` what comes of a body in chunks, as often as that begins with one. */
  offerChunks(taker: ChunkTaker): void {
    this.#chunkTaker = taker
  }

  /** Gives it up; nothing more is told of it. */
  destroy(): void {
    const connection = this.#connection
    this.#connection = undefined
    connection?.destroy()
  }

  read(bytes: Buffer): boolean {
    const used = this.#reader.state === 'upgraded' ? 0 : this.#reader.read(bytes)
    // Whoever was told has given it up.
    if (!this.#connection) return false
    switch (this.#reader.state) {
      case 'upgraded':
        if (used < bytes.length) this.#taker.passed(bytes.subarray(used))
        break
      case 'fault':
        this.fail({ kind: 'broke', reason: this.#reader.fault })
        return false
      case 'more':
        break
      case 'done':
      case 'last':
        // Told from `#ended`; anything behind it was not asked for.
        this.#release(used === bytes.length && this.#reader.state === 'done')
        return true
      default:
        this.#reader.state satisfies never
    }
    this.#connection.chunkTaker = this.#reader.isBetweenChunks ? this.#chunkTaker : undefined
    this.#taker.paused()
    return !this.#isPaused && this.#connection !== undefined
  }

  closed(): void {
    if (this.#reader.state === 'upgraded') this.#taken?.ended([])
    else this.#reader.closed()
    if (this.#reader.state === 'fault') this.fail({ kind: 'broke', reason: this.#reader.fault })
    else this.#release(false)
  }

  drained(): void {
    this.#taker.drained()
  }

  fail(how: AttemptFailure): void {
    if (!this.#connection) return
    this.destroy()
    this.#taker.failed(how)
  }

  /** Nobody, once it was given up. */
  get #taken(): AnswerTaker | undefined {
    return this.#connection ? this.#taker : undefined
  }

  #release(isClean: boolean): void {
    const connection = this.#connection
    this.#connection = undefined
    connection?.free(isClean && this.#isSent)
  }

  /** Together with the head, in as few writes as there can be. */
  #send(socket: Socket, chunk: Buffer, before = '', after = ''): boolean {
    const start = this.#head + before
    this.#head = ''
    // What goes to a connection that may be refused has to be there for another.
    const isSure = this.#connection?.isConnected === true
    if (chunk.length <= JOINED_BYTES) {
      const text = start + chunk.toString('latin1') + after
      return (text === '' || socket.write(text, 'latin1')) && isSure
    }
    // What this turn of the event loop reads of the body goes out together at its end.
    if (socket.writableCorked === 0) {
      socket.cork()
      setImmediate(() => socket.uncork())
    }
    if (start !== '') socket.write(start, 'latin1')
    let hasRoom = socket.write(chunk)
    if (after !== '') hasRoom = socket.write(after, 'latin1')
    return hasRoom && isSure
  }
}
