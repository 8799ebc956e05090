/**
 * A request's body on its way to a replica: kept while it is small, so that it can be sent again, and otherwise
 * passed on as it comes, no faster than the replica takes it.
 */
import type { BodyReader, ClientRequest } from './front/front.ts'

/** Counts what all requests keep together. */
export class KeptBytes {
  readonly #limit: number
  #used = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get used(): number {
    return this.#used
  }

  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false
    this.#used += bytes
    return true
  }

  giveBack(bytes: number): void {
    this.#used -= bytes
  }
}

const NOTHING: Buffer[] = []

/** Where a body goes. */
export interface BodySink {
  /** @returns false when it is to wait until `sinkDrained`. */
  write(chunk: Buffer): boolean
  end(chunk?: Buffer): void
  /** The body will not come to its end. */
  destroy(): void
}

export class RequestBody implements BodyReader {
  readonly #request: ClientRequest
  readonly #budget: KeptBytes
  /** Who waits for more is told when more arrived, ended or broke. */
  #changed: (() => void) | undefined
  #awaitsInvitation: boolean
  #kept = NOTHING
  #keptBytes = 0
  #keepUpTo = 0
  /** Taken from the budget for what is still to come. */
  #reservedBytes = 0
  #streamed = false
  #overBudget = false
  #started = false
  #complete: boolean
  #isBroken = false
  #isDiscarded = false
  #arrivedBytes = 0
  #limitBytes = Number.POSITIVE_INFINITY
  #isTooLarge = false
  /** NaN when the length was not announced. */
  #bytesToCome: number
  #sink: BodySink | undefined

  constructor(request: ClientRequest, budget: KeptBytes) {
    this.#request = request
    this.#budget = budget
    this.#awaitsInvitation = request.expectsContinue
    this.#complete = !hasBody(request)
    this.#bytesToCome = this.announcedBytes ?? Number.NaN
  }

  /** Undefined when the length was not announced. */
  get announcedBytes(): number | undefined {
    const { body } = this.#request
    return body.kind === 'length' ? body.bytes : undefined
  }

  /** All of it has arrived. */
  get complete(): boolean {
    return this.#complete
  }

  /** Its client waits for a 100 before it sends anything. */
  get awaitsInvitation(): boolean {
    return this.#awaitsInvitation && !this.#complete
  }

  /** Nothing of it is lost, so another replica can get all of it. */
  get replayable(): boolean {
    return !this.#streamed
  }

  get keptBytes(): number {
    return this.#keptBytes
  }

  get kept(): readonly Buffer[] {
    return this.#kept
  }

  get arrivedBytes(): number {
    return this.#arrivedBytes
  }

  /** More arrived, or was announced, than it may have. */
  get isTooLarge(): boolean {
    return this.#isTooLarge
  }

  get limitBytes(): number {
    return this.#limitBytes
  }

  /** Takes no more than this. */
  limitTo(bytes: number): void {
    this.#limitBytes = bytes
    this.#isTooLarge = this.#arrivedBytes > bytes || (this.announcedBytes ?? 0) > bytes
  }

  /** Memory for keeping it ran out. */
  get overBudget(): boolean {
    return this.#overBudget
  }

  /**
   * Makes sure that it can be kept to its end while it is passed on, so that it can be sent again.
   * @returns false when it is too large, of unknown length, in part gone, or there is no memory for it.
   */
  reserve(limitBytes: number): boolean {
    const bytes = this.announcedBytes
    if (this.#complete) return !this.#streamed
    if (bytes === undefined || bytes > limitBytes || this.#streamed) return false
    const missing = bytes - this.#keptBytes - this.#reservedBytes
    if (!this.#budget.take(missing)) return false
    this.#reservedBytes += missing
    return true
  }

  /**
   * Reads until the body is complete, `limitBytes` are kept or `enough` says so; then reads no further.
   * @throws what broke the request.
   */
  async readStart(limitBytes: number, enough: () => boolean = () => false): Promise<void> {
    this.#keepUpTo = Math.max(this.#keepUpTo, limitBytes)
    while (!this.#complete && !this.#overBudget && this.#keptBytes < limitBytes && !enough()) {
      if (this.#isBroken || this.#request.isBroken) throw new Error('the client left')
      const change = new Promise<void>((resolve) => {
        this.#changed = resolve
      })
      const before = this.#arrivedBytes
      this.#read()
      if (!this.#complete && this.#arrivedBytes === before) await change
    }
    this.#changed = undefined
    if (!this.#complete) this.#request.pause()
  }

  /** Reads what is here already, without waiting for more. @returns whether that is all of it. */
  readWhatIsHere(): boolean {
    if (!this.#complete && !this.#awaitsInvitation) {
      this.#read()
      if (!this.#complete) this.#request.pause()
    }
    return this.#complete
  }

  /** Sends what is kept, then the rest as it comes, and ends `sink`. Another call starts from the beginning. */
  sendTo(sink: BodySink, keepUpTo: number): void {
    this.#keepUpTo = Math.max(this.#keepUpTo, keepUpTo)
    if (this.#complete && this.#kept.length <= 1) {
      sink.end(this.#kept[0])
      return
    }
    let hasRoom = true
    for (const chunk of this.#kept) hasRoom = sink.write(chunk)
    if (this.#complete) {
      sink.end()
      return
    }
    this.#sink = sink
    if (hasRoom) this.#read()
  }

  /** What it is sent to takes more. */
  sinkDrained(): void {
    if (this.#sink) this.#read()
  }

  /** Stops sending; what arrives meanwhile waits in the connection. */
  detach(): void {
    this.#sink = undefined
    if (!this.#complete) this.#request.pause()
  }

  /** Reads the rest and throws it away. */
  discard(): void {
    this.#sink = undefined
    this.free()
    this.#isDiscarded = true
    this.#start()
    this.#request.resume()
  }

  /** Forgets what is kept: nobody will ask for it again. */
  free(): void {
    this.#streamed ||= this.#kept.length > 0
    this.#budget.giveBack(this.#keptBytes + this.#reservedBytes)
    this.#kept = NOTHING
    this.#keptBytes = 0
    this.#reservedBytes = 0
    this.#keepUpTo = 0
  }

  arrived(chunk: Buffer): void {
    this.#arrivedBytes += chunk.length
    if (this.#isDiscarded) return
    if (this.#arrivedBytes > this.#limitBytes) {
      this.#refuse()
      return
    }
    this.#keep(chunk)
    this.#bytesToCome -= chunk.length
    if (this.#bytesToCome === 0) {
      // With its last bytes, not after them: who has read them may have answered and hung up, and a write to a
      // connection that is closed loses the answer.
      this.#sink?.end(chunk)
      this.#sink = undefined
    } else if (this.#sink && !this.#sink.write(chunk)) this.#request.pause()
    this.#changed?.()
  }

  ended(): void {
    this.#complete = true
    this.#sink?.end()
    this.#sink = undefined
    this.#changed?.()
  }

  broke(): void {
    this.#isBroken = true
    this.#changed?.()
  }

  #read(): void {
    if (this.#awaitsInvitation) {
      this.#awaitsInvitation = false
      this.#request.invite()
    }
    if (this.#started) this.#request.resume()
    else this.#start()
  }

  #start(): void {
    if (this.#started) return
    this.#started = true
    this.#request.read(this)
  }

  #refuse(): void {
    this.#isTooLarge = true
    this.free()
    this.#sink?.destroy()
    this.#sink = undefined
    this.#changed?.()
  }

  /** Once more has arrived than may be kept, a body on its way to a replica is not kept at all. */
  #keep(chunk: Buffer): void {
    if (this.#streamed) return
    if (this.#reservedBytes >= chunk.length) {
      this.#reservedBytes -= chunk.length
      this.#add(chunk)
      return
    }
    const fits = this.#sink === undefined || this.#keptBytes + chunk.length <= this.#keepUpTo
    if (fits && this.#budget.take(chunk.length)) {
      this.#add(chunk)
      return
    }
    this.#overBudget = this.#sink === undefined
    this.free()
    this.#streamed = true
  }

  #add(chunk: Buffer): void {
    this.#keptBytes += chunk.length
    // Most bodies come in one piece, and room for more is dear.
    if (this.#kept === NOTHING) this.#kept = [chunk]
    else this.#kept.push(chunk)
  }
}

export const hasBody = ({ body }: Pick<ClientRequest, 'body'>): boolean =>
  body.kind === 'chunked' || (body.kind === 'length' && body.bytes > 0)
