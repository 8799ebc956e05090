/** One request and its answer: JSON in, JSON or server-sent events out. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError } from './api-error.ts'

/** Enough for a prompt of millions of characters. */
export const BODY_LIMIT_BYTES = 16 * 1024 * 1024

export class Exchange {
  readonly #response: ServerResponse
  readonly #gone = new AbortController()
  #body: unknown

  constructor(response: ServerResponse) {
    this.#response = response
    // Writing to a client that left is not worth a crash; `close` tells of it.
    response.on('error', () => undefined)
    response.on('close', () => {
      if (!response.writableFinished) this.#gone.abort()
    })
  }

  /** Aborted when the client leaves before the answer is complete. */
  get signal(): AbortSignal {
    return this.#gone.signal
  }

  get body(): unknown {
    return this.#body
  }

  /** Whether a part of the answer was sent already. */
  get isStreaming(): boolean {
    return this.#response.headersSent
  }

  async readBody(request: IncomingMessage): Promise<void> {
    const tooLarge = () =>
      new ApiError(
        'body_too_large_error',
        `the body is larger than ${BODY_LIMIT_BYTES} bytes, which is the limit`,
      )
    if (Number(request.headers['content-length'] ?? 0) > BODY_LIMIT_BYTES) throw tooLarge()
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > BODY_LIMIT_BYTES) throw tooLarge()
      chunks.push(chunk)
    }
    try {
      this.#body = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    } catch {
      // The parser's own message quotes the body, which may be a prompt.
      throw new ApiError('invalid_request_error', 'the body is not valid JSON')
    }
  }

  sendJson(status: number, body: object, headers: Readonly<Record<string, string>> = {}): void {
    this.#send(status, 'application/json; charset=utf-8', JSON.stringify(body), headers)
  }

  sendText(type: string, text: string): void {
    this.#send(200, type, text, {})
  }

  /** The first one starts the stream. What a slow client has not read yet is bounded by the length of an answer. */
  sendEvent(event: object): void {
    if (this.signal.aborted) return
    if (!this.#response.headersSent) {
      this.#response.writeHead(200, {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-cache',
        'X-Accel-Buffering': 'no',
      })
    }
    this.#response.write(`data: ${JSON.stringify(event)}\n\n`)
  }

  endEvents(): void {
    this.#response.end('data: [DONE]\n\n')
  }

  /** A refusal before the stream began is an answer; after that it can only be its last event. */
  sendError(error: ApiError): void {
    if (this.#response.headersSent) {
      this.#response.end(`data: ${JSON.stringify(error)}\n\n`)
      return
    }
    const { retry_after: retryAfter } = error.details
    this.sendJson(error.status, error, {
      ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }),
      // The rest of a body that is too large is not read, so the connection cannot be used again.
      ...(error.type === 'body_too_large_error' ? { Connection: 'close' } : {}),
    })
  }

  #send(status: number, type: string, text: string, headers: Readonly<Record<string, string>>): void {
    const body = Buffer.from(text)
    this.#response.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length, ...headers })
    this.#response.end(body)
  }
}
