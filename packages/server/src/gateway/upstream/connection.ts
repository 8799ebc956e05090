/**
 * A connection to a replica or the control process: carries one request after another.
 *
 * What comes is copied from the buffer that all share, and looked at when this turn of the event loop has read its
 * sockets. A byte that nobody asked for ends it.
 */
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { together } from '../../platform/turn.ts'
import type { Deadline } from '../deadlines.ts'
import type { Attempt, ChunkTaker, UpstreamRequest } from './attempt.ts'
import { type AnswerHead, type AnswerReader, ResponseReader } from './response-reader.ts'
import type { Upstream } from './upstream.ts'

export type Address = HostAddress | { readonly socketPath: string }

/** What is to be made once and kept, since its connections are found by its name. */
export type HostAddress = {
  readonly host: string
  readonly port: number
  /** As a Host header says it. */
  readonly name: string
}

export const addressOf = ({ host, port }: { readonly host: string; readonly port: number }): HostAddress => ({
  host,
  port,
  name: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
})

/** One read; a larger answer comes in several. */
export const READ_BYTES = 64 * 1024
/** More than this at once is no event that somebody waits for. */
const OFFERED_BYTES = 16 * 1024
/** So much of a long body may come before it is sent on: fewer and larger writes wake the replica less often. */
const TOGETHER_BYTES = 512 * 1024
const NO_BYTES = Buffer.alloc(0)

/** Sockets take what every stream takes, and their types do not say so. */
type ConnectOptions = NetConnectOpts & { readonly writableHighWaterMark: number }

export class Connection implements AnswerReader {
  readonly key: string
  readonly socket: Socket
  readonly deadline: Deadline
  readonly #upstream: Upstream
  readonly #reader = new ResponseReader(this)
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
    this.socket.on('end', () => this.#hungUp())
    this.socket.on('close', () => this.broke('it closed the connection'))
    this.deadline.set(upstream.rooms.limits.connectTimeoutMs)
  }

  carry(attempt: Attempt, request: UpstreamRequest): void {
    this.#attempt = attempt
    this.#silenceMs = request.silenceMs
    this.#reader.expect(request)
    if (this.isConnected) this.heard()
  }

  informed(head: AnswerHead): void {
    this.#attempt?.taker.informed(head)
  }

  began(head: AnswerHead): void {
    this.#attempt?.taker.began(head)
  }

  passed(chunk: Buffer): void {
    this.#attempt?.taker.passed(chunk)
  }

  ended(trailers: readonly string[]): void {
    this.#attempt?.taker.ended(trailers)
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
      return this.#arrived(buffer, bytes)
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

  /** @param buffer to be filled again. @returns whether to go on reading. */
  #arrived(buffer: Buffer, bytes: number): boolean {
    if (!this.#attempt) {
      // Nothing was asked, so it answers somebody else's question.
      this.destroy()
      return false
    }
    this.heard()
    const before = this.#unread
    this.#unread = Buffer.allocUnsafe(before.length + bytes)
    before.copy(this.#unread)
    buffer.copy(this.#unread, before.length, 0, bytes)
    // Where more comes at once than is read at once there is little to gain by doing it together with others.
    if (bytes === READ_BYTES) return this.#read()
    if (before.length === 0) together(this.#whenDue)
    return true
  }

  /** @returns whether to go on reading. */
  #read(): boolean {
    const bytes = this.#unread
    this.#unread = NO_BYTES
    return this.#attempt?.read(this.#reader, bytes) ?? false
  }

  #hungUp(): void {
    this.#whenDue()
    if (this.#attempt) this.#attempt.closed(this.#reader)
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
