/**
 * A request's body on its way to a replica: kept while it is small, so that it can be sent again, and otherwise
 * passed on as it comes, no faster than the replica takes it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'

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

export class RequestBody {
  readonly #request: IncomingMessage
  readonly #budget: KeptBytes
  /** Told when more arrived, ended or broke. */
  #changed = () => {}
  /** Sends the 100 that a client waits for before it sends its body. */
  #invite: (() => void) | undefined
  #kept: Buffer[] = []
  #keptBytes = 0
  #keepUpTo = 0
  #streamed = false
  #overBudget = false
  #started = false
  #complete = false
  #arrivedBytes = 0
  #limitBytes = Number.POSITIVE_INFINITY
  #isTooLarge = false
  /** NaN when the length was not announced. */
  #bytesToCome: number
  #sink: Writable | undefined

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    budget: KeptBytes,
    expectsContinue: boolean,
  ) {
    this.#request = request
    this.#budget = budget
    this.#invite = expectsContinue ? () => response.writeContinue() : undefined
    this.#complete = !hasBody(request)
    this.#bytesToCome = Number(request.headers['content-length'])
  }

  /** All of it has arrived. */
  get complete(): boolean {
    return this.#complete
  }

  /** Its client waits for a 100 before it sends anything. */
  get awaitsInvitation(): boolean {
    return this.#invite !== undefined && !this.#complete
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
    this.#isTooLarge = this.#arrivedBytes > bytes || Number(this.#request.headers['content-length']) > bytes
  }

  /** Memory for keeping it ran out. */
  get overBudget(): boolean {
    return this.#overBudget
  }

  /**
   * Reads until the body is complete, `limitBytes` are kept or `enough` says so; then reads no further.
   * @throws what broke the request.
   */
  async readStart(limitBytes: number, enough: () => boolean = () => false): Promise<void> {
    this.#keepUpTo = Math.max(this.#keepUpTo, limitBytes)
    const request = this.#request
    while (!this.#complete && !this.#overBudget && this.#keptBytes < limitBytes && !enough()) {
      if (request.errored ?? request.destroyed) throw request.errored ?? new Error('the client left')
      const change = new Promise<void>((resolve) => {
        this.#changed = resolve
      })
      this.#read()
      await change
    }
    this.#changed = () => {}
    if (!this.#complete) request.pause()
  }

  /** Sends what is kept, then the rest as it comes, and ends `sink`. Another call starts from the beginning. */
  sendTo(sink: Writable, keepUpTo: number): void {
    this.#keepUpTo = Math.max(this.#keepUpTo, keepUpTo)
    if (this.#complete && this.#kept.length <= 1) {
      sink.end(this.#kept[0])
      return
    }
    for (const chunk of this.#kept) sink.write(chunk)
    if (this.#complete) {
      sink.end()
      return
    }
    this.#sink = sink
    sink.on('drain', () => {
      if (this.#sink === sink) this.#request.resume()
    })
    if (!sink.writableNeedDrain) this.#read()
  }

  /** Stops sending; what arrives meanwhile waits in the connection. */
  detach(): void {
    this.#sink = undefined
    if (!this.#complete) this.#request.pause()
  }

  /** Forgets what is kept: nobody will ask for it again. */
  free(): void {
    this.#streamed ||= this.#kept.length > 0
    this.#budget.giveBack(this.#keptBytes)
    this.#kept = []
    this.#keptBytes = 0
    this.#keepUpTo = 0
  }

  #read(): void {
    this.#invite?.()
    this.#invite = undefined
    if (!this.#started) {
      this.#started = true
      this.#request.on('data', (chunk: Buffer) => this.#arrived(chunk))
      this.#request.on('end', () => this.#ended())
      for (const event of ['error', 'close']) this.#request.on(event, () => this.#changed())
    }
    this.#request.resume()
  }

  #arrived(chunk: Buffer): void {
    this.#arrivedBytes += chunk.length
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
    this.#changed()
  }

  #refuse(): void {
    this.#isTooLarge = true
    this.free()
    this.#sink?.destroy(new Error('the body is too large'))
    this.#sink = undefined
    this.#changed()
  }

  /** Once more has arrived than may be kept, a body on its way to a replica is not kept at all. */
  #keep(chunk: Buffer): void {
    if (this.#streamed) return
    const fits = this.#sink === undefined || this.#keptBytes + chunk.length <= this.#keepUpTo
    if (fits && this.#budget.take(chunk.length)) {
      this.#kept.push(chunk)
      this.#keptBytes += chunk.length
      return
    }
    this.#overBudget = this.#sink === undefined
    this.free()
    this.#streamed = true
  }

  #ended(): void {
    this.#complete = true
    this.#sink?.end()
    this.#sink = undefined
    this.#changed()
  }
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return (
    headers['transfer-encoding'] !== undefined ||
    (headers['content-length'] !== undefined && headers['content-length'] !== '0')
  )
}
