/**
 * A client's connection on a bare socket: finds the requests in it, one after another, and ends it when it is time.
 *
 *     waiting ──head complete──▶ a call ──request and answer complete──▶ waiting
 *        └──────── refused, too slow, drained ─────────┴──▶ closing ──▶ (gone)
 *
 * A client that sends FIN before it has its answer has left: that is how programs leave, and an engine must not go on
 * generating for nobody.
 */
import type { Socket } from 'node:net'
import type { Deadline } from '../deadlines.ts'
import { HeadScan } from '../http1/field-lines.ts'
import { type CallConnection, ClientCall } from './client-call.ts'
import type { FrontConnection, RoomsOfConnection } from './connection-front.ts'
import type { FrontRooms } from './front.ts'
import { type RequestHead, requestHeadIn } from './request-head.ts'
import type { Refused } from './request-rules.ts'

export type ConnectionRooms = Omit<RoomsOfConnection<ClientConnection>, 'now'>

/** What the connection waits for, with a deadline. */
type Awaited = 'head' | 'next' | 'body' | 'reader' | 'close' | undefined

const NO_BYTES = Buffer.alloc(0)
/** So much at once is looked at at once: others gain little by being done together with it. */
const LARGE_BYTES = 16 * 1024

export class ClientConnection implements CallConnection, FrontConnection {
  readonly socket: Socket
  readonly remoteAddress: string
  readonly #rooms: ConnectionRooms
  readonly #deadline: Deadline
  #unread: Buffer = NO_BYTES
  readonly #scan: HeadScan
  #call: ClientCall | undefined
  #awaited: Awaited
  #bodyBytes = 0
  #isDraining = false
  #isClosing = false
  #isLooking = false
  /** What has come is looked at in this turn. */
  #isDue = false
  readonly #whenDue = () => {
    if (this.#isDue) this.#goOn()
  }

  constructor(socket: Socket, rooms: ConnectionRooms) {
    this.socket = socket
    this.remoteAddress = socket.remoteAddress ?? 'unknown'
    this.#rooms = rooms
    this.#scan = new HeadScan(rooms.limits.headerBytes)
    this.#deadline = rooms.deadlines.create(() => this.#late())
    socket.on('data', (bytes: Buffer) => this.#arrived(bytes))
    socket.on('drain', () => this.#drained())
    socket.on('end', () => this.#ended())
    socket.on('error', () => {})
    socket.on('close', () => this.#gone())
    this.#await('head', rooms.limits.headersTimeoutMs)
  }

  get persists(): string {
    return this.#rooms.persists
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  get date(): string {
    return this.#rooms.date()
  }

  get unread(): Buffer {
    return this.#unread
  }

  /** A request that somebody else has read from it already, and what came after. */
  begin(head: RequestHead, rest: Buffer): void {
    this.#unread = rest
    this.#take(head)
  }

  drain(): void {
    this.#isDraining = true
    if (!this.#call && this.#unread.length === 0) this.#close()
  }

  breakOff(): void {
    this.socket.destroy()
  }

  use(bytes: number): void {
    this.#bodyBytes += bytes
    this.#unread = bytes === this.#unread.length ? NO_BYTES : this.#unread.subarray(bytes)
  }

  bodyWanted(isWanted: boolean): void {
    if (this.#call?.isTunnel) this.#await(undefined)
    else if (!isWanted && this.#awaited === 'body') this.#await(undefined)
    else if (isWanted && this.#awaited === undefined) {
      this.#bodyBytes = 0
      this.#await('body', this.#rooms.limits.slowestBodyMs)
    }
    if (isWanted && this.socket.isPaused()) this.socket.resume()
  }

  stalled(): void {
    this.#await('reader', this.#rooms.limits.clientStallMs)
  }

  callEnded(canPersist: boolean): void {
    this.#call = undefined
    if (!canPersist || this.#isDraining) {
      this.#close()
      return
    }
    this.#scan.reset()
    if (this.#unread.length === 0) this.#await('next', this.#rooms.limits.keepAliveMs)
    else this.#await('head', this.#rooms.limits.headersTimeoutMs)
    if (this.socket.isPaused()) this.socket.resume()
    this.#look()
  }

  refuse(fault: string): void {
    const call = this.#call
    if (call && call.statusCode !== 0) {
      call.destroy()
      return
    }
    this.#call = undefined
    this.#sayRefusal({ status: 400, fault })
    call?.gone()
  }

  #arrived(bytes: Buffer): void {
    if (this.#isClosing) return
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes])
    if (bytes.length >= LARGE_BYTES) this.#goOn()
    else if (!this.#isDue) {
      this.#isDue = true
      this.#rooms.inTurn(this.#whenDue)
    }
    if (this.#unread.length > this.#rooms.limits.pipelinedBytes) this.socket.pause()
  }

  #goOn(): void {
    this.#isDue = false
    if (this.#isClosing) return
    if (this.#call) this.#call.feed()
    else this.#look()
    if (!this.#call && this.socket.isPaused()) this.socket.resume()
  }

  /** Reads the heads that have come, as long as their answers are given at once. */
  #look(): void {
    if (this.#isLooking) return
    this.#isLooking = true
    while (!this.#call && !this.#isClosing && this.#unread.length > 0) {
      if (this.#awaited === 'next') this.#await('head', this.#rooms.limits.headersTimeoutMs)
      const end = this.#scan.look(this.#unread)
      if (end === 'more') break
      const head =
        typeof end === 'number'
          ? requestHeadIn(this.#unread.toString('latin1', 0, end - 2))
          : end === 'too-long'
            ? {
                status: 431 as const,
                fault: `its head is larger than ${this.#rooms.limits.headerBytes} bytes`,
              }
            : { status: 400 as const, fault: end.fault }
      if (typeof end !== 'number' || 'fault' in head) {
        this.#sayRefusal(head as Refused)
        break
      }
      this.use(end)
      this.#take(head)
    }
    this.#isLooking = false
  }

  #take(head: RequestHead): void {
    this.#await(undefined)
    const call = new ClientCall(this, head)
    this.#call = call
    this.#rooms.answer(call, call)
  }

  #sayRefusal({ status, fault }: { readonly status: 400 | 408 | 431; readonly fault: string }): void {
    this.socket.write(refusalText(status, this.#rooms.refusal(fault)))
    this.#close()
  }

  /** What still comes is read and thrown away, since a reset would take the answer from its reader. */
  #close(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#unread = NO_BYTES
    this.socket.end()
    if (this.socket.isPaused()) this.socket.resume()
    this.#await('close', this.#rooms.limits.lingerMs)
  }

  #drained(): void {
    if (this.#awaited === 'reader') this.#await(undefined)
    this.#call?.drained()
  }

  #ended(): void {
    this.#whenDue()
    if (this.#call?.ended() || this.#isClosing) return
    if (this.#call) this.socket.destroy()
    else this.#close()
  }

  #gone(): void {
    this.#whenDue()
    this.#await(undefined)
    const call = this.#call
    this.#call = undefined
    this.#rooms.gone(this)
    call?.gone()
  }

  #await(what: Awaited, ms = 0): void {
    this.#awaited = what
    if (what === undefined) this.#deadline.lift()
    else this.#deadline.set(ms)
  }

  #late(): void {
    const { slowestBodyBytes, slowestBodyMs, headersTimeoutMs } = this.#rooms.limits
    if (this.#awaited === 'body' && this.#bodyBytes >= slowestBodyBytes) {
      this.#bodyBytes = 0
      this.#await('body', slowestBodyMs)
    } else if (this.#awaited === 'head' && this.#unread.length > 0) {
      this.#sayRefusal({ status: 408, fault: `its head did not arrive within ${headersTimeoutMs / 1_000} s` })
    } else this.socket.destroy()
  }
}

const REASONS = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
} as const

/** An answer to what never became a request. */
export function refusalText(
  status: keyof typeof REASONS,
  { requestId, text }: ReturnType<FrontRooms['refusal']>,
): string {
  return (
    `HTTP/1.1 ${status} ${REASONS[status]}\r\ncontent-type: application/json; charset=utf-8\r\n` +
    `content-length: ${Buffer.byteLength(text)}\r\nx-request-id: ${requestId}\r\nconnection: close\r\n\r\n${text}`
  )
}
