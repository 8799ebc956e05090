/**
 * Looks on while one request is answered: bytes, first token, time between tokens, and what the engine says about
 * tokens, or an estimate where it says nothing.
 *
 * It looks at what passes and never waits for it. Only a stream that was asked for its usage on behalf of a client
 * that did not want to see it is changed: the event that says it is taken out.
 */
import type { ReplicaId } from '../domain/replica.ts'
import type { UsageRecord } from '../domain/usage/usage-record.ts'
import type { Clock } from '../platform/clock.ts'
import type { RequestDemand } from './endpoint-demand.ts'
import type { EventOnlooker } from './event-passage.ts'
import { EventUsage } from './event-usage.ts'
import { isEventStream } from './headers.ts'
import type { HeaderFields } from './http1/field-lines.ts'
import { JsonUsage } from './json-usage.ts'
import type { Onlooker } from './relay.ts'
import type { AnswerCopy } from './response-cache/answer-copy.ts'
import { adapterInAnswer, answeredBy } from './router/answered-by.ts'
import type { TaskAnswer } from './task-answer.ts'
import { laterOf, type TokenUsage, usageInHeaders } from './token-usage.ts'
import type { EndpointTraffic } from './traffic.ts'
import type { AnswerHead } from './upstream/response-reader.ts'
import { UsageEventFilter } from './usage-event-filter.ts'

/** Of English text, about; used only where an engine says nothing. */
const BYTES_PER_TOKEN = 4

export type Measures = {
  readonly replicaId: ReplicaId | null
  readonly heldMs: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedTokens: number
  readonly isEstimated: boolean
  readonly firstTokenMs: number | null
  readonly interTokenMs: number | null
}

export class RequestMeter implements Onlooker, EventOnlooker {
  readonly #clock: Clock
  /** Of the endpoint. */
  readonly traffic: EndpointTraffic
  readonly #demand: RequestDemand | undefined
  readonly #arrivedAt: number
  readonly #beganAt: number
  #heldMs = 0
  #replicaId: ReplicaId | null = null
  #sentAt: number | undefined
  #takesUsageOut = false
  #usage: TokenUsage | undefined
  #json: JsonUsage | undefined
  #events: EventUsage | undefined
  #filter: UsageEventFilter | undefined
  #firstTextAt: number | undefined
  #lastTextAt = 0
  #texts = 0
  #isComplete = false
  #copy: AnswerCopy | undefined
  #retold: TaskAnswer | undefined
  #adapter: UsageRecord['adapter']
  /** Among whom its router chooses; undefined where the gateway does. */
  #routedAmong: readonly { readonly id: ReplicaId }[] | undefined

  constructor(clock: Clock, traffic: EndpointTraffic, demand?: RequestDemand) {
    this.#clock = clock
    this.traffic = traffic
    this.#demand = demand
    this.#arrivedAt = clock.now()
    this.#beganAt = clock.elapsed()
  }

  /** Milliseconds since the epoch. */
  get arrivedAt(): number {
    return this.#arrivedAt
  }

  /** Since it arrived. */
  get elapsedMs(): number {
    return this.#clock.elapsed() - this.#beganAt
  }

  /** The answer passes as it came, so its length stays what it was. */
  get keepsLength(): boolean {
    return !this.#filter && !this.#retold
  }

  /** The client is told nothing before the answer has ended. */
  get holdsHead(): boolean {
    return this.#retold?.isHeld ?? false
  }

  /** The client gets it in other words; what is counted is what the engine said. */
  retoldBy(answer: TaskAnswer): void {
    this.#retold = answer
  }

  /** Has what the client gets copied too. */
  copyTo(copy: AnswerCopy): void {
    this.#copy = copy
  }

  /** An adapter, as it was on the replica that got the request. */
  askedFor({ name, hash }: NonNullable<UsageRecord['adapter']>): void {
    this.#adapter = { name, hash }
  }

  get adapter(): UsageRecord['adapter'] {
    return this.#adapter
  }

  /** It waited for a replica; it may do so more than once. */
  waited(ms: number): void {
    this.#heldMs += ms
  }

  /** A replica gets the request now. @param takesUsageOut whether the client did not ask for what was asked. */
  sent(replicaId: ReplicaId, takesUsageOut: boolean, bodyBytes = 0): void {
    this.#routedAmong = undefined
    this.#send(replicaId, takesUsageOut, bodyBytes)
  }

  /** The endpoint's own router gets it; the answer says which replica it was. */
  sentToRouter(
    replicas: readonly { readonly id: ReplicaId }[],
    takesUsageOut: boolean,
    bodyBytes: number,
  ): void {
    this.#routedAmong = replicas
    this.#send(null, takesUsageOut, bodyBytes)
  }

  #send(replicaId: ReplicaId | null, takesUsageOut: boolean, bodyBytes: number): void {
    this.#demand?.sent(bodyBytes)
    this.#replicaId = replicaId
    this.#sentAt = this.#clock.elapsed()
    this.#takesUsageOut = takesUsageOut
  }

  began(head: AnswerHead): void {
    const { headers, status } = head
    if (this.#routedAmong) {
      this.#replicaId = answeredBy(headers, this.#routedAmong) ?? null
      this.#adapter = adapterInAnswer(headers)
    }
    this.#demand?.begun()
    this.#copy?.began(head)
    this.#retold?.began(head)
    if (status >= 300 || isEncoded(headers)) return
    this.#usage = usageInHeaders(headers)
    const contentType = headers['content-type']
    if (isEventStream(contentType)) {
      this.#events = new EventUsage()
      if (this.#takesUsageOut) this.#filter = new UsageEventFilter()
    } else if (isJson(contentType)) this.#json = new JsonUsage()
  }

  passed(chunk: Buffer): Buffer {
    this.#json?.feed(chunk)
    const asSaid = this.#events ? this.#passEvents(chunk, this.#events) : chunk
    const passing = this.#retold ? this.#retold.passed(chunk) : asSaid
    this.traffic.sentBytes += passing.length
    if (passing.length > 0) this.#copy?.passed(passing)
    return passing
  }

  eventsPass(text: string, bytes: number): boolean {
    const events = this.#events
    if (!events?.isBetweenLines || this.#retold || this.#copy || this.#filter?.lets(text) === false)
      return false
    this.#count(events.feed(text))
    this.traffic.sentBytes += bytes
    return true
  }

  rest(): Buffer | undefined {
    this.#isComplete = true
    const rest = this.#retold ? this.#retold.rest() : this.#filter?.rest()
    this.traffic.sentBytes += rest?.length ?? 0
    this.#copy?.ended(rest)
    return rest
  }

  /** @param bodyBytes what arrived of the request's body. */
  measures(bodyBytes: number): Measures {
    const usage = laterOf(this.#usage, this.#events?.usage ?? this.#json?.find())
    const said = this.#isComplete || !this.#events ? usage?.outputTokens : undefined
    const output = said ?? Math.max(usage?.outputTokens ?? 0, this.#texts)
    // Of a stream that was cut off, or whose engine says nothing, there is only the text to count.
    const isEstimated = output > (usage?.outputTokens ?? 0)
    const guessed = isEstimated ? Math.ceil(bodyBytes / BYTES_PER_TOKEN) : 0
    return {
      replicaId: this.#replicaId,
      heldMs: this.#heldMs,
      inputTokens: usage?.inputTokens ?? guessed,
      outputTokens: output,
      cachedTokens: usage?.cachedTokens ?? 0,
      isEstimated,
      firstTokenMs:
        this.#firstTextAt === undefined || this.#sentAt === undefined
          ? null
          : this.#firstTextAt - this.#sentAt,
      interTokenMs: this.#interTokenMs(Math.max(output, this.#texts)),
    }
  }

  /** @param bodyBytes as of `measures`. */
  ended(record: UsageRecord, bodyBytes: number): void {
    this.#demand?.ended(record, bodyBytes, this.#clock.now())
    this.traffic.count(record)
    this.traffic.receivedBytes += bodyBytes
  }

  #passEvents(chunk: Buffer, events: EventUsage): Buffer {
    const decoded = chunk.toString('latin1')
    this.#count(events.feed(decoded))
    return this.#filter ? this.#filter.feed(chunk, decoded) : chunk
  }

  /** @param texts events with text in one chunk: they came at the same time. */
  #count(texts: number): void {
    if (texts === 0) return
    const now = this.#clock.elapsed()
    const gapMs = this.#firstTextAt === undefined ? undefined : (now - this.#lastTextAt) / texts
    this.#firstTextAt ??= now
    if (gapMs !== undefined) this.traffic.interToken.observe(gapMs / 1_000, texts)
    this.#demand?.texts(texts, gapMs, now - this.#beganAt)
    this.#lastTextAt = now
    this.#texts += texts
  }

  #interTokenMs(tokens: number): number | null {
    if (this.#firstTextAt === undefined || tokens < 2) return null
    return (this.#lastTextAt - this.#firstTextAt) / (tokens - 1)
  }
}

const isEncoded = (headers: HeaderFields) =>
  headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity'

const isJson = (contentType: string | undefined) =>
  contentType !== undefined && /^application\/(?:[\w.-]+\+)?json\b/i.test(contentType)
