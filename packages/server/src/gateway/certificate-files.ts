/** A certificate and its key in files that somebody else renews: looked at every few seconds. */
import { readFile } from 'node:fs/promises'
import tls from 'node:tls'
import { messageOf, PlatformError } from '../domain/errors.ts'
import type { CertificatePair } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'

/** Paths. */
export type TlsFiles = { readonly certificate: string; readonly key: string }

type FileRooms = {
  readonly clock: Clock
  readonly log: Log
  readonly show: (pair: CertificatePair) => void
}

const LOOK_EVERY_MS = 5_000

export class CertificateFiles {
  readonly #files: TlsFiles
  readonly #rooms: FileRooms

  constructor(files: TlsFiles, rooms: FileRooms) {
    this.#files = files
    this.#rooms = rooms
  }

  /** @throws PlatformError `invalid` for files that cannot be read or do not belong together. */
  async open(): Promise<void> {
    this.#rooms.show(await readPair(this.#files))
  }

  /** Takes what is in the files now; what cannot be used changes nothing. */
  async reload(): Promise<void> {
    const { log, show } = this.#rooms
    try {
      show(await readPair(this.#files))
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
}

async function readPair(files: TlsFiles): Promise<CertificatePair> {
  const read = (file: string) =>
    readFile(file, 'utf8').catch((cause) => {
      throw new PlatformError('invalid', `The TLS file ${file} cannot be read: ${messageOf(cause)}.`, {
        cause,
      })
    })
  const pair = { certificate: await read(files.certificate), key: await read(files.key) }
  try {
    tls.createSecureContext({ cert: pair.certificate, key: pair.key })
  } catch (cause) {
    throw new PlatformError(
      'invalid',
      `${files.certificate} and ${files.key} are no certificate and its key: ${messageOf(cause)}.`,
      { cause },
    )
  }
  return pair
}
