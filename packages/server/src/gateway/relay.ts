/**
 * One attempt to have a request answered by somebody else: sends it, streams the answer back as it comes, and
 * says how it ended. Whether to try again, and where, is for the caller.
 */
import { PlatformError } from '../domain/errors.ts'
import { EventBody } from './event-body.ts'
import { type EventOnlooker, EventPassage, type EventSender } from './event-passage.ts'
import type { Answerer, Exchange } from './exchange.ts'
import { isEventStream, type SentFields, toClient } from './headers.ts'
import type { GatewayLimits } from './limits.ts'
import type { RelayEnd } from './relay-end.ts'
import type { BodySink } from './request-body.ts'
import type { AnswerTaker, Attempt, AttemptFailure } from './upstream/attempt.ts'
import type { Address } from './upstream/connection.ts'
import type { AnswerHead } from './upstream/response-reader.ts'
import type { Upstream } from './upstream/upstream.ts'

/** Looks on while an answer passes, and may keep a part of it back. */
export interface Onlooker extends EventOnlooker {
  began(answer: AnswerHead): void
  /** What passes is as long as the answer said. */
  readonly keepsLength: boolean
  /** Whether the answer is any good is known at its end, so the client gets its head then too. */
  readonly holdsHead?: boolean
  /** @returns what the client gets of it. */
  passed(chunk: Buffer): Buffer
  /**
   * What was held until the end.
   * @throws PlatformError when the answer is not to be given; only while it holds the head.
   */
  rest(): Buffer | undefined
}

/** An attempt that waits for the answer to begin. */
export interface Unanswered {
  /** Does nothing once the answer has begun. */
  callOff(): void
}

/** Is told how the answer comes along, and can call the attempt off while there is none. */
export interface AnswerWatch {
  begun(status: number): void
  advanced(): void
  /** Nothing more is taken of the answer, or again. */
  paused(isPaused: boolean): void
  /** The attempt has begun. */
  awaits(attempt: Unanswered): void
}

export type Relay = {
  readonly upstream: Upstream
  readonly to: Address
  readonly path: string
  readonly fields: SentFields
  /** Over a connection that nobody has used before. */
  readonly fresh: boolean
  /** Added to the answer: `name: value`, ended by CRLF each. */
  readonly answerLines: string | ((head: AnswerHead) => string)
  /** The answer must not act as a page of this gateway's own origin. */
  readonly sandboxed: boolean
  /** Makes what is sent instead of what the client wrote. */
  readonly body?: (() => Buffer) | undefined
  /** Answers that the client is not given, since it may get a better one. */
  readonly declines?: ((head: AnswerHead) => boolean) | undefined
  readonly onlooker?: Onlooker
  readonly watch?: AnswerWatch
  readonly limits: Pick<GatewayLimits, 'bodyStartBytes' | 'replicaErrorBytes' | 'replicaSilenceMs'>
}

const SANDBOX = 'content-security-policy: sandbox allow-downloads allow-forms allow-popups allow-scripts\r\n'
const ANSWERED: RelayEnd = { kind: 'answered' }
const CLIENT_LEFT: RelayEnd = { kind: 'client-left' }
const OUT_OF_TIME: RelayEnd = { kind: 'out-of-time' }
const CONTINUE = 100
const SWITCHING_PROTOCOLS = 101

export function relay(exchange: Exchange, it: Relay): Promise<RelayEnd> {
  if (exchange.hasLeft) return Promise.resolve(CLIENT_LEFT)
  if (exchange.outOfTime) return Promise.resolve(OUT_OF_TIME)
  return new Promise((resolve) => new RunningRelay(exchange, it, resolve).start(it))
}

class RunningRelay implements AnswerTaker, BodySink, Answerer, Unanswered, EventSender {
  readonly #exchange: Exchange
  readonly #resolve: (how: RelayEnd) => void
  // What is needed to the end; the rest of what was asked for is let go when it has been sent.
  readonly #onlooker: Onlooker | undefined
  readonly #watch: AnswerWatch | undefined
  readonly #declines: Relay['declines']
  readonly #answerLines: Relay['answerLines']
  readonly #isSandboxed: boolean
  readonly #errorBytes: number
  #attempt!: Attempt
  #hasBegun = false
  #isTunnel = false
  /** An answer that becomes one event of a stream that has begun. */
  #asEvent: EventBody | undefined
  /** What the answer begins with, while that is not told. */
  #held: AnswerHead | undefined

  constructor(exchange: Exchange, it: Relay, resolve: (how: RelayEnd) => void) {
    this.#exchange = exchange
    this.#resolve = resolve
    this.#onlooker = it.onlooker
    this.#watch = it.watch
    this.#declines = it.declines
    this.#answerLines = it.answerLines
    this.#isSandboxed = it.sandboxed
    this.#errorBytes = it.limits.replicaErrorBytes
  }

  start({ upstream, to, path, fields, fresh, body: own, limits }: Relay): void {
    const { request, body } = this.#exchange
    this.#exchange.tell(this)
    this.#watch?.awaits(this)
    this.#attempt = upstream.send(
      {
        to,
        method: request.method,
        head: `${request.method} ${path} HTTP/1.1\r\n${fields.lines}\r\n`,
        isChunked: fields.isChunked,
        mayUpgrade: request.wantsUpgrade,
        fresh,
        // Who gives an answer an hour may be waiting for one that is written when it is complete.
        silenceMs: Math.max(limits.replicaSilenceMs, this.#exchange.timeLeftMs ?? 0),
      },
      this,
    )
    if (own) this.#attempt.end(own())
    else {
      body.sendTo(this, limits.bodyStartBytes)
      if (!body.complete) this.#attempt.flush()
    }
  }

  write(chunk: Buffer): boolean {
    return this.#attempt.write(chunk)
  }

  end(chunk?: Buffer): void {
    this.#attempt.end(chunk)
  }

  /** The body will not be complete. */
  destroy(): void {
    this.#attempt.destroy()
    this.#finish({ kind: 'broke', reason: 'the request was given up', reused: false })
  }

  informed({ status, reason, headers }: AnswerHead): void {
    // Whoever waits for a 100 got it from the gateway.
    if (status === CONTINUE || this.#exchange.response.statusCode !== 0) return
    this.#exchange.response.inform(status, reason, toClient(headers))
  }

  began(head: AnswerHead): void {
    const exchange = this.#exchange
    if (this.#declines?.(head)) {
      this.#attempt.destroy()
      this.#finish({ kind: 'declined', status: head.status })
      return
    }
    this.#hasBegun = true
    this.#watch?.begun(head.status)
    this.#onlooker?.began(head)
    exchange.body.free()
    if (head.status === SWITCHING_PROTOCOLS) this.#openTunnel(head)
    else if (!exchange.isStream) {
      if (this.#onlooker?.holdsHead) this.#held = head
      else this.#beginAnswer(head)
    } else if (!(head.status === 200 && isEventStream(head.headers['content-type']))) {
      this.#asEvent = new EventBody(head.status, this.#errorBytes)
    }
    if (exchange.isStream && !this.#asEvent) this.#offerEvents()
  }

  passed(chunk: Buffer): void {
    this.#watch?.advanced()
    if (this.#isTunnel) {
      this.#exchange.response.write(chunk)
      return
    }
    const passing = this.#onlooker ? this.#onlooker.passed(chunk) : chunk
    if (this.#asEvent) {
      this.#asEvent.add(chunk)
      if (this.#asEvent.isFull) {
        this.#attempt.destroy()
        this.ended([])
      }
    } else if (passing.length > 0) this.#exchange.response.write(passing)
  }

  paused(): void {
    if (!this.#hasBegun || this.#asEvent || this.#held || this.#exchange.response.flush()) return
    this.clientStalled()
  }

  ended(trailers: readonly string[]): void {
    const { response } = this.#exchange
    let rest: Buffer | undefined
    try {
      rest = this.#onlooker?.rest()
    } catch (error) {
      if (!this.#held || !(error instanceof PlatformError)) throw error
      this.#finish({ kind: 'unfit', why: error })
      return
    }
    if (this.#held) this.#beginAnswer(this.#held)
    // Before the client's connection says that all is over, since nobody has left then.
    this.#exchange.tell(undefined)
    if (this.#asEvent) this.#exchange.endWithEvent(this.#asEvent.data(this.#exchange))
    else response.end(rest, trailers)
    this.#finish(ANSWERED)
    void this.#exchange.closeAfterUnreadBody()
  }

  drained(): void {
    if (this.#isTunnel) this.#exchange.request.resume()
    else this.#exchange.body.sinkDrained()
  }

  failed(how: AttemptFailure): void {
    if (this.#hasBegun) {
      const reason = how.kind === 'silent' ? 'it fell silent' : how.reason
      if (this.#isTunnel) this.#exchange.response.destroy()
      this.#finish({ kind: 'broke-off', reason })
    } else if (how.kind === 'broke') this.#finish({ ...how, reused: this.#attempt.reused })
    else this.#finish(how)
  }

  clientStalled(): void {
    this.#attempt.pause()
    this.#watch?.paused(true)
  }

  clientDrained(): void {
    this.#watch?.paused(false)
    this.#attempt.resume()
  }

  callOff(): void {
    if (this.#hasBegun) return
    this.#attempt.destroy()
    this.#finish({ kind: 'given-up' })
  }

  nobodyWaits(): void {
    this.#attempt.destroy()
    this.#finish(this.#exchange.outOfTime ? OUT_OF_TIME : CLIENT_LEFT)
  }

  #offerEvents(): void {
    const client = this.#exchange.response.chunkWriter
    if (!client || !this.#onlooker) return
    this.#attempt.offerChunks(new EventPassage(client, this.#onlooker, this.#watch, this))
  }

  #finish(how: RelayEnd): void {
    const { body } = this.#exchange
    this.#exchange.tell(undefined)
    body.detach()
    this.#resolve(body.isTooLarge && how.kind !== 'answered' ? { kind: 'too-large' } : how)
  }

  #beginAnswer(head: AnswerHead): void {
    const exchange = this.#exchange
    const { status, reason, headers } = head
    const contentType = headers['content-type']
    const sandbox = this.#isSandboxed && !isData(contentType) ? SANDBOX : ''
    const ours = `x-request-id: ${exchange.id}\r\n${this.#linesFor(head)}${sandbox}${exchange.alsoLines}`
    const lines = ours + toClient(headers, exchange.alsoNames)
    const bytes = this.#onlooker?.keepsLength === false ? undefined : head.bytes
    exchange.begin({ status, reason, lines, bytes, date: headers['date'] }, contentType)
  }

  #linesFor(head: AnswerHead): string {
    const answerLines = this.#answerLines
    return typeof answerLines === 'function' ? answerLines(head) : answerLines
  }

  #openTunnel(head: AnswerHead): void {
    const { request, response, id } = this.#exchange
    this.#isTunnel = true
    response.upgrade(head.reason, `x-request-id: ${id}\r\n${this.#linesFor(head)}${toClient(head.headers)}`)
    request.read({
      arrived: (chunk) => {
        if (!this.#attempt.write(chunk)) request.pause()
      },
      ended: () => this.#attempt.endTunnel(),
      broke: () => {},
    })
  }
}

/** 422 is how many Python servers say it. */
export const isBadRequest = ({ status }: AnswerHead) => status === 400 || status === 422

const isData = (contentType: string | undefined) =>
  contentType !== undefined && /^(application\/json|text\/event-stream|text\/plain)\b/i.test(contentType)
