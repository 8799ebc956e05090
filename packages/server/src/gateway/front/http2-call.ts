/** One request on a connection of HTTP/2, which is a stream of its own, and the answer to it. */
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Deadline } from '../deadlines.ts'
import { pairsIn } from '../http1/field-lines.ts'
import { type AnswerFraming, passableTrailers } from './answer-head.ts'
import { CallHead } from './call-head.ts'
import type {
  AnswerStart,
  BodyReader,
  ClientRequest,
  ClientResponse,
  FrontRooms,
  ResponseWatcher,
} from './front.ts'
import { byName, streamFraming, streamHead } from './http2-head.ts'
import type { RequestHead } from './request-rules.ts'

export type Http2CallRooms = Pick<FrontRooms, 'limits' | 'deadlines'> & {
  readonly remoteAddress: string
  readonly date: () => string
  /** The connection takes no further request. */
  readonly leave: () => void
}

/** What is waited for, with a deadline. */
type Awaited = 'body' | 'reader' | undefined

const { NGHTTP2_NO_ERROR } = constants
const NO_WATCHER: ResponseWatcher = { drained() {}, closed() {} }

export class Http2Call extends CallHead implements ClientRequest, ClientResponse {
  readonly remoteAddress: string
  readonly #stream: ServerHttp2Stream
  readonly #rooms: Http2CallRooms
  readonly #deadline: Deadline
  #awaited: Awaited
  // The request
  #reader: BodyReader | undefined
  #isComplete: boolean
  #isBroken = false
  #bodyBytes = 0
  // The answer
  #watcher = NO_WATCHER
  #statusCode = 0
  /** Goes out with the first of the body. */
  #answerHead: readonly string[] | undefined
  /** To be written together: what came since the last write. */
  #parts: Buffer[] = []
  #framing: AnswerFraming = 'none'
  #bytesToSend = 0
  #trailers: readonly string[] = []
  #hasEnded = false
  #isOver = false

  constructor(stream: ServerHttp2Stream, head: RequestHead, rooms: Http2CallRooms) {
    super(head)
    this.#stream = stream
    this.#rooms = rooms
    this.remoteAddress = rooms.remoteAddress
    this.#deadline = rooms.deadlines.create(() => this.#late())
    this.#isComplete = head.body.kind === 'none'
    stream.on('drain', () => this.#drained())
    stream.on('finish', () => this.#left(this.#hasEnded))
    stream.on('aborted', () => this.#left(false))
    stream.on('close', () => this.#left(this.#hasEnded))
    // Told once all of it is read, which of nothing is soon.
    if (this.#isComplete) stream.resume()
  }

  override get wantsUpgrade(): boolean {
    return false
  }

  get isComplete(): boolean {
    return this.#isComplete
  }

  get isBroken(): boolean {
    return this.#isBroken
  }

  get statusCode(): number {
    return this.#statusCode
  }

  get isOver(): boolean {
    return this.#hasEnded || this.#isOver
  }

  invite(): void {
    this.inform(100, '', '')
  }

  read(reader: BodyReader): void {
    if (this.#reader || this.#isComplete) return
    this.#reader = reader
    this.#stream.on('data', (chunk: Buffer) => {
      this.#bodyBytes += chunk.length
      reader.arrived(chunk)
    })
    this.#stream.on('end', () => this.#bodyEnded(reader))
    this.resume()
  }

  pause(): void {
    this.#stream.pause()
    if (this.#awaited === 'body') this.#await(undefined)
  }

  resume(): void {
    this.#stream.resume()
    if (this.#isComplete || this.#awaited !== undefined) return
    this.#bodyBytes = 0
    this.#await('body', this.#rooms.limits.slowestBodyMs)
  }

  watch(watcher: ResponseWatcher): void {
    this.#watcher = watcher
  }

  inform(status: number, _reason: string, lines: string): void {
    if (this.#statusCode !== 0 || this.#isOver || this.#stream.closed) return
    this.#stream.additionalHeaders({ ':status': status, ...byName(pairsIn(lines)) })
  }

  begin(start: AnswerStart): void {
    const { status, bytes } = start
    this.#statusCode = status
    this.#answerHead = streamHead(start, this.#rooms.date())
    this.#framing = streamFraming(status, bytes, this.head.method)
    this.#bytesToSend = this.#framing === 'length' ? (bytes ?? 0) : 0
  }

  write(chunk: Buffer): void {
    if (this.isOver || chunk.length === 0 || this.#framing === 'none') return
    if (this.#framing === 'length') {
      this.#bytesToSend -= chunk.length
      if (this.#bytesToSend < 0) {
        this.destroy()
        return
      }
    }
    this.#parts.push(chunk)
  }

  flush(): boolean {
    if (this.isOver) return true
    this.#sayHead(false)
    this.#sayParts()
    if (!this.#stream.writableNeedDrain) return true
    this.#await('reader', this.#rooms.limits.clientStallMs)
    return false
  }

  end(chunk?: Buffer, trailers: readonly string[] = []): void {
    if (this.isOver) return
    if (chunk) this.write(chunk)
    if (this.#bytesToSend > 0) {
      this.destroy()
      return
    }
    if (this.isOver) return
    this.#trailers = trailers
    this.#sayHead(this.#parts.length === 0)
    this.#hasEnded = true
    this.#await('reader', this.#rooms.limits.clientStallMs)
    this.#stream.cork()
    this.#sayParts()
    this.#stream.end()
  }

  closeAfter(): void {
    this.#rooms.leave()
  }

  upgrade(): void {
    throw new Error('a request that asked for no other protocol was given one')
  }

  /** Of an answer that was given whole nothing is taken back. */
  destroy(): void {
    if (this.#hasEnded) this.#stream.close(NGHTTP2_NO_ERROR)
    else this.#breakOff()
    this.#left(false)
  }

  /** Closing it would end the answer first, so that the client took what it has for all of it. */
  #breakOff(): void {
    this.#stream.destroy(new Error('broken off'))
  }

  #sayParts(): void {
    this.#stream.cork()
    for (const part of this.#parts) this.#stream.write(part)
    this.#stream.uncork()
    this.#parts = []
  }

  /** @param isAll no body follows. */
  #sayHead(isAll: boolean): void {
    const head = this.#answerHead
    if (!head || this.#stream.closed || this.#stream.destroyed) return
    this.#answerHead = undefined
    if (isAll || this.#framing === 'none') {
      this.#stream.respond(head, { endStream: true })
    } else if (!this.head.takesTrailers) this.#stream.respond(head)
    else {
      this.#stream.respond(head, { waitForTrailers: true })
      this.#stream.on('wantTrailers', () =>
        this.#stream.sendTrailers(byName(passableTrailers(this.#trailers))),
      )
    }
  }

  #drained(): void {
    if (this.#hasEnded) return
    if (this.#awaited === 'reader') this.#await(undefined)
    this.#watcher.drained()
  }

  /** A stream that was reset ends too. */
  #bodyEnded(reader: BodyReader): void {
    if (this.#isComplete || this.#isBroken || this.#stream.aborted) return
    this.#isComplete = true
    if (this.#awaited === 'body') this.#await(undefined)
    reader.ended()
  }

  /** @param wasGiven whether all of the answer has been handed over, unless the stream was reset. */
  #left(wasGiven: boolean): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#await(undefined)
    const wasSent = wasGiven && this.#stream.rstCode === NGHTTP2_NO_ERROR && !this.#stream.aborted
    if (!wasSent && !this.#isComplete && !this.#isBroken) {
      this.#isBroken = true
      this.#reader?.broke()
    }
    this.#watcher.closed(wasSent)
  }

  #await(what: Awaited, ms = 0): void {
    this.#awaited = what
    if (what === undefined) this.#deadline.lift()
    else this.#deadline.set(ms)
  }

  #late(): void {
    const { slowestBodyBytes, slowestBodyMs } = this.#rooms.limits
    if (this.#awaited === 'body' && this.#bodyBytes >= slowestBodyBytes) {
      this.#bodyBytes = 0
      this.#await('body', slowestBodyMs)
      return
    }
    this.#breakOff()
    this.#left(false)
  }
}
