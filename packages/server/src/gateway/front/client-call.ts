/**
 * One request on a bare connection, and the answer to it.
 *
 * What is written goes out in one write with whatever else was written since; a body is framed once, as its client
 * understands it, and an answer that is longer or shorter than it said never leaves its connection usable.
 */
import type { Socket } from 'node:net'
import { CHUNK_END, ChunkedReader, chunkStart } from '../http1/chunked-reader.ts'
import { type AnswerFraming, framingOf, writeHead, writeInterim, writeTrailers } from './answer-head.ts'
import { CallHead } from './call-head.ts'
import type {
  AnswerStart,
  BodyReader,
  ChunkWriter,
  ClientRequest,
  ClientResponse,
  ResponseWatcher,
} from './front.ts'
import type { RequestHead } from './request-rules.ts'

/** What a call needs of the connection that it came on. */
export interface CallConnection {
  readonly socket: Socket
  readonly remoteAddress: string
  /** What an answer says of it after which it may serve another request. */
  readonly persists: string
  /** It takes no further request. */
  readonly isDraining: boolean
  readonly date: string
  /** What has come and belongs to nobody yet. */
  readonly unread: Buffer
  /** The first `bytes` of it have been read. */
  use(bytes: number): void
  /** The body is waited for, or not any more. */
  bodyWanted(isWanted: boolean): void
  /** The client takes no more for now. */
  stalled(): void
  /** Both the request and its answer are complete. */
  callEnded(canPersist: boolean): void
  /** The body is not what it should be. */
  refuse(fault: string): void
}

/** Up to here a part of a body is joined with what is written around it. */
const JOINED_BYTES = 16 * 1024
const NO_WATCHER: ResponseWatcher = { drained() {}, closed() {} }

export class ClientCall extends CallHead implements ClientRequest, ClientResponse, ChunkWriter {
  readonly #connection: CallConnection
  readonly #socket: Socket
  // The request
  #left: number
  readonly #chunks: ChunkedReader | undefined
  #reader: BodyReader | undefined
  #isPaused = false
  #isComplete: boolean
  #isBroken = false
  #isTunnel = false
  // The answer
  #watcher = NO_WATCHER
  #statusCode = 0
  #framing: AnswerFraming = 'none'
  #bytesToSend = 0
  #mayPersist: boolean
  /** To be written together: what came since the last write. */
  #text = ''
  #parts: (string | Buffer)[] | undefined
  #hasEnded = false
  #isOver = false

  constructor(connection: CallConnection, head: RequestHead) {
    super(head)
    this.#connection = connection
    this.#socket = connection.socket
    this.#left = head.body.kind === 'length' ? head.body.bytes : 0
    this.#chunks = head.body.kind === 'chunked' ? new ChunkedReader() : undefined
    this.#isComplete = head.body.kind === 'none'
    this.#mayPersist = head.persists
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress
  }

  get isComplete(): boolean {
    return this.#isComplete
  }

  get isBroken(): boolean {
    return this.#isBroken
  }

  get isTunnel(): boolean {
    return this.#isTunnel
  }

  get statusCode(): number {
    return this.#statusCode
  }

  get isOver(): boolean {
    return this.#hasEnded || this.#isOver
  }

  invite(): void {
    if (this.#statusCode === 0 && !this.#isOver) this.#socket.write(CONTINUE, 'latin1')
  }

  read(reader: BodyReader): void {
    this.#reader = reader
    this.#isPaused = false
    this.feed()
  }

  pause(): void {
    this.#isPaused = true
    this.#connection.bodyWanted(false)
  }

  resume(): void {
    this.#isPaused = false
    this.feed()
  }

  /** Gives the reader what has come, as far as it takes it. */
  feed(): void {
    while (this.#reader && !this.#isPaused && !this.#isComplete && !this.#isBroken) {
      const bytes = this.#connection.unread
      if (bytes.length === 0) {
        this.#connection.bodyWanted(true)
        return
      }
      if (this.#isTunnel) {
        this.#connection.use(bytes.length)
        this.#reader.arrived(bytes)
      } else if (this.#chunks) this.#feedChunks(this.#chunks, bytes, this.#reader)
      else this.#feedLength(bytes, this.#reader)
    }
  }

  watch(watcher: ResponseWatcher): void {
    this.#watcher = watcher
  }

  inform(status: number, reason: string, lines: string): void {
    if (this.head.isHttp10 || this.#statusCode !== 0 || this.#isOver) return
    this.#socket.write(writeInterim(status, reason, lines), 'latin1')
  }

  begin(start: AnswerStart): void {
    const { persists, isDraining, date } = this.#connection
    this.#framing = framingOf(start, this.head)
    this.#mayPersist &&= !isDraining && this.#framing !== 'until-close'
    this.#statusCode = start.status
    this.#bytesToSend = this.#framing === 'length' ? (start.bytes ?? 0) : 0
    this.#text = writeHead(start, this.#framing, date, this.#mayPersist ? persists : undefined)
  }

  write(chunk: Buffer): void {
    if (this.isOver || chunk.length === 0) return
    switch (this.#framing) {
      case 'none':
        return
      case 'chunked':
        this.#text += chunkStart(chunk.length)
        this.#add(chunk)
        this.#text += CHUNK_END
        return
      case 'length':
        this.#bytesToSend -= chunk.length
        if (this.#bytesToSend < 0) {
          this.destroy()
          return
        }
        this.#add(chunk)
        return
      case 'until-close':
        this.#add(chunk)
        return
      default:
        this.#framing satisfies never
    }
  }

  get chunkWriter(): ChunkWriter | undefined {
    return this.#framing === 'chunked' ? this : undefined
  }

  writeChunks(text: string): boolean {
    if (this.isOver) return true
    if (this.#text !== '' || this.#parts) {
      this.#text += text
      return this.flush()
    }
    const hasRoom = this.#socket.write(text, 'latin1')
    if (!hasRoom) this.#connection.stalled()
    return hasRoom
  }

  flush(): boolean {
    if (this.#isOver) return true
    let hasRoom: boolean
    if (this.#parts) {
      this.#socket.cork()
      for (const part of this.#parts) {
        if (typeof part === 'string') this.#socket.write(part, 'latin1')
        else this.#socket.write(part)
      }
      this.#parts = undefined
      hasRoom = this.#socket.write(this.#text, 'latin1')
      this.#socket.uncork()
    } else
      hasRoom = this.#text === '' ? !this.#socket.writableNeedDrain : this.#socket.write(this.#text, 'latin1')
    this.#text = ''
    if (!hasRoom) this.#connection.stalled()
    return hasRoom
  }

  end(chunk?: Buffer, trailers: readonly string[] = []): void {
    if (this.isOver) return
    if (chunk) this.write(chunk)
    if (this.#framing === 'chunked') {
      this.#text += trailers.length > 0 && this.head.takesTrailers ? writeTrailers(trailers) : LAST_CHUNK
    }
    if (this.#bytesToSend > 0) {
      this.destroy()
      return
    }
    if (this.isOver) return
    this.flush()
    this.#hasEnded = true
    if (this.#socket.writableLength === 0) this.#sent()
    else this.#socket.write('', () => this.#sent())
  }

  closeAfter(): void {
    this.#mayPersist = false
  }

  upgrade(reason: string, lines: string): void {
    this.#isTunnel = true
    this.#isComplete = false
    this.#mayPersist = false
    this.#statusCode = SWITCHING_PROTOCOLS
    this.#framing = 'until-close'
    this.#text = writeInterim(SWITCHING_PROTOCOLS, reason, UPGRADED + lines)
    this.flush()
  }

  destroy(): void {
    this.#socket.destroy()
    this.gone()
  }

  drained(): void {
    if (!this.#hasEnded) this.#watcher.drained()
  }

  /** The client sends no more. @returns whether the connection is still good for something. */
  ended(): boolean {
    if (!this.#isTunnel || this.#isOver) return false
    if (!this.#isComplete) {
      this.#isComplete = true
      this.#reader?.ended()
    }
    return true
  }

  /** The connection is no more. */
  gone(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#breakBody()
    this.#watcher.closed(false)
  }

  #sent(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#watcher.closed(true)
    if (this.#isComplete || !this.#mayPersist) this.#connection.callEnded(this.#mayPersist)
  }

  #add(chunk: Buffer): void {
    if (chunk.length <= JOINED_BYTES) {
      this.#text += chunk.toString('latin1')
      return
    }
    this.#parts ??= []
    this.#parts.push(this.#text, chunk)
    this.#text = ''
  }

  #feedLength(bytes: Buffer, reader: BodyReader): void {
    const chunk = bytes.length <= this.#left ? bytes : bytes.subarray(0, this.#left)
    this.#left -= chunk.length
    this.#connection.use(chunk.length)
    if (this.#left === 0) this.#completing()
    reader.arrived(chunk)
    if (this.#left === 0) this.#completed(reader)
  }

  #feedChunks(chunks: ChunkedReader, bytes: Buffer, reader: BodyReader): void {
    const pieces: Buffer[] = []
    const used = chunks.read(bytes, 0, bytes.length, (from, to) => pieces.push(bytes.subarray(from, to)))
    this.#connection.use(used)
    for (const piece of pieces) reader.arrived(piece)
    if (chunks.isDone) {
      this.#completing()
      this.#completed(reader)
    } else if (chunks.fault !== '') {
      this.#breakBody()
      this.#connection.refuse(chunks.fault)
    }
  }

  #completing(): void {
    this.#isComplete = true
    this.#connection.bodyWanted(false)
  }

  #completed(reader: BodyReader): void {
    const wasAnswered = this.#isOver
    reader.ended()
    if (wasAnswered) this.#connection.callEnded(this.#mayPersist)
  }

  #breakBody(): void {
    if (this.#isComplete || this.#isBroken) return
    this.#isBroken = true
    this.#reader?.broke()
  }
}

const SWITCHING_PROTOCOLS = 101
const UPGRADED = 'connection: Upgrade\r\nupgrade: websocket\r\n'
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const LAST_CHUNK = '0\r\n\r\n'
