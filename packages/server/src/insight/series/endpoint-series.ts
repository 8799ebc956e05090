/**
 * The time series of one endpoint: what is being counted now, what is rolled up, and what lies in files.
 *
 *     count, look ──▶ 10 s ──over──▶ file
 *                       └──────▶ 1 min ──over──▶ file
 *                                   └──────▶ 1 h ──over──▶ file
 *
 * Each level holds the intervals that are not over yet. What a killed process held of the coarser levels is made
 * again from the files of the finer ones, so that only the last ten seconds are lost.
 */
import type { ReplicaId } from '../../domain/replica.ts'
import type { UsageRecord } from '../../domain/usage/usage-record.ts'
import type { Clock } from '../../platform/clock.ts'
import { encodeFrame, type Intervals, intervalOf, TOGETHER, type Wanted } from './frame.ts'
import type { GaugeName } from './interval.ts'
import { FINEST, floorTo, LEVELS, type Level } from './level.ts'
import type { SeriesFiles } from './series-files.ts'

/** An interval is written so long after it ended: records of its requests are still on their way. */
const LATENESS_MS = 2_000
/** Replicas of one endpoint that are counted apart in one interval; what others do is counted in the whole. */
const MAX_REPLICAS = 500

type Open = Map<number, Intervals>

export class EndpointSeries {
  readonly #files: SeriesFiles
  readonly #clock: Clock
  readonly #open: ReadonlyMap<Level, Open> = new Map(LEVELS.map((level) => [level, new Map()]))
  #restored: Promise<void> | undefined
  /** Reads and writes one after the other: an interval on its way to a file would be missed, or counted twice. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(files: SeriesFiles, clock: Clock) {
    this.#files = files
    this.#clock = clock
  }

  count(record: UsageRecord): void {
    const endedAt = Math.min(record.arrivedAt + record.durationMs, this.#clock.now())
    const intervals = this.#at(endedAt)
    intervalOf(intervals, TOGETHER).count(record)
    if (record.replicaId !== null && hasRoom(intervals, record.replicaId)) {
      intervalOf(intervals, record.replicaId).count(record)
    }
  }

  /** Something was looked at now: of one replica, or of the endpoint. */
  look(name: GaugeName, value: number, replica?: ReplicaId): void {
    const intervals = this.#at(this.#clock.now())
    if (replica === undefined) intervalOf(intervals, TOGETHER).look(name, value)
    else if (hasRoom(intervals, replica)) intervalOf(intervals, replica).look(name, value)
  }

  /** Writes the intervals that are over and adds them to the wider ones. @param all also those that are not over. */
  flush({ all }: { readonly all: boolean }): Promise<void> {
    return this.#inTurn(() => this.#flush(all))
  }

  /** What is wanted, of files and of what is not written yet, added up in steps that begin where intervals do. */
  read(level: Level, wanted: Wanted, stepMs: number): Promise<ReadonlyMap<number, Intervals>> {
    return this.#inTurn(async () => {
      await this.#restore()
      const steps = new Map<number, Intervals>()
      const into = (beginsAt: number) => at(steps, floorTo(beginsAt, stepMs))
      for (const finer of LEVELS.slice(0, LEVELS.indexOf(level) + 1)) {
        for (const [beginsAt, intervals] of this.#open.get(finer)!) {
          const begins = floorTo(beginsAt, level.widthMs)
          if (begins >= wanted.from && begins < wanted.to) addWanted(intervals, wanted, into(begins))
        }
      }
      await this.#files.read(level, wanted, into)
      return steps
    })
  }

  get isEmpty(): boolean {
    return [...this.#open.values()].every((open) => open.size === 0)
  }

  #at(time: number): Intervals {
    return at(this.#open.get(FINEST)!, floorTo(time, FINEST.widthMs))
  }

  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(act)
    this.#turn = result.catch(() => {})
    return result
  }

  async #flush(all: boolean): Promise<void> {
    await this.#restore()
    for (const [i, level] of LEVELS.entries()) {
      const open = this.#open.get(level)!
      const wider = LEVELS[i + 1]
      const isOver = (beginsAt: number) => beginsAt + level.widthMs + LATENESS_MS <= this.#clock.now()
      // Of the wider ones, those that are not over can be made again from what is written.
      const over = [...open].filter(([beginsAt]) => isOver(beginsAt) || (all && level === FINEST))
      for (const [beginsAt, intervals] of over.toSorted(([a], [b]) => a - b)) {
        open.delete(beginsAt)
        if (wider) {
          const into = at(this.#open.get(wider)!, floorTo(beginsAt, wider.widthMs))
          for (const [replica, interval] of intervals) intervalOf(into, replica).merge(interval)
        }
        await this.#files.append(level, beginsAt, encodeFrame(beginsAt, intervals))
      }
    }
  }

  /** Once: what the files of a level hold that the files of the wider one do not. */
  #restore(): Promise<void> {
    this.#restored ??= this.#restoreAll().catch((error) => {
      this.#restored = undefined
      throw error
    })
    return this.#restored
  }

  async #restoreAll(): Promise<void> {
    for (const [i, level] of LEVELS.entries()) {
      const wider = LEVELS[i + 1]
      if (!wider) return
      const now = this.#clock.now()
      const everything = { to: Number.MAX_SAFE_INTEGER, part: () => 'everything' as const }
      const written = await this.#newest(wider)
      const from = written === undefined ? now - level.keptMs : written + wider.widthMs
      const open = this.#open.get(wider)!
      await this.#files.read(level, { ...everything, from }, (beginsAt) =>
        at(open, floorTo(beginsAt, wider.widthMs)),
      )
    }
  }

  async #newest(level: Level): Promise<number | undefined> {
    const file = (await this.#files.list()).findLast((one) => one.level === level)
    if (!file) return undefined
    let newest: number | undefined
    const wanted = { from: file.beginsAt, to: Number.MAX_SAFE_INTEGER, part: () => 'presence' as const }
    await this.#files.read(level, wanted, (beginsAt) => {
      newest = Math.max(newest ?? 0, beginsAt)
      return new Map()
    })
    return newest
  }
}

function at(open: Open, beginsAt: number): Intervals {
  let intervals = open.get(beginsAt)
  if (!intervals) {
    intervals = new Map()
    open.set(beginsAt, intervals)
  }
  return intervals
}

const hasRoom = (intervals: Intervals, replica: string) =>
  intervals.has(replica) || intervals.size <= MAX_REPLICAS

function addWanted(intervals: Intervals, { part }: Wanted, into: Intervals): void {
  for (const [replica, interval] of intervals) {
    const merged = intervalOf(into, replica)
    if (part(replica) !== 'presence') merged.merge(interval)
  }
}
