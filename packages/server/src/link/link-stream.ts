/**
 * One open link, as both ends see it: a line in for a line out, and a pulse.
 *
 * It frames messages (one JSON object per line), notices a dead peer, and gives up on one that does not read or
 * talks nonsense. Who the peer is and what its messages mean is left to the hub and the client.
 */
import type { Readable, Writable } from 'node:stream'
import { PlatformError } from '../domain/errors.ts'
import type { Clock } from '../platform/clock.ts'

export const LINK_LIMITS = {
  /** One message; a snapshot of ten thousand endpoints is about 5 MB. */
  lineBytes: 64 * 1024 * 1024,
  /** What may wait for a peer that does not read, before the link is cut. */
  unsentBytes: 128 * 1024 * 1024,
  pingEveryMs: 3_000,
  /** Without a line for this long the peer counts as dead. */
  silenceMs: 10_000,
  gateways: 64,
}

export type LinkLimits = Readonly<typeof LINK_LIMITS>

type Message = { readonly kind: string }

const PING = '{"kind":"ping"}\n'
const NEWLINE = 0x0a

type LinkStreamOptions = {
  readonly incoming: Readable
  readonly outgoing: Writable
  readonly clock: Clock
  readonly limits: LinkLimits
  /** Anything but pings. The kind is a string; whether it is a known one is for the receiver. */
  readonly onMessage: (message: Message) => void
  /** Called once, whatever ended it. */
  readonly onEnd: (reason: string) => void
}

export class LinkStream {
  readonly #options: LinkStreamOptions
  readonly #stopping = new AbortController()
  #heardAt: number

  constructor(options: LinkStreamOptions) {
    this.#options = options
    this.#heardAt = options.clock.elapsed()
    const { incoming, outgoing } = options
    const read = lineReader(options.limits.lineBytes, (line) => this.#take(line))

    incoming.on('data', (chunk: Buffer) => {
      if (this.ended) return
      this.#heardAt = options.clock.elapsed()
      try {
        read(chunk)
      } catch (thrown) {
        if (!(thrown instanceof PlatformError)) throw thrown
        this.end(thrown.message)
      }
    })
    for (const stream of [incoming, outgoing]) {
      stream.on('error', (error) => this.end(error.message))
      stream.on('close', () => this.end('the connection closed'))
    }
    incoming.on('end', () => this.end('the other side ended the link'))
    void this.#pulse()
  }

  get ended(): boolean {
    return this.#stopping.signal.aborted
  }

  send(message: Message): void {
    this.#write(`${JSON.stringify(message)}\n`)
  }

  end(reason: string): void {
    if (this.ended) return
    this.#stopping.abort()
    this.#options.incoming.destroy()
    this.#options.outgoing.destroy()
    this.#options.onEnd(reason)
  }

  #write(line: string): void {
    const { outgoing, limits } = this.#options
    if (this.ended) return
    outgoing.write(line)
    if (outgoing.writableLength > limits.unsentBytes) {
      this.end(`the other side leaves more than ${limits.unsentBytes} bytes unread`)
    }
  }

  #take(line: string): void {
    if (this.ended) return
    const message = parseMessage(line)
    if (message.kind !== 'ping') this.#options.onMessage(message)
  }

  async #pulse(): Promise<void> {
    const { clock, limits } = this.#options
    while (!this.ended) {
      await clock.sleep(limits.pingEveryMs, this.#stopping.signal).catch(() => {})
      const silentMs = clock.elapsed() - this.#heardAt
      if (silentMs >= limits.silenceMs) this.end(`nothing was heard for ${silentMs} ms`)
      else this.#write(PING)
    }
  }
}

/** Cuts a byte stream into lines; a line over the limit is refused before it is held in full. */
export function lineReader(limitBytes: number, onLine: (line: string) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = []
  let heldBytes = 0

  return (chunk) => {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      const piece = chunk.subarray(from, at)
      const line = parts.length === 0 ? piece : Buffer.concat([...parts, piece])
      parts = []
      heldBytes = 0
      from = at + 1
      if (line.length > limitBytes) throw tooLong(limitBytes)
      onLine(line.toString('utf8'))
    }
    if (from === chunk.length) return
    heldBytes += chunk.length - from
    if (heldBytes > limitBytes) throw tooLong(limitBytes)
    parts.push(chunk.subarray(from))
  }
}

const tooLong = (limitBytes: number) =>
  new PlatformError('invalid', `A line on the link is longer than ${limitBytes} bytes.`)

function parseMessage(line: string): Message {
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch (cause) {
    throw new PlatformError('invalid', 'A line on the link is not JSON.', { cause })
  }
  if (
    typeof message === 'object' &&
    message !== null &&
    'kind' in message &&
    typeof message.kind === 'string'
  ) {
    return message as Message
  }
  throw new PlatformError('invalid', 'A line on the link is not an object with a "kind".')
}
