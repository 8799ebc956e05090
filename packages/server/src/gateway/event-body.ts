/** An answer that is no stream of events, to a caller who already reads events: it becomes one event. */
import { PlatformError } from '../domain/errors.ts'
import { toErrorResponse } from './error-response.ts'
import type { Exchange } from './exchange.ts'

export class EventBody {
  readonly #status: number
  readonly #limitBytes: number
  readonly #chunks: Buffer[] = []
  #bytes = 0

  constructor(status: number, limitBytes: number) {
    this.#status = status
    this.#limitBytes = limitBytes
  }

  get isFull(): boolean {
    return this.#bytes > this.#limitBytes
  }

  add(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (!this.isFull) this.#chunks.push(chunk)
  }

  /** What the replica said, where it is data that says what went wrong; else an error of ours that quotes it. */
  data({ id, dialect }: Exchange): unknown {
    const text = Buffer.concat(this.#chunks).toString('utf8')
    const parsed = jsonIn(text)
    const isOk = this.#status < 400
    if (typeof parsed === 'object' && parsed !== null && (isOk || 'error' in parsed)) return parsed
    const message = `The replica answered ${this.#status}: ${text.slice(0, 1_000)}`
    return toErrorResponse(new PlatformError('bad_gateway', message), id, dialect).body
  }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
