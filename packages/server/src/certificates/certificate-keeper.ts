/**
 * Sees to it that there is a certificate: orders the first, renews it in time, and has every gateway show the newest.
 *
 * There is one keeper in a control process and one order at a time. Whatever fails, the certificate that is there stays.
 */
import { writeFile } from 'node:fs/promises'
import { nextOrderAt, type OrderFailures } from '../domain/certificate-plan.ts'
import { messageOf } from '../domain/errors.ts'
import type { CertificatePair, ShownCertificates } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { OrderCertificate } from './certificate-order.ts'
import {
  type CertificateRecord,
  emptyRecord,
  factsOf,
  readRecord,
  type Seal,
  writeRecord,
} from './certificate-record.ts'

export type KeeperRooms = {
  readonly clock: Clock
  readonly log: Log
  /** An authority's directory, an https URL. */
  readonly directory: string
  readonly email: string | null
  readonly names: readonly string[]
  /** Where the record is kept. */
  readonly file: string
  /** Where programs of this machine read how it stands. */
  readonly statusFile: string
  readonly seal: Seal
  readonly order: OrderCertificate
  readonly show: (certificates: ShownCertificates) => void
}

/** Times in milliseconds since the epoch. */
export type CertificateStatus = {
  readonly names: readonly string[]
  readonly directory: string
  /** Of the one that is shown; null where there is none yet. */
  readonly expiresAt: number | null
  readonly nextOrderAt: number
  /** What became of the last order, where that failed. */
  readonly failure: OrderFailures | null
}

/** A machine that slept, or whose clock was set, is looked at again by then. */
const LOOK_EVERY_MS = 60 * 60_000
const LONGEST_ORDER_MS = 10 * 60_000
const EXPIRES_SOON_MS = 14 * 24 * 60 * 60_000

export class CertificateKeeper {
  readonly #rooms: KeeperRooms
  readonly #startedAt: number
  readonly #proofs = new Map<string, CertificatePair>()
  #record: CertificateRecord

  private constructor(rooms: KeeperRooms, record: CertificateRecord) {
    this.#rooms = rooms
    this.#record = record
    this.#startedAt = rooms.clock.now()
  }

  /** Has the certificate shown that there is. @throws PlatformError when what is kept cannot be read. */
  static async open(rooms: KeeperRooms): Promise<CertificateKeeper> {
    const { directory, file, seal } = rooms
    const known = await readRecord(file, seal)
    const record =
      known?.directory === directory ? known : { ...emptyRecord(directory), issued: known?.issued ?? null }
    const keeper = new CertificateKeeper(rooms, record)
    keeper.#show()
    return keeper
  }

  get status(): CertificateStatus {
    const { names, directory } = this.#rooms
    const { issued, failures } = this.#record
    return {
      names,
      directory,
      expiresAt: issued && factsOf(issued).expiresAt,
      nextOrderAt: this.#nextOrderAt(),
      failure: failures,
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#rooms
    await this.#tellStatus()
    while (!signal.aborted) {
      const waitMs = this.#nextOrderAt() - clock.now()
      if (waitMs <= 0) await this.#order(signal)
      else await clock.sleep(Math.min(waitMs, LOOK_EVERY_MS), signal).catch(() => {})
    }
  }

  #nextOrderAt(): number {
    const { names, directory, clock } = this.#rooms
    const { issued, failures } = this.#record
    return nextOrderAt({
      names,
      directory,
      now: clock.now(),
      startedAt: this.#startedAt,
      issued: issued && factsOf(issued),
      failures,
    })
  }

  async #order(signal: AbortSignal): Promise<void> {
    const { clock, log, names, directory } = this.#rooms
    log.info('certificate ordered', { names, directory })
    try {
      const pair = await this.#obtain(signal)
      const issued = { names, directory, pair, obtainedAt: clock.now() }
      await this.#keep({ ...this.#record, issued, failures: null })
      log.info('certificate obtained', { names, expiresAt: isoTime(factsOf(issued).expiresAt) })
    } catch (error) {
      if (signal.aborted) return
      await this.#fail(messageOf(error))
    } finally {
      this.#proofs.clear()
      this.#show()
    }
  }

  async #obtain(signal: AbortSignal): Promise<CertificatePair> {
    const { clock, order, names, directory, email } = this.#rooms
    const { accountKey, accountUrl } = this.#record
    const over = new AbortController()
    const ended = AbortSignal.any([signal, over.signal])
    const late = clock.sleep(LONGEST_ORDER_MS, ended).then(
      () =>
        over.abort(
          new Error(`The authority did not come to an end within ${LONGEST_ORDER_MS / 60_000} min.`),
        ),
      () => {},
    )
    try {
      return await order(
        { directory, accountKey, accountUrl, email, names },
        {
          // Kept with what becomes of the order.
          registered: (url) => {
            this.#record = { ...this.#record, accountUrl: url }
          },
          prove: (name, proof) => this.#prove(name, proof),
        },
        ended,
      )
    } finally {
      over.abort()
      await late
    }
  }

  #prove(name: string, proof: CertificatePair | null): void {
    if (proof) this.#proofs.set(name, proof)
    else this.#proofs.delete(name)
    this.#show()
  }

  async #fail(message: string): Promise<void> {
    const { clock, log } = this.#rooms
    const now = clock.now()
    const count = (this.#record.failures?.count ?? 0) + 1
    await this.#keep({ ...this.#record, failures: { count, lastAt: now, message } })
    const { names, expiresAt, nextOrderAt: again } = this.status
    const isUrgent = expiresAt === null || expiresAt - now < EXPIRES_SOON_MS
    log[isUrgent ? 'error' : 'warn']('no certificate was obtained; what is there stays', {
      names,
      reason: message,
      expiresAt: expiresAt === null ? null : isoTime(expiresAt),
      nextTryAt: isoTime(again),
    })
  }

  /** What cannot be written is known all the same, as long as this process lives. */
  async #keep(record: CertificateRecord): Promise<void> {
    const { log, file, seal } = this.#rooms
    this.#record = record
    await writeRecord(file, record, seal).catch((error) =>
      log.error('the certificate could not be stored', { file, error: messageOf(error) }),
    )
    await this.#tellStatus()
  }

  async #tellStatus(): Promise<void> {
    const { log, statusFile } = this.#rooms
    const text = `${JSON.stringify(this.status)}\n`
    await writeFile(statusFile, text, { mode: 0o600 }).catch((error) =>
      log.warn('how the certificate stands could not be written', {
        file: statusFile,
        error: messageOf(error),
      }),
    )
  }

  #show(): void {
    this.#rooms.show({
      own: this.#record.issued?.pair ?? null,
      proofs: Object.fromEntries(this.#proofs),
    })
  }
}

const isoTime = (ms: number) => new Date(ms).toISOString()
