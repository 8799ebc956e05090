/**
 * The arrivals of every endpoint, in files of a day each below one directory: what `berth what-if` plays again.
 *
 * Telling it of a record touches memory alone. Every few seconds what came is added to the files. An endpoint keeps so
 * many days and so many bytes; then its oldest day goes.
 */
import { appendFile, mkdir, readdir, readFile, rm, stat, truncate } from 'node:fs/promises'
import path from 'node:path'
import { messageOf } from '../../domain/errors.ts'
import type { EndpointId } from '../../domain/replica.ts'
import type { UsageRecord } from '../../domain/usage/usage-record.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import { type Arrival, isDemand, ROW_BYTES, readRow, writeRow } from './arrival.ts'

export const ARRIVALS_KEPT_DAYS = 15
/** About 1.8 million requests. */
export const ARRIVALS_BYTES_PER_ENDPOINT = 64 * 2 ** 20
/** What a disk that takes nothing may leave in memory, for all endpoints together. */
const MAX_WAITING_ROWS = 100_000
const FLUSH_EVERY_MS = 5_000
const DAY_MS = 24 * 60 * 60_000
const NAME = /^(\d{1,6})\.arrivals$/

export type ArrivalRooms = {
  readonly directory: string
  readonly clock: Clock
  readonly log: Log
  readonly maxBytesPerEndpoint?: number
}

export class ArrivalLog {
  readonly #rooms: ArrivalRooms
  #waiting: UsageRecord[] = []
  readonly #checked = new Set<string>()
  #flushing: Promise<void> = Promise.resolve()

  constructor(rooms: ArrivalRooms) {
    this.#rooms = rooms
  }

  count(records: readonly UsageRecord[]): void {
    for (const record of records) {
      if (this.#waiting.length >= MAX_WAITING_ROWS) return
      if (isDemand(record)) this.#waiting.push(record)
    }
  }

  /** The latest `limit` of those that came in the range, in the order they came. */
  async read(
    id: EndpointId,
    { from, to, limit }: { readonly from: number; readonly to: number; readonly limit: number },
  ): Promise<Arrival[]> {
    await this.flush()
    let found: Arrival[] = []
    for (const { day, file } of (await this.#filesOf(id)).toReversed()) {
      if ((day + 1) * DAY_MS <= from || day * DAY_MS >= to) continue
      if (found.length >= limit) break
      const rows = await readFile(file)
      const ofDay: Arrival[] = []
      for (let offset = 0; offset + ROW_BYTES <= rows.length; offset += ROW_BYTES) {
        const arrival = readRow(rows, offset, day * DAY_MS)
        if (arrival.at >= from && arrival.at < to) ofDay.push(arrival)
      }
      found = [...ofDay, ...found]
    }
    return found.toSorted((a, b) => a.at - b.at).slice(-limit)
  }

  /** The endpoint was deleted, and its arrivals with it. */
  async forget(id: EndpointId): Promise<void> {
    this.#waiting = this.#waiting.filter(({ endpointId }) => endpointId !== id)
    await this.#flushing
    await rm(this.#directoryOf(id), { recursive: true, force: true })
    for (const file of this.#checked) if (file.startsWith(this.#directoryOf(id))) this.#checked.delete(file)
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#rooms
    while (!signal.aborted) {
      await clock.sleep(FLUSH_EVERY_MS, signal).catch(() => {})
      await this.flush().catch((error) => {
        log.warn('arrivals could not be written', { error: messageOf(error) })
      })
    }
  }

  /** Writes down what has come. */
  async flush(): Promise<void> {
    const flushing = this.#flushing.catch(() => {}).then(() => this.#write())
    this.#flushing = flushing
    await flushing
  }

  async #write(): Promise<void> {
    const records = this.#waiting
    this.#waiting = []
    const byFile = Map.groupBy(records, ({ endpointId, arrivedAt }) =>
      path.join(this.#directoryOf(endpointId), `${Math.floor(arrivedAt / DAY_MS)}.arrivals`),
    )
    for (const [file, rows] of byFile) {
      const bytes = Buffer.alloc(rows.length * ROW_BYTES)
      for (const [i, record] of rows.entries()) {
        const dayBegins = Math.floor(record.arrivedAt / DAY_MS) * DAY_MS
        writeRow(bytes.subarray(i * ROW_BYTES), record, dayBegins)
      }
      await this.#prepare(file)
      await appendFile(file, bytes, { mode: 0o600 })
    }
    for (const id of new Set(records.map(({ endpointId }) => endpointId))) await this.#tidy(id)
  }

  async #prepare(file: string): Promise<void> {
    if (this.#checked.has(file)) return
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
    const { size } = await stat(file).catch(() => ({ size: 0 }))
    // A kill may have cut the last row off.
    if (size % ROW_BYTES !== 0) await truncate(file, size - (size % ROW_BYTES))
    this.#checked.add(file)
  }

  async #tidy(id: EndpointId): Promise<void> {
    const { clock, maxBytesPerEndpoint = ARRIVALS_BYTES_PER_ENDPOINT } = this.#rooms
    const oldest = Math.floor(clock.now() / DAY_MS) - ARRIVALS_KEPT_DAYS
    let bytes = 0
    for (const { day, file, size } of (await this.#filesOf(id)).toReversed()) {
      bytes += size
      if (day >= oldest && bytes <= maxBytesPerEndpoint) continue
      this.#checked.delete(file)
      await rm(file, { force: true })
    }
  }

  /** The oldest first. */
  async #filesOf(id: EndpointId) {
    const directory = this.#directoryOf(id)
    const names = await readdir(directory).catch(() => [])
    const found = await Promise.all(
      names.map(async (name) => {
        const day = NAME.exec(name)?.[1]
        if (day === undefined) return []
        const file = path.join(directory, name)
        const { size } = await stat(file).catch(() => ({ size: 0 }))
        return [{ day: Number(day), file, size }]
      }),
    )
    return found.flat().toSorted((a, b) => a.day - b.day)
  }

  #directoryOf(id: EndpointId): string {
    return path.join(this.#rooms.directory, id)
  }
}
