/**
 * A request that has arrived whole and whose answer is kept instead of sent: the place of a client's connection, for a
 * client that has left on purpose.
 */
import type {
  AnswerStart,
  BodyKind,
  BodyReader,
  ClientRequest,
  ClientResponse,
  ResponseWatcher,
} from '../front/front.ts'
import { type FieldLines, fieldsIn } from '../http1/field-lines.ts'
import { nameSet } from '../http1/field-names.ts'
import type { KeptBytes } from '../request-body.ts'

/** An answer that came to its end. */
export type WholeAnswer = {
  readonly start: AnswerStart
  readonly chunks: readonly Buffer[]
  readonly bytes: number
}

export type AnswerRoom = {
  /** Of one answer. */
  readonly limitBytes: number
  /** Of all answers together. */
  readonly budget: KeptBytes
  /** Asked when the budget is used up. @returns whether there may be room now. */
  readonly makeRoom: () => boolean
}

/** Why an answer could not be kept: it is too large, or all of them together are. */
export type Overflow = 'one' | 'all'

/** Said to the gateway by this request, and to nobody else. */
const NOT_PASSED_ON = nameSet(['prefer', 'expect'])
const NO_WATCHER: ResponseWatcher = { drained() {}, closed() {} }

export class MemoryCall implements ClientRequest, ClientResponse {
  readonly method: string
  readonly url: string
  readonly headers: FieldLines
  readonly remoteAddress: string
  readonly body: BodyKind
  readonly expectsContinue = false
  readonly wantsUpgrade = false
  readonly isBroken = false
  readonly #room: AnswerRoom
  #unread: readonly Buffer[]
  #isComplete: boolean
  #watcher = NO_WATCHER
  #start: AnswerStart | undefined
  #chunks: Buffer[] = []
  #bytes = 0
  #overflow: Overflow | undefined
  #isOver = false
  #isWhole = false

  /** @param chunks the whole body. */
  constructor(request: ClientRequest, chunks: readonly Buffer[], room: AnswerRoom) {
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
    this.method = request.method
    this.url = request.url
    this.headers = fieldsIn(request.headers.without(NOT_PASSED_ON))
    this.remoteAddress = request.remoteAddress
    this.body = bytes === 0 ? { kind: 'none' } : { kind: 'length', bytes }
    this.#unread = chunks
    this.#isComplete = bytes === 0
    this.#room = room
  }

  /** Undefined as long as it has not come to its end, and when it never will. */
  get answer(): WholeAnswer | undefined {
    if (!this.#isWhole || !this.#start) return undefined
    return { start: this.#start, chunks: this.#chunks, bytes: this.#bytes }
  }

  get overflow(): Overflow | undefined {
    return this.#overflow
  }

  get isComplete(): boolean {
    return this.#isComplete
  }

  get statusCode(): number {
    return this.#start?.status ?? 0
  }

  get isOver(): boolean {
    return this.#isOver
  }

  invite(): void {}

  read(reader: BodyReader): void {
    if (this.#isComplete) return
    const chunks = this.#unread
    this.#unread = []
    this.#isComplete = true
    for (const chunk of chunks) reader.arrived(chunk)
    reader.ended()
  }

  pause(): void {}

  resume(): void {}

  watch(watcher: ResponseWatcher): void {
    this.#watcher = watcher
  }

  inform(): void {}

  begin(start: AnswerStart): void {
    this.#start = start
  }

  write(chunk: Buffer): void {
    if (this.#isOver || chunk.length === 0) return
    const { limitBytes, budget, makeRoom } = this.#room
    const isTooLarge = this.#bytes + chunk.length > limitBytes
    if (isTooLarge || !(budget.take(chunk.length) || (makeRoom() && budget.take(chunk.length)))) {
      this.#overflow = isTooLarge ? 'one' : 'all'
      this.destroy()
      return
    }
    this.#bytes += chunk.length
    this.#chunks.push(chunk)
  }

  flush(): boolean {
    return true
  }

  end(chunk?: Buffer): void {
    if (chunk) this.write(chunk)
    if (this.#isOver) return
    this.#isOver = true
    this.#isWhole = true
    this.#watcher.closed(true)
  }

  closeAfter(): void {}

  upgrade(): void {
    throw new Error('a deferred request asks for no other protocol')
  }

  /** The answer will not come to its end, or nobody wants it any more. */
  destroy(): void {
    this.free()
    if (this.#isOver) return
    this.#isOver = true
    this.#watcher.closed(false)
  }

  /** Forgets what is kept of the answer. */
  free(): void {
    this.#room.budget.giveBack(this.#bytes)
    this.#chunks = []
    this.#bytes = 0
    this.#isWhole = false
  }
}
