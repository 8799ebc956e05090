/**
 * Proof for a certificate's authority that a name leads here (TLS-ALPN-01, RFC 8737): it connects, offers the protocol
 * `acme-tls/1` and nothing else, and is shown a certificate that only whoever ordered could have made.
 *
 * What a client offers is in its first message, and Node chooses a certificate without a look at that. So the message is
 * read here first and put back; clients go on to the ordinary handshake, and are never shown a proof.
 */
import type { Socket } from 'node:net'
import tls from 'node:tls'
import type { CertificatePair } from '../link/messages.ts'
import type { Deadlines } from './deadlines.ts'
import type { GatewayLimits } from './limits.ts'

const PROTOCOL = 'acme-tls/1'
/** As it stands in the list of protocols: with its length before it. */
const OFFER = Buffer.concat([Buffer.of(PROTOCOL.length), Buffer.from(PROTOCOL)])
const HANDSHAKE_RECORD = 22
const RECORD_HEAD_BYTES = 5
/** Of a record; a first message that is longer is none of an authority's. */
const LONGEST_RECORD_BYTES = RECORD_HEAD_BYTES + 2 ** 14

export class NameProofs {
  readonly #deadlines: Deadlines
  readonly #limits: GatewayLimits
  readonly #server: tls.Server
  readonly #contexts = new Map<string, tls.SecureContext>()
  /** Of authorities that were faster than the control process. */
  readonly #waiting = new Set<() => void>()

  constructor(deadlines: Deadlines, limits: GatewayLimits) {
    this.#deadlines = deadlines
    this.#limits = limits
    this.#server = tls.createServer({
      ALPNProtocols: [PROTOCOL],
      handshakeTimeout: limits.handshakeMs,
      SNICallback: (name, answer) => this.#contextOf(name, answer),
    })
    this.#server.on('secureConnection', (socket) => socket.end())
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy())
  }

  /** What is to be proved now, by name. */
  show(proofs: Readonly<Record<string, CertificatePair>>): void {
    this.#contexts.clear()
    for (const [name, { certificate, key }] of Object.entries(proofs)) {
      this.#contexts.set(name, tls.createSecureContext({ cert: certificate, key }))
    }
    for (const lookAgain of [...this.#waiting]) lookAgain()
  }

  /** @param goOn takes the connection of a client, with nothing read from it. */
  tellApart(socket: Socket, goOn: () => void): void {
    const chunks: Buffer[] = []
    const late = this.#deadlines.create(() => socket.destroy())
    const gone = () => socket.destroy()
    const look = () => {
      const chunk: Buffer | null = socket.read()
      if (!chunk) return
      chunks.push(chunk)
      const start = Buffer.concat(chunks)
      if (!isWhole(start)) return
      late.lift()
      socket.off('readable', look)
      socket.off('end', gone)
      socket.unshift(start)
      if (start.includes(OFFER)) this.#server.emit('connection', socket)
      else goOn()
    }
    late.set(this.#limits.handshakeMs)
    socket.on('error', gone)
    socket.once('end', gone)
    socket.once('close', () => late.lift())
    socket.on('readable', look)
  }

  #contextOf(name: string, answer: (error: Error | null, context?: tls.SecureContext) => void): void {
    const lookUp = () => {
      const context = this.#contexts.get(name.toLowerCase())
      if (!context) return
      end()
      answer(null, context)
    }
    const late = this.#deadlines.create(() => {
      end()
      answer(new Error(`nobody asked for a proof of ${name}`))
    })
    const end = () => {
      late.lift()
      this.#waiting.delete(lookUp)
    }
    this.#waiting.add(lookUp)
    late.set(this.#limits.nameProofMs)
    lookUp()
  }
}

/** Whatever is no first message of a handshake is whole as it is: the handshake says what is wrong with it. */
function isWhole(start: Buffer): boolean {
  if (start[0] !== HANDSHAKE_RECORD) return true
  if (start.length < RECORD_HEAD_BYTES) return false
  return start.length >= Math.min(RECORD_HEAD_BYTES + start.readUInt16BE(3), LONGEST_RECORD_BYTES)
}
