/**
 * The time series of every endpoint, in memory and below one directory.
 *
 * Counting touches memory alone and never waits. Every ten seconds what is over goes to the files, and now and then
 * old files are compressed or removed. All of them together have a size that they do not exceed: then the finest of
 * the oldest go first.
 */
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { messageOf } from '../../domain/errors.ts'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import type { UsageRecord } from '../../domain/usage/usage-record.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import { EndpointSeries } from './endpoint-series.ts'
import type { Intervals, Wanted } from './frame.ts'
import type { GaugeName } from './interval.ts'
import { FINEST, LEVELS, type Level } from './level.ts'
import { SeriesFiles } from './series-files.ts'

export const SERIES_BYTES = 2 ** 30
const TIDY_EVERY_MS = 10 * 60_000

export type SeriesRooms = {
  readonly directory: string
  readonly clock: Clock
  readonly log: Log
  readonly maxBytes?: number
}

type Kept = { readonly files: SeriesFiles; readonly series: EndpointSeries }

export class TimeSeries {
  readonly #rooms: SeriesRooms
  readonly #kept = new Map<EndpointId, Kept>()

  constructor(rooms: SeriesRooms) {
    this.#rooms = rooms
  }

  count(records: readonly UsageRecord[]): void {
    for (const record of records) this.#of(record.endpointId).series.count(record)
  }

  look(id: EndpointId, name: GaugeName, value: number, replica?: ReplicaId): void {
    this.#of(id).series.look(name, value, replica)
  }

  read(
    id: EndpointId,
    level: Level,
    wanted: Wanted,
    stepMs: number,
  ): Promise<ReadonlyMap<number, Intervals>> {
    return this.#of(id).series.read(level, wanted, stepMs)
  }

  /** The endpoint was deleted, and its series with it. */
  async forget(id: EndpointId): Promise<void> {
    const { files } = this.#of(id)
    this.#kept.delete(id)
    await files.removeAll()
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#rooms
    let tidyAt = clock.now()
    while (!signal.aborted) {
      await clock.sleep(FINEST.widthMs, signal).catch(() => {})
      if (signal.aborted) return
      await this.flush({ all: false })
      if (clock.now() < tidyAt) continue
      tidyAt = clock.now() + TIDY_EVERY_MS
      await this.tidy().catch((error) => this.#warn('could not tidy the time series', error))
    }
  }

  /** @param all also the intervals that are not over: for the end of the process. */
  async flush({ all }: { readonly all: boolean }): Promise<void> {
    for (const { series } of this.#kept.values()) {
      if (series.isEmpty) continue
      await series.flush({ all }).catch((error) => this.#warn('could not write a time series', error))
    }
  }

  async tidy(): Promise<void> {
    const { directory, clock, maxBytes = SERIES_BYTES } = this.#rooms
    const names = await readdir(directory).catch(() => [])
    const all = names.map((name) => this.#of(name as EndpointId).files)
    for (const files of all) await files.tidy(clock)
    const lists = await Promise.all(
      all.map(async (files) => (await files.list()).map((one) => ({ ...one, files }))),
    )
    const found = lists.flat()
    let bytes = found.reduce((sum, file) => sum + file.bytes, 0)
    const rank = (level: Level) => LEVELS.indexOf(level)
    const leastMissed = found.toSorted((a, b) => rank(a.level) - rank(b.level) || a.beginsAt - b.beginsAt)
    for (const file of leastMissed) {
      if (bytes <= maxBytes) return
      await file.files.remove(file.file)
      bytes -= file.bytes
    }
  }

  #of(id: EndpointId): Kept {
    let kept = this.#kept.get(id)
    if (!kept) {
      const files = new SeriesFiles(path.join(this.#rooms.directory, id))
      kept = { files, series: new EndpointSeries(files, this.#rooms.clock) }
      this.#kept.set(id, kept)
    }
    return kept
  }

  #warn(message: string, error: unknown): void {
    this.#rooms.log.warn(message, { error: messageOf(error) })
  }
}
