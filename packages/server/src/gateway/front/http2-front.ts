/**
 * The front for HTTP/2, on Node's own reading of it: connections whose TLS handshake agreed on `h2`, with many requests
 * at once on each.
 *
 * nghttp2 sees to the protocol, and to most of what such servers were hurt by: heads without end, frames that are
 * invalid or empty, answers to pings that nobody takes, streams opened and reset. What a client may do on one
 * connection is bounded here beside that; what a request must be to be let in is what it is for the other fronts.
 */
import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { Deadline } from '../deadlines.ts'
import { ConnectionFront, type FrontConnection, type RoomsOfConnection } from './connection-front.ts'
import type { FrontRooms } from './front.ts'
import { Http2Call, type Http2CallRooms } from './http2-call.ts'
import { requestOfStream } from './http2-head.ts'
import { MOST_FIELDS, type Refused } from './request-rules.ts'

type ConnectionRooms = RoomsOfConnection<Http2Connection>

export class Http2Front extends ConnectionFront<Http2Connection> {
  constructor(rooms: FrontRooms) {
    super(rooms, (socket, itsRooms) => new Http2Connection(socket, itsRooms))
  }
}

const { NGHTTP2_NO_ERROR, NGHTTP2_ENHANCE_YOUR_CALM } = constants
/** Heads up to here are read, so that what is over our limits is refused in our words. */
const READ_OVER_LIMIT = 2
const STREAMS_OF_WINDOW = 8
const MINUTE_MS = 60_000

class Http2Connection implements FrontConnection {
  readonly #rooms: ConnectionRooms
  readonly #callRooms: Http2CallRooms
  readonly #socket: Socket
  readonly #session: ServerHttp2Session
  /** That a request comes, or the connection goes. */
  readonly #deadline: Deadline
  /** The minute in which frames are counted. */
  readonly #minute: Deadline
  #open = 0
  #frames = 0

  constructor(socket: Socket, rooms: ConnectionRooms) {
    const { limits, deadlines } = rooms
    this.#socket = socket
    this.#rooms = rooms
    this.#callRooms = {
      ...rooms,
      remoteAddress: socket.remoteAddress ?? 'unknown',
      leave: () => this.drain(),
    }
    this.#deadline = deadlines.create(() => this.#late())
    this.#minute = deadlines.create(() => {
      this.#frames = 0
    })
    this.#session = performServerHandshake(socket, {
      maxHeaderListPairs: READ_OVER_LIMIT * MOST_FIELDS,
      settings: {
        enablePush: false,
        maxConcurrentStreams: limits.http2Streams,
        maxHeaderListSize: READ_OVER_LIMIT * limits.headerBytes,
        initialWindowSize: limits.http2WindowBytes,
      },
    })
    this.#listen()
    this.#deadline.set(limits.headersTimeoutMs)
  }

  drain(): void {
    if (this.#session.closed || this.#session.destroyed) return
    this.#session.close()
    if (this.#open === 0) this.#deadline.set(this.#rooms.limits.lingerMs)
  }

  breakOff(code = NGHTTP2_NO_ERROR): void {
    if (!this.#session.destroyed) this.#session.destroy(undefined, code)
    this.#socket.destroySoon()
  }

  #listen(): void {
    const session = this.#session
    session.on('stream', (stream, _headers, _flags, fields) => this.#take(stream, fields))
    session.on('ping', () => this.#count())
    session.on('remoteSettings', () => this.#count())
    session.on('connect', () =>
      session.setLocalWindowSize(STREAMS_OF_WINDOW * this.#rooms.limits.http2WindowBytes),
    )
    session.on('error', () => {})
    session.on('close', () => this.#gone())
    this.#socket.on('error', () => {})
    // That is how programs leave, and an engine must not go on generating for nobody.
    this.#socket.on('end', () => this.breakOff())
    this.#socket.on('close', () => this.#gone())
  }

  #take(stream: ServerHttp2Stream, fields: readonly string[]): void {
    const { limits, answer } = this.#rooms
    this.#open++
    this.#deadline.lift()
    stream.on('error', () => {})
    stream.on('close', () => this.#closed(stream))
    const head = requestOfStream(fields, stream.endAfterHeaders, limits.headerBytes)
    if ('fault' in head) {
      this.#sayRefusal(stream, head)
      return
    }
    const call = new Http2Call(stream, head, this.#callRooms)
    answer(call, call)
  }

  #sayRefusal(stream: ServerHttp2Stream, { status, fault }: Refused): void {
    if (stream.closed) return
    const { requestId, text } = this.#rooms.refusal(fault)
    const headers = {
      ':status': status,
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      'x-request-id': requestId,
    }
    stream.respond(headers, { endStream: stream.writableEnded })
    if (!stream.writableEnded) stream.end(text)
    // Nobody waits for the rest of what is no request.
    stream.close(NGHTTP2_NO_ERROR)
  }

  #closed(stream: ServerHttp2Stream): void {
    this.#open--
    if (stream.rstCode !== NGHTTP2_NO_ERROR) this.#count()
    if (this.#open > 0) return
    const { keepAliveMs, lingerMs } = this.#rooms.limits
    this.#deadline.set(this.#session.closed ? lingerMs : keepAliveMs)
  }

  /** Frames that cost something and ask for nothing. */
  #count(): void {
    if (this.#frames++ === 0) this.#minute.set(MINUTE_MS)
    if (this.#frames > this.#rooms.limits.http2ControlFrames) this.breakOff(NGHTTP2_ENHANCE_YOUR_CALM)
  }

  #late(): void {
    if (this.#session.closed) this.breakOff()
    else this.drain()
  }

  #gone(): void {
    this.#deadline.lift()
    this.#minute.lift()
    this.#rooms.gone(this)
  }
}
