/**
 * Encrypted connections: the handshake, with a certificate that can be renewed while connections are open. What is
 * decrypted goes to the front as any other connection does.
 */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import { messageOf, PlatformError } from '../domain/errors.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'

export type TlsFiles = { readonly certificate: string; readonly key: string }

type DoorRooms = { readonly clock: Clock; readonly log: Log }
type Pair = { readonly cert: string; readonly key: string }

const HANDSHAKE_MS = 10_000
const LOOK_EVERY_MS = 5_000
const EXPIRES_SOON_MS = 14 * 24 * 3_600_000

export class TlsDoor {
  readonly #files: TlsFiles
  readonly #rooms: DoorRooms
  readonly #server: tls.Server
  readonly #handshakes = new Set<Socket>()
  #pair: Pair

  private constructor(files: TlsFiles, pair: Pair, rooms: DoorRooms, take: (socket: Socket) => void) {
    this.#files = files
    this.#pair = pair
    this.#rooms = rooms
    this.#server = tls.createServer({
      ...pair,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: HANDSHAKE_MS,
      allowHalfOpen: true,
    })
    this.#server.on('secureConnection', take)
    // Whoever cannot agree on a cipher is told by the protocol itself.
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy())
    this.#sayWhenItExpires(pair)
  }

  /** @throws PlatformError `invalid` for files that cannot be read or do not belong together. */
  static async open(files: TlsFiles, rooms: DoorRooms, take: (socket: Socket) => void): Promise<TlsDoor> {
    return new TlsDoor(files, await readPair(files), rooms, take)
  }

  take(socket: Socket): void {
    this.#handshakes.add(socket)
    socket.once('close', () => this.#handshakes.delete(socket))
    this.#server.emit('connection', socket)
  }

  /** Connections of which the front has not heard, too. */
  breakOff(): void {
    for (const socket of [...this.#handshakes]) socket.destroy()
  }

  /** Takes what is in the files now, for new connections; what cannot be used changes nothing. */
  async reload(): Promise<void> {
    const { log } = this.#rooms
    try {
      const pair = await readPair(this.#files)
      if (pair.cert === this.#pair.cert && pair.key === this.#pair.key) return
      this.#server.setSecureContext({ ...pair, minVersion: 'TLSv1.2' })
      this.#pair = pair
      log.info('certificate renewed', { file: this.#files.certificate })
      this.#sayWhenItExpires(pair)
    } catch (error) {
      log.error('the new certificate cannot be used; the one before stays', { error: messageOf(error) })
    }
  }

  async keepLooking(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#rooms.clock.sleep(LOOK_EVERY_MS, signal).catch(() => {})
      if (!signal.aborted) await this.reload()
    }
  }

  #sayWhenItExpires({ cert }: Pair): void {
    const { clock, log } = this.#rooms
    const expiresAt = Date.parse(new X509Certificate(cert).validTo)
    if (expiresAt - clock.now() > EXPIRES_SOON_MS) return
    log.warn('the certificate expires soon, or has', { expiresAt: new Date(expiresAt).toISOString() })
  }
}

async function readPair({ certificate, key }: TlsFiles): Promise<Pair> {
  const read = (file: string) =>
    readFile(file, 'utf8').catch((cause) => {
      throw new PlatformError('invalid', `The TLS file ${file} cannot be read: ${messageOf(cause)}.`, {
        cause,
      })
    })
  const pair = { cert: await read(certificate), key: await read(key) }
  try {
    tls.createSecureContext(pair)
  } catch (cause) {
    throw new PlatformError(
      'invalid',
      `${certificate} and ${key} are no certificate and its key: ${messageOf(cause)}.`,
      { cause },
    )
  }
  return pair
}
