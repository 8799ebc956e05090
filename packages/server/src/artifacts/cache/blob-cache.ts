/**
 * The content-addressed cache: every blob once on the disk, and at most one download of it at a time.
 *
 *     blobs/<id>            complete, verified, read-only
 *     blobs/<id>.partial    what a download has brought so far
 *     locks/<3 of id>.lock  held by the process that downloads
 *
 * Within this process callers of the same blob share one flight, which ends when the last of them has gone. Between
 * processes a lock file does. Which repository a blob belongs to is the snapshots' business.
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { isMissing } from '../artifact-failure.ts'
import type { Transfer } from '../download-progress.ts'
import { type BlobSource, type DownloadRooms, downloadBlob } from './blob-download.ts'
import type { BlobIdentity } from './blob-identity.ts'
import { tryFileLock, waitForFileLock } from './file-lock.ts'

type Flight = {
  readonly transfer: Transfer
  readonly stopping: AbortController
  readonly landed: Promise<void>
  waiting: number
}

export type CachedBlob = {
  readonly id: string
  readonly isPartial: boolean
  readonly bytes: number
  /** File names of this content: the blob's own and one in each snapshot. */
  readonly links: number
  readonly changedAt: number
}

const PARTIAL = '.partial'

export class BlobCache {
  readonly #directory: string
  readonly #rooms: DownloadRooms
  readonly #flights = new Map<string, Flight>()

  constructor(directory: string, rooms: DownloadRooms) {
    this.#directory = directory
    this.#rooms = rooms
  }

  fileOf(id: string): string {
    return path.join(this.#directory, 'blobs', id)
  }

  /** Whether the whole blob is here. */
  async has(blob: BlobIdentity): Promise<boolean> {
    return (await sizeOf(this.fileOf(blob.id))) === blob.sizeBytes
  }

  /** Bytes that a download would still bring. */
  async missingBytes(blob: BlobIdentity): Promise<number> {
    if (await this.has(blob)) return 0
    const partial = (await sizeOf(this.fileOf(blob.id) + PARTIAL)) ?? 0
    return Math.max(0, blob.sizeBytes - partial)
  }

  /**
   * Makes the blob be here.
   *
   * @param onTransfer is told of the download that this call waits for, if any.
   */
  async ensure(
    blob: BlobIdentity,
    source: BlobSource,
    signal: AbortSignal,
    onTransfer: (transfer: Transfer) => void,
  ): Promise<void> {
    for (;;) {
      const isHere = await this.has(blob)
      signal.throwIfAborted()
      const joined = this.#flights.get(blob.id)
      if (isHere && !joined) return

      const flight = joined ?? this.#depart(blob, source)
      onTransfer(flight.transfer)
      try {
        return await this.#ride(flight, signal)
      } catch (error) {
        signal.throwIfAborted()
        // Another caller's download failed, perhaps for want of a token that this caller has: now our own.
        if (!joined) throw error
      }
    }
  }

  /** Everything that takes space, whoever uses it. */
  async list(): Promise<CachedBlob[]> {
    const directory = path.join(this.#directory, 'blobs')
    const names = await readdir(directory).catch((error) => {
      if (isMissing(error)) return []
      throw error
    })
    const found = await Promise.all(
      names.map(async (name): Promise<CachedBlob[]> => {
        const file = await stat(path.join(directory, name)).catch(() => undefined)
        if (!file?.isFile()) return []
        const isPartial = name.endsWith(PARTIAL)
        const id = isPartial ? name.slice(0, -PARTIAL.length) : name
        return [{ id, isPartial, bytes: file.size, links: file.nlink, changedAt: file.mtimeMs }]
      }),
    )
    return found.flat()
  }

  /** Deletes a blob or a part of one. @returns false if somebody is writing it. */
  async remove({ id, isPartial }: Pick<CachedBlob, 'id' | 'isPartial'>): Promise<boolean> {
    const lock = tryFileLock(await this.#lockFile(id))
    if (!lock) return false
    try {
      await rm(this.fileOf(id) + (isPartial ? PARTIAL : ''), { force: true })
      return true
    } finally {
      lock.release()
    }
  }

  #depart(blob: BlobIdentity, source: BlobSource): Flight {
    const transfer: Transfer = { bytes: 0, received: 0 }
    const stopping = new AbortController()
    const landed = this.#download(blob, source, transfer, stopping.signal).finally(() =>
      this.#flights.delete(blob.id),
    )
    // Whoever waits hears of a failure; nobody else is left to.
    landed.catch(() => {})
    const flight = { transfer, stopping, landed, waiting: 0 }
    this.#flights.set(blob.id, flight)
    return flight
  }

  /** Waits until the flight lands or `signal` aborts; the last to leave stops it and waits until it has let go. */
  async #ride(flight: Flight, signal: AbortSignal): Promise<void> {
    const left = Promise.withResolvers<never>()
    const leave = () => left.reject(signal.reason)
    signal.addEventListener('abort', leave, { once: true })
    flight.waiting += 1
    try {
      await Promise.race([flight.landed, left.promise])
    } catch (error) {
      if (signal.aborted && flight.waiting === 1) {
        flight.stopping.abort(signal.reason)
        await flight.landed.catch(() => {})
      }
      throw error
    } finally {
      flight.waiting -= 1
      signal.removeEventListener('abort', leave)
    }
  }

  async #download(
    blob: BlobIdentity,
    source: BlobSource,
    transfer: Transfer,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, limits } = this.#rooms
    const file = this.fileOf(blob.id)
    await mkdir(path.dirname(file), { recursive: true })
    const lock = await waitForFileLock(await this.#lockFile(blob.id), {
      clock,
      pollMs: limits.lockPollMs,
      signal,
    })
    try {
      const size = await sizeOf(file)
      if (size === blob.sizeBytes) return
      // Somebody or something cut it after it was complete.
      if (size !== undefined) await rm(file)
      await downloadBlob(file, blob, source, transfer, signal, this.#rooms)
    } finally {
      lock.release()
    }
  }

  async #lockFile(id: string): Promise<string> {
    const directory = path.join(this.#directory, 'locks')
    await mkdir(directory, { recursive: true })
    // Few enough files to keep for ever; two blobs that share one wait for each other, which harms nobody.
    return path.join(directory, `${id.slice(0, 3)}.lock`)
  }
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}
