/** A request over HTTP/2 that looks as Node's over HTTP/1.1 does, each on a connection of its own, for tests of both. */
import { EventEmitter } from 'node:events'
import type http from 'node:http'
import http2, { type ClientHttp2Stream } from 'node:http2'
import { PassThrough } from 'node:stream'

/** Of one connection only, so that HTTP/2 has no such headers. */
const OF_HTTP1 = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'host',
])

export const requestOverHttp2 = (options: http.RequestOptions) =>
  new Http2Request(options) as unknown as http.ClientRequest

class Http2Request extends EventEmitter {
  readonly #session: http2.ClientHttp2Session
  readonly #headers: http2.OutgoingHttpHeaders
  #stream: ClientHttp2Stream | undefined
  #response: PassThrough | undefined
  #isOver = false

  constructor({ port, method = 'GET', path = '/', headers = {}, signal }: http.RequestOptions) {
    super()
    const all = headers as http.OutgoingHttpHeaders
    const ofOne = new Set([...OF_HTTP1, ...String(all['connection'] ?? '').split(', ')])
    this.#headers = {
      ...{
        ':method': method,
        ':path': path ?? '/',
        ':authority': String(all['host'] ?? `127.0.0.1:${port}`),
      },
      ...Object.fromEntries(Object.entries(all).filter(([name]) => !ofOne.has(name.toLowerCase()))),
    }
    this.#session = http2.connect(`https://127.0.0.1:${port}`, {
      rejectUnauthorized: false,
      // Otherwise who writes a large body reads no answer meanwhile.
      maxSessionMemory: 1_000,
    })
    this.#session.on('error', (error) => this.#over(error))
    this.#session.on('close', () => this.#over(new Error('the connection closed')))
    signal?.addEventListener('abort', () => this.destroy(signal.reason))
  }

  flushHeaders(): void {
    this.#begin(false)
  }

  write(chunk: Buffer | string): boolean {
    return this.#begin(false).write(chunk)
  }

  end(chunk?: Buffer | string): this {
    if (chunk === undefined && !this.#stream) this.#begin(true)
    else this.#begin(false).end(chunk)
    return this
  }

  destroy(error?: Error): void {
    this.#stream?.close(http2.constants.NGHTTP2_CANCEL)
    this.#session.destroy()
    if (error) this.#over(error)
  }

  #begin(endStream: boolean): ClientHttp2Stream {
    if (this.#stream) return this.#stream
    const stream = this.#session.request(this.#headers, { endStream })
    this.#stream = stream
    stream.on('continue', () => this.emit('continue'))
    stream.on('headers', (headers) => {
      const { ':status': statusCode, ...rest } = headers
      this.emit('information', { statusCode, headers: rest })
    })
    stream.on('response', (headers) => this.#answered(stream, headers))
    for (const event of ['drain', 'finish']) stream.on(event, () => this.emit(event))
    stream.on('error', (error) => this.#over(error))
    stream.on('close', () => {
      this.#over(stream.rstCode === 0 && this.#response ? undefined : new Error('the stream was reset'))
      this.#session.close()
    })
    return stream
  }

  #answered(stream: ClientHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    const { ':status': statusCode, ...rest } = headers
    const response = Object.assign(new PassThrough(), { statusCode, headers: rest })
    this.#response = response
    // As with Node's client for HTTP/1.1, an answer that is cut off after its reader was done harms nobody.
    response.on('error', () => {})
    stream.on('data', (chunk) => {
      if (response.write(chunk)) return
      stream.pause()
      response.once('drain', () => stream.resume())
    })
    this.emit('response', response)
  }

  #over(error: Error | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    if (!error) this.#response?.end()
    else if (this.#response) this.#response.destroy(error)
    else this.emit('error', error)
    this.emit('close')
  }
}
