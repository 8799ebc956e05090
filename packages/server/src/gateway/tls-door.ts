/**
 * Encrypted connections: the handshake, with a certificate that can be renewed while connections are open. What is
 * decrypted goes to the front for the protocol that was agreed on, as any other connection does. Where certificates
 * come from is for others.
 */
import { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import { messageOf } from '../domain/errors.ts'
import type { CertificatePair } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { GatewayLimits } from './limits.ts'
import type { NameProofs } from './name-proofs.ts'

export type TlsDoorRooms = {
  readonly clock: Clock
  readonly log: Log
  readonly limits: GatewayLimits
  /** Where authorities are told apart from clients; undefined where none comes. */
  readonly proofs?: NameProofs
  /** Takes a connection on which both have agreed to speak HTTP/1.1, or on nothing. */
  readonly take: (socket: Socket) => void
  /** Takes one on which they have agreed to speak HTTP/2. */
  readonly takeHttp2: (socket: Socket) => void
}

const EXPIRES_SOON_MS = 14 * 24 * 3_600_000
const OLDEST_VERSION = { minVersion: 'TLSv1.2' } as const

export class TlsDoor {
  readonly #rooms: TlsDoorRooms
  readonly #server: tls.Server
  readonly #handshakes = new Set<Socket>()
  #pair: CertificatePair | undefined

  /** Until it has a certificate to show, every handshake fails. */
  constructor(rooms: TlsDoorRooms) {
    this.#rooms = rooms
    this.#server = tls.createServer({
      ...OLDEST_VERSION,
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: rooms.limits.handshakeMs,
      allowHalfOpen: true,
    })
    this.#server.on('secureConnection', (socket) => {
      if (socket.alpnProtocol === 'h2') rooms.takeHttp2(socket)
      else rooms.take(socket)
    })
    // Whoever cannot agree on a cipher is told by the protocol itself.
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy())
  }

  take(socket: Socket): void {
    this.#handshakes.add(socket)
    socket.once('close', () => this.#handshakes.delete(socket))
    const { proofs } = this.#rooms
    if (proofs) proofs.tellApart(socket, () => this.#server.emit('connection', socket))
    else this.#server.emit('connection', socket)
  }

  /** Connections of which the front has not heard, too. */
  breakOff(): void {
    for (const socket of [...this.#handshakes]) socket.destroy()
  }

  /** Shows it to new connections; one that cannot be used changes nothing. */
  show(pair: CertificatePair): void {
    const { log } = this.#rooms
    if (pair.certificate === this.#pair?.certificate && pair.key === this.#pair.key) return
    try {
      this.#server.setSecureContext({ cert: pair.certificate, key: pair.key, ...OLDEST_VERSION })
    } catch (error) {
      log.error('the new certificate cannot be used; the one before stays', { error: messageOf(error) })
      return
    }
    if (this.#pair) log.info('certificate renewed')
    this.#pair = pair
    this.#sayWhenItExpires(pair)
  }

  #sayWhenItExpires({ certificate }: CertificatePair): void {
    const { clock, log } = this.#rooms
    const expiresAt = Date.parse(new X509Certificate(certificate).validTo)
    if (expiresAt - clock.now() > EXPIRES_SOON_MS) return
    log.warn('the certificate expires soon, or has', { expiresAt: new Date(expiresAt).toISOString() })
  }
}
