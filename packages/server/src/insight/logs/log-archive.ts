/**
 * The output of every replica, of those that run and those that are gone: found by time, text, severity and replica,
 * and followed as it comes.
 *
 * It is kept for thirty days and in a bounded size; the oldest goes first. Whoever follows is never queued for:
 * lines are read when they are wanted, from memory while they are new.
 */
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { LogLevel } from '@berth/contract'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import { Changes } from '../../platform/changes.ts'
import type { Clock } from '../../platform/clock.ts'
import { isAtLeast, type KeptLine } from './kept-line.ts'
import { compareLines, type LineId } from './line-id.ts'
import { linesOf, ReplicaArchive, type Segment } from './replica-archive.ts'

export const LOGS_KEPT_MS = 30 * 24 * 60 * 60_000
/** Compressed: ten to twenty times as much text. */
export const LOG_ARCHIVE_BYTES = 2 * 2 ** 30

/** With the replica that wrote it. */
export type ArchivedLine = KeptLine & { readonly replica: string }

export type LineFilter = {
  readonly replica?: string | undefined
  readonly level?: LogLevel | undefined
  readonly search?: string | undefined
  /** Inclusive both, in milliseconds since the epoch. */
  readonly since?: number | undefined
  readonly until?: number | undefined
}

export type LineQuery = LineFilter & {
  readonly before?: LineId | undefined
  readonly after?: LineId | undefined
  readonly limit: number
  /** Which of them, if there are more. */
  readonly from: 'oldest' | 'newest'
}

export type FollowQuery = Omit<LineFilter, 'until'> & {
  /** How many older lines come first. */
  readonly tail: number
  /** Goes on after this line instead. */
  readonly after?: LineId | undefined
}

export class LogArchive {
  readonly #directory: string
  readonly #clock: Clock
  readonly #maxBytes: number
  readonly #archives = new Map<EndpointId, Map<string, ReplicaArchive>>()
  readonly #forgotten = new Set<EndpointId>()
  readonly #news = new Changes<EndpointId>()

  constructor(directory: string, clock: Clock, maxBytes = LOG_ARCHIVE_BYTES) {
    this.#directory = directory
    this.#clock = clock
    this.#maxBytes = maxBytes
  }

  /** Where the output of a replica is added to. `undefined` for an endpoint that was deleted. */
  replica(endpointId: EndpointId, id: ReplicaId): ReplicaArchive | undefined {
    return this.#forgotten.has(endpointId) ? undefined : this.#of(endpointId, id)
  }

  /** Whether the endpoint was deleted. */
  isForgotten(endpointId: EndpointId): boolean {
    return this.#forgotten.has(endpointId)
  }

  /** There is something new of the endpoint. */
  announce(endpointId: EndpointId): void {
    this.#news.announce(endpointId)
  }

  /** In the order of the lines, whichever end was asked for. */
  async read(endpointId: EndpointId, query: LineQuery): Promise<readonly ArchivedLine[]> {
    const { limit, from } = query
    if (limit === 0) return []
    const forwards = from === 'oldest'
    const matches = matcher(query)
    let found: ArchivedLine[] = []
    for (const { replica, segment } of await this.#segments(endpointId, query, forwards)) {
      const edge = found[limit - 1]
      if (edge && (forwards ? segment.firstAt > edge.at : segment.lastAt < edge.at)) break
      const lines = (await linesOf(segment, matches.file)).map((line) => ({ ...line, replica }))
      found.push(...lines.filter(matches.line))
      found.sort((a, b) => (forwards ? compareLines(a, b) : compareLines(b, a)))
      found = found.slice(0, limit)
      // A long search is not to hold the process up.
      await new Promise(setImmediate)
    }
    return forwards ? found : found.reverse()
  }

  /** Older lines as they were asked for, and then whatever comes, until `signal` aborts or the endpoint is deleted. */
  async *follow(
    endpointId: EndpointId,
    query: FollowQuery,
    signal: AbortSignal,
  ): AsyncIterable<ArchivedLine> {
    const told = await this.#toldUpTo(endpointId, query)
    if (!query.after) {
      for (const line of await this.read(endpointId, { ...query, limit: query.tail, from: 'newest' })) {
        if (line.number <= (told.get(line.replica) ?? 0)) yield line
      }
    }
    const { after: _told, ...filter } = query
    const matches = matcher(filter)
    for await (const _ of this.#news.of(endpointId, signal)) {
      if (this.#forgotten.has(endpointId)) return
      for await (const line of this.#since(endpointId, told, query.replica)) {
        if (signal.aborted) return
        if (matches.line(line)) yield line
      }
    }
  }

  /** Removes what is too old, and the oldest of what is too much. */
  async prune(): Promise<void> {
    const names = (await readdir(this.#directory).catch(() => [])) as EndpointId[]
    const lists = await Promise.all(
      names.map(async (endpointId) => {
        const replicas = await this.#replicas(endpointId, undefined)
        const closed = await Promise.all(replicas.map((id) => this.#of(endpointId, id).closed()))
        return closed.flat()
      }),
    )
    const oldestFirst = lists.flat().toSorted((a, b) => a.lastAt - b.lastAt)
    let bytes = oldestFirst.reduce((sum, segment) => sum + segment.bytes, 0)
    const oldest = this.#clock.now() - LOGS_KEPT_MS
    for (const segment of oldestFirst) {
      if (segment.lastAt >= oldest && bytes <= this.#maxBytes) break
      await rm(segment.file, { force: true })
      bytes -= segment.bytes
    }
  }

  /** The endpoint was deleted, and its logs with it. */
  async forget(endpointId: EndpointId): Promise<void> {
    this.#forgotten.add(endpointId)
    this.#archives.delete(endpointId)
    await rm(path.join(this.#directory, endpointId), { recursive: true, force: true })
    this.#news.announce(endpointId)
  }

  /** By replica: the number after which lines are still to be told. */
  async #toldUpTo(endpointId: EndpointId, { replica, after }: FollowQuery): Promise<Map<string, number>> {
    const told = new Map<string, number>()
    for (const id of await this.#replicas(endpointId, replica)) {
      if (!after) told.set(id, (await this.#of(endpointId, id).end()).number)
      else if (id === after.replica) told.set(id, after.number)
      else {
        const query = { replica: id, until: after.at, limit: 1, from: 'newest' as const }
        told.set(id, (await this.read(endpointId, query))[0]?.number ?? 0)
      }
    }
    return told
  }

  /** In the order in which they are to be looked through. */
  async #segments(endpointId: EndpointId, query: LineQuery, forwards: boolean) {
    const since = Math.max(query.since ?? 0, query.after?.at ?? 0)
    const until = Math.min(
      query.until ?? Number.MAX_SAFE_INTEGER,
      query.before?.at ?? Number.MAX_SAFE_INTEGER,
    )
    const lists = await Promise.all(
      (await this.#replicas(endpointId, query.replica)).map(async (replica) => {
        const segments = await this.#of(endpointId, replica).segments()
        return segments.map((segment) => ({ replica, segment }))
      }),
    )
    const overlaps = ({ segment }: { readonly segment: Segment }) =>
      segment.lastAt >= since && segment.firstAt <= until
    return lists
      .flat()
      .filter(overlaps)
      .toSorted((a, b) =>
        forwards ? a.segment.firstAt - b.segment.firstAt : b.segment.lastAt - a.segment.lastAt,
      )
  }

  /** What came of each replica since it was last told, and notes that it is. */
  async *#since(
    endpointId: EndpointId,
    told: Map<string, number>,
    only: string | undefined,
  ): AsyncIterable<ArchivedLine> {
    const fresh: ArchivedLine[] = []
    for (const [replica, archive] of this.#archives.get(endpointId) ?? []) {
      if (only !== undefined && replica !== only) continue
      const after = told.get(replica) ?? 0
      const recent = archive.recentAfter(after)
      if (!recent) {
        for await (const line of olderThanMemory(archive, after)) {
          told.set(replica, line.number)
          yield { ...line, replica }
        }
        continue
      }
      fresh.push(...recent.map((line) => ({ ...line, replica })))
      told.set(replica, recent.at(-1)?.number ?? after)
    }
    yield* fresh.toSorted(compareLines)
  }

  async #replicas(endpointId: EndpointId, only: string | undefined): Promise<string[]> {
    const there = await readdir(path.join(this.#directory, endpointId)).catch(() => [])
    const all = new Set([...there, ...(this.#archives.get(endpointId)?.keys() ?? [])])
    return [...all].filter((id) => only === undefined || id === only)
  }

  #of(endpointId: EndpointId, id: string): ReplicaArchive {
    const archives = this.#archives.get(endpointId) ?? new Map<string, ReplicaArchive>()
    this.#archives.set(endpointId, archives)
    let archive = archives.get(id)
    if (!archive) {
      archive = new ReplicaArchive(path.join(this.#directory, endpointId, id))
      archives.set(id, archive)
    }
    return archive
  }
}

async function* olderThanMemory(archive: ReplicaArchive, after: number): AsyncIterable<KeptLine> {
  for (const segment of await archive.segments()) {
    if (segment.lastNumber <= after) continue
    for (const line of await linesOf(segment, () => true)) if (line.number > after) yield line
  }
}

/** What a line must be, and what a whole file must hold for one of its lines to be it. */
function matcher({ level, search, since, until, before, after }: Partial<LineQuery>) {
  const needle = search?.toLowerCase()
  // In the file quotes, backslashes and what is not ASCII may be written as escapes.
  const isPlain = needle !== undefined && /^[\w .,:;=/()[\]{}<>@#$%&*+!?|~^-]*$/.test(needle)
  return {
    file: (text: string) => !isPlain || text.toLowerCase().includes(needle),
    line: (line: ArchivedLine) =>
      (since === undefined || line.at >= since) &&
      (until === undefined || line.at <= until) &&
      (level === undefined || isAtLeast(line, level)) &&
      (after === undefined || compareLines(line, after) > 0) &&
      (before === undefined || compareLines(line, before) < 0) &&
      (needle === undefined || line.text.toLowerCase().includes(needle)),
  }
}
