/**
 * The answer to a task call that was translated, as it becomes what the client waits for: a whole JSON at its end, a
 * stream event by event, an error in the words that the client reads.
 */
import { PlatformError } from '../domain/errors.ts'
import { taskError } from '../domain/tasks/task-error.ts'
import type { TaskRoute } from '../domain/tasks/task-route.ts'
import type { TokenStream } from '../domain/tasks/token-stream.ts'
import { isEventStream } from './headers.ts'
import type { GatewayLimits } from './limits.ts'
import type { AnswerHead } from './upstream/response-reader.ts'

const NOTHING = Buffer.alloc(0)
const END_OF_EVENT = /\r?\n\r?\n/

export class TaskAnswer {
  readonly #route: Pick<TaskRoute, 'path' | 'answer' | 'stream'>
  readonly #limits: Pick<GatewayLimits, 'taskAnswerBytes' | 'replicaErrorBytes'>
  #status = 0
  #limitBytes = 0
  #stream: TokenStream | undefined
  #text = new TextDecoder()
  /** The part of an event that has come. */
  #begun = ''
  #chunks: Buffer[] = []
  #bytes = 0

  constructor(
    route: Pick<TaskRoute, 'path' | 'answer' | 'stream'>,
    limits: Pick<GatewayLimits, 'taskAnswerBytes' | 'replicaErrorBytes'>,
  ) {
    this.#route = route
    this.#limits = limits
  }

  began({ status, headers }: Pick<AnswerHead, 'status' | 'headers'>): void {
    this.#status = status
    this.#limitBytes = status < 400 ? this.#limits.taskAnswerBytes : this.#limits.replicaErrorBytes
    this.#stream =
      status === 200 && isEventStream(headers['content-type']) ? this.#route.stream?.() : undefined
  }

  /** Nothing is said before it is known how it ends. */
  get isHeld(): boolean {
    return this.#stream === undefined
  }

  /** @returns what the client gets now. */
  passed(chunk: Buffer): Buffer {
    if (this.#stream) return this.#retold(this.#text.decode(chunk, { stream: true }), this.#stream)
    this.#bytes += chunk.length
    if (this.#bytes <= this.#limitBytes) this.#chunks.push(chunk)
    else this.#chunks = []
    return NOTHING
  }

  /**
   * @returns what is left for the client at the end.
   * @throws PlatformError `bad_gateway` for an answer that cannot be told.
   */
  rest(): Buffer {
    if (this.#stream) return Buffer.from(this.#stream.end().map(asEvent).join(''))
    if (this.#bytes > this.#limitBytes) {
      throw new PlatformError(
        'bad_gateway',
        `The engine's answer to ${this.#route.path} is longer than the ${this.#limitBytes} bytes that are translated: call that route itself.`,
      )
    }
    const whole = Buffer.concat(this.#chunks)
    const said = jsonIn(whole)
    if (this.#status === 200) return Buffer.from(JSON.stringify(this.#route.answer(said)))
    const error = taskError(this.#status, said)
    return error ? Buffer.from(JSON.stringify(error)) : whole
  }

  #retold(text: string, stream: TokenStream): Buffer {
    const events = (this.#begun + text).split(END_OF_EVENT)
    this.#begun = events.pop() ?? ''
    return Buffer.from(
      events
        .flatMap((event) => (event === '' ? [] : dataOf(event)))
        .flatMap((data) => stream.push(data))
        .map(asEvent)
        .join(''),
    )
  }
}

/** As TGI writes it, without a space. */
const asEvent = (event: unknown) => `data:${JSON.stringify(event)}\n\n`

/** An event without data is a comment. */
function dataOf(event: string): readonly string[] {
  const lines = event.split(/\r?\n/).filter((line) => line.startsWith('data:'))
  return lines.length === 0 ? [] : [lines.map((line) => line.slice('data:'.length).trimStart()).join('\n')]
}

function jsonIn(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
