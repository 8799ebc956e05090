/** One attempt to have a request answered over a connection: what is sent, and who is told of the answer. */
import type { Socket } from 'node:net'
import { CHUNK_END, chunkStart, LAST_CHUNK } from '../http1/chunked-reader.ts'
import type { Address, Connection } from './connection.ts'
import type { AnswerReader, ResponseReader } from './response-reader.ts'

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

export interface AnswerTaker extends AnswerReader {
  /** All that came at once has been told. */
  paused(): void
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

/** Up to here head and body are joined into one string and written at once. */
const JOINED_BYTES = 16 * 1024
const NO_BYTES = Buffer.alloc(0)

/** One request on its way, and its answer on the way back. */
export class Attempt {
  /** Its connection has carried others before, and may just have been closed as idle. */
  readonly reused: boolean
  readonly taker: AnswerTaker
  readonly #isChunked: boolean
  #connection: Connection | undefined
  /** The head, until it goes out with the first of the body. */
  #head: string
  #isSent = false
  #isPaused = false
  #chunkTaker: ChunkTaker | undefined

  constructor(connection: Connection, request: UpstreamRequest, taker: AnswerTaker) {
    this.reused = connection.served > 0
    this.taker = taker
    this.#connection = connection
    this.#head = request.head
    this.#isChunked = request.isChunked
    connection.carry(this, request)
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

  read(reader: ResponseReader, bytes: Buffer): boolean {
    const used = reader.state === 'upgraded' ? 0 : reader.read(bytes)
    // Whoever was told has given it up.
    if (!this.#connection) return false
    switch (reader.state) {
      case 'upgraded':
        if (used < bytes.length) this.taker.passed(bytes.subarray(used))
        break
      case 'fault':
        this.fail({ kind: 'broke', reason: reader.fault })
        return false
      case 'more':
        break
      case 'done':
      case 'last':
        // Told from `#ended`; anything behind it was not asked for.
        this.#release(used === bytes.length && reader.state === 'done')
        return true
      default:
        reader.state satisfies never
    }
    this.#connection.chunkTaker = reader.isBetweenChunks ? this.#chunkTaker : undefined
    this.taker.paused()
    return !this.#isPaused && this.#connection !== undefined
  }

  closed(reader: ResponseReader): void {
    if (reader.state === 'upgraded') this.taker.ended([])
    else reader.closed()
    if (reader.state === 'fault') this.fail({ kind: 'broke', reason: reader.fault })
    else this.#release(false)
  }

  drained(): void {
    this.taker.drained()
  }

  fail(how: AttemptFailure): void {
    if (!this.#connection) return
    this.destroy()
    this.taker.failed(how)
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
