/**
 * Answers that go on: log output as text, and server-sent events.
 *
 * Back-pressure comes from the response: the next piece is asked for when there is room. A stream ends when its
 * source does, when the client leaves, and when the api closes; in the last two cases the source hears it by its
 * signal, and a source that does not listen is left behind.
 */
import { once } from 'node:events'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { messageOf } from '../domain/errors.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'

/** Proxies close connections that say nothing for longer; most wait a minute. */
export const KEEP_ALIVE_MS = 15_000

export type StreamKind = 'text/plain' | 'text/event-stream'

/** A line or the payload of an event; with an `id`, an event after which a client can go on later. */
export type StreamPiece = string | { readonly id: string; readonly data: string }

/** Every answer of this kind that is open now. */
export class TextStreams {
  readonly #clock: Clock
  readonly #log: Log
  readonly #open = new Set<AbortController>()

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** Begins before the source is asked, so that the source has the signal from its first moment. */
  open(response: ServerResponse) {
    const leaving = new AbortController()
    const leave = () => {
      leaving.abort()
      this.#open.delete(leaving)
    }
    this.#open.add(leaving)
    response.once('close', leave)
    if (response.destroyed) leave()
    return {
      signal: leaving.signal,
      /** For a source that refused: another answer is given instead. */
      abandon: () => {
        response.off('close', leave)
        leave()
      },
      /** Settles when the response is over, and never rejects: nobody is left to be told but the log. */
      send: async (pieces: AsyncIterable<StreamPiece>, kind: StreamKind, headers: OutgoingHttpHeaders) => {
        try {
          await this.#write(pieces, kind, headers, response, leaving.signal)
        } catch (error) {
          // Broken off, so that what was sent does not look complete.
          response.destroy()
          if (!leaving.signal.aborted) this.#log.error('stream broke off', { kind, error: messageOf(error) })
        }
      },
    }
  }

  /** Ends them all; clients that want more connect again. */
  closeAll(): void {
    for (const leaving of this.#open) leaving.abort()
  }

  async #write(
    pieces: AsyncIterable<StreamPiece>,
    kind: StreamKind,
    headers: OutgoingHttpHeaders,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<void> {
    response.writeHead(200, {
      ...headers,
      'content-type': `${kind}; charset=utf-8`,
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    response.flushHeaders()
    const asText = kind === 'text/event-stream' ? eventOf : lineOf
    for await (const piece of withPauses(pieces, kind, this.#clock, signal)) {
      const hasRoom = response.write(piece === QUIET ? KEEP_ALIVE : asText(piece))
      if (!hasRoom && !(await drained(response, signal))) break
    }
    response.end()
  }
}

/** @returns false when there will be no room any more. */
async function drained(response: ServerResponse, signal: AbortSignal): Promise<boolean> {
  try {
    await once(response, 'drain', { signal })
    return true
  } catch (error) {
    if (signal.aborted) return false
    throw error
  }
}

const KEEP_ALIVE = ': keep-alive\n\n'
const QUIET = Symbol('nothing for a while')

/** The pieces, with a `QUIET` in between whenever an event stream says nothing for too long. */
async function* withPauses(
  pieces: AsyncIterable<StreamPiece>,
  kind: StreamKind,
  clock: Clock,
  signal: AbortSignal,
): AsyncIterable<StreamPiece | typeof QUIET> {
  const quietMs = kind === 'text/event-stream' ? KEEP_ALIVE_MS : undefined
  const source = pieces[Symbol.asyncIterator]()
  let next = source.next()
  try {
    for (;;) {
      const outcome = await firstOf(next, quietMs, clock, signal)
      if (outcome === LEFT || (outcome !== QUIET && outcome.done)) return
      if (outcome === QUIET) {
        yield QUIET
        continue
      }
      yield outcome.value
      next = source.next()
    }
  } finally {
    next.catch(() => {})
    source.return?.().catch(() => {})
  }
}

const LEFT = Symbol('the client left or the api closes')

/** Whichever comes first. Leaves no listener, timer or reaction behind on what lives longer. */
async function firstOf<Result>(
  next: Promise<Result>,
  quietMs: number | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<Result | typeof QUIET | typeof LEFT> {
  if (signal.aborted) return LEFT
  const pause = new AbortController()
  const { promise: left, resolve } = Promise.withResolvers<typeof LEFT>()
  const leave = () => resolve(LEFT)
  signal.addEventListener('abort', leave, { once: true })
  try {
    const quiet =
      quietMs === undefined ? [] : [clock.sleep(quietMs, pause.signal).then((): typeof QUIET => QUIET)]
    for (const promise of quiet) promise.catch(() => {})
    return await Promise.race([next, left, ...quiet])
  } finally {
    signal.removeEventListener('abort', leave)
    pause.abort()
  }
}

const lineOf = (piece: StreamPiece) => {
  const text = textOf(piece)
  return text.endsWith('\n') ? text : `${text}\n`
}

const textOf = (piece: StreamPiece) => (typeof piece === 'string' ? piece : piece.data)

/** One event; a payload of several lines becomes several `data:` lines, as the format wants it. */
function eventOf(piece: StreamPiece): string {
  const lines = textOf(piece)
    .replace(/\r?\n$/, '')
    .split(/\r\n|\n|\r/)
  const id = typeof piece === 'string' ? '' : `id: ${piece.id}\n`
  return `${id}${lines.map((line) => `data: ${line}\n`).join('')}\n`
}

/** The same pieces, once the first is there: what fails at once still becomes an error response. */
export async function begun<Piece>(pieces: AsyncIterable<Piece>): Promise<AsyncIterable<Piece>> {
  const source = pieces[Symbol.asyncIterator]()
  const first = await source.next()
  return (async function* () {
    try {
      for (let step = first; !step.done; step = await source.next()) yield step.value
    } finally {
      await source.return?.()
    }
  })()
}
