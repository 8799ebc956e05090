/**
 * The short way of a stream's events: what came in whole chunks of whole events goes to the client as it came.
 *
 * An event is a few hundred bytes, and a gateway carries a thousand streams whose objects fit into no cache: what an
 * event costs is how many of them it touches. So the bytes become one string, which is looked at and written;
 * nothing is framed anew. Whatever is not as plain as that takes the long way, which knows everything: an event or a
 * chunk that was cut, the end of the answer, an event that the client is not to see.
 */

import type { ChunkWriter } from './front/front.ts'
import type { AnswerWatch } from './relay.ts'
import type { ChunkTaker } from './upstream/attempt.ts'

/** Who looks at the events and says whether they may pass. */
export interface EventOnlooker {
  /**
   * @param text whole events in latin1, with the framing of their chunks. @param bytes of the events alone.
   * @returns false when they are not to pass as they are; then nothing was noted of them.
   */
  eventsPass(text: string, bytes: number): boolean
}

/** Who sends the events on in the end. */
export interface EventSender {
  /** The client takes no more for now. */
  clientStalled(): void
}

export class EventPassage implements ChunkTaker {
  readonly #client: ChunkWriter
  readonly #onlooker: EventOnlooker
  readonly #watch: Pick<AnswerWatch, 'advanced'> | undefined
  readonly #sender: EventSender

  constructor(
    client: ChunkWriter,
    onlooker: EventOnlooker,
    watch: Pick<AnswerWatch, 'advanced'> | undefined,
    sender: EventSender,
  ) {
    this.#client = client
    this.#onlooker = onlooker
    this.#watch = watch
    this.#sender = sender
  }

  take(text: string): boolean {
    const bytes = bytesOfEvents(text)
    if (bytes === 0 || !this.#onlooker.eventsPass(text, bytes)) return false
    this.#watch?.advanced()
    if (!this.#client.writeChunks(text)) this.#sender.clientStalled()
    return true
  }
}

const CR = 0x0d
const LF = 0x0a
/** More than are ever read at once. */
const MOST_DIGITS = 8

/** @returns how many bytes of events are in `text`; 0 unless it is whole chunks of whole events, the last one not among them. */
export function bytesOfEvents(text: string): number {
  let bytes = 0
  let at = 0
  while (at < text.length) {
    let size = 0
    const from = at
    for (let digit = hexDigit(text.charCodeAt(at)); digit >= 0; digit = hexDigit(text.charCodeAt(++at))) {
      size = size * 16 + digit
    }
    if (size === 0 || at - from > MOST_DIGITS || !isLineEnd(text, at)) return 0
    at += 2 + size
    if (!isLineEnd(text, at) || !endsEvent(text, at)) return 0
    at += 2
    bytes += size
  }
  return bytes
}

const isLineEnd = (text: string, at: number) => text.charCodeAt(at) === CR && text.charCodeAt(at + 1) === LF

/** An empty line stands before `at`. */
function endsEvent(text: string, at: number): boolean {
  if (text.charCodeAt(at - 1) !== LF) return false
  const before = text.charCodeAt(at - 2)
  return before === LF || (before === CR && text.charCodeAt(at - 3) === LF)
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
