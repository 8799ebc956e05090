/**
 * The output of replicas: one file each, bounded, readable while it is written and after the replica is gone.
 *
 * Engines write to the file themselves, so that they can go on when this process ends. A file that grows too long
 * is therefore copied away and cut to zero length, which works because engines append. Lines that an engine
 * writes in the microseconds between the last copied byte and the cut are lost.
 *
 *     <id>.log.7   <id>.log.8   <id>.log.9   <id>.log      one stream of bytes, oldest first
 *
 * The number counts the cuts, so that a place in the stream is still the same place for a later process.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  watch,
  writeSync,
} from 'node:fs'
import { copyFile, type FileHandle, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { ReplicaId } from '../../domain/replica.ts'
import type { Clock } from '../../platform/clock.ts'
import type { LogOptions, OutputLine, OutputOptions } from '../driver.ts'
import { LineSplitter } from './line-splitter.ts'

export const MAX_LOG_BYTES = 10 * 2 ** 20
/** Beside the one being written. */
export const KEPT_OLD_FILES = 3
/** Of replicas that are gone: what is worth keeping was read by then. */
export const KEPT_ENDED_LOGS = 50
export const KEPT_ENDED_LOGS_MS = 3 * 24 * 3600 * 1000
/** How soon a follower looks where the system does not tell of changes. */
const FOLLOW_POLL_MS = 250
const CHUNK_BYTES = 64 * 1024
const LINE_FEED = 0x0a

/** Only names shaped like a replica's are ever removed, whatever else lies in the directory. */
const REPLICA_LOG = /^([a-z2-7]{1,8}-[a-z2-7]{5})\.log(\.(\d+)(\.part)?)?$/

type Chunk = {
  readonly bytes: Buffer
  /** When the file was last written to. */
  readonly writtenAt: number
  /** How often the log had been cut when these were written, and where in the file of then they begin. */
  readonly cuts: number
  readonly offset: number
}

const placeIn = ({ cuts, offset }: Chunk, end: number) => `${cuts}:${offset + end}`

type Cursor = {
  /** 0 is the file being written, 1 the one before it, and so on. */
  readonly age: number
  readonly offset: number
}

export class ReplicaLogs {
  readonly #directory: string
  readonly #clock: Clock
  readonly #maxBytes: number
  /** How often each log was cut in its life; readers compare it before and after they read. */
  readonly #cuts = new Map<ReplicaId, number>()

  constructor(directory: string, clock: Clock, maxBytes = MAX_LOG_BYTES) {
    this.#directory = directory
    this.#clock = clock
    this.#maxBytes = maxBytes
  }

  /** For the engine to write to; every writer appends. */
  async open(id: ReplicaId): Promise<FileHandle> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    return open(this.#file(id, 0), 'a', 0o600)
  }

  /** The one that is written to now. */
  fileOf(id: ReplicaId): string {
    return this.#file(id, 0)
  }

  /** Lines from both output streams, from all files. Ends when it has read everything and `isRunning` says no. */
  async *lines(id: ReplicaId, options: LogOptions, isRunning: () => boolean): AsyncIterable<string> {
    const splitter = new LineSplitter()
    const start = await this.#start(id, options.tail)
    for await (const { bytes } of this.#chunks(id, start, options, isRunning)) {
      for (const line of splitter.push(bytes)) {
        if (options.signal.aborted) return
        yield line
      }
    }
    if (!options.signal.aborted) yield* splitter.flush()
  }

  /** Every line with its place, from the one after `after` on, for whoever keeps them. */
  async *output(
    id: ReplicaId,
    { after, signal }: OutputOptions,
    isRunning: () => boolean,
  ): AsyncIterable<OutputLine> {
    const splitter = new LineSplitter()
    let last: Chunk | undefined
    for await (const chunk of this.#chunks(
      id,
      this.#cursorAt(id, after),
      { follow: true, signal },
      isRunning,
    )) {
      last = chunk
      for (const { text, end } of splitter.pushWithEnds(chunk.bytes)) {
        if (signal.aborted) return
        yield { text, stream: 'output', at: chunk.writtenAt, place: placeIn(chunk, end) }
      }
    }
    if (signal.aborted || !last) return
    const place = placeIn(last, last.bytes.length)
    for (const text of splitter.flush()) yield { text, stream: 'output', at: last.writtenAt, place }
  }

  /** Moves a log that is too long out of the engine's way. */
  async rotate(id: ReplicaId): Promise<void> {
    const current = this.#file(id, 0)
    const size = await stat(current).then(
      ({ size }) => size,
      () => 0,
    )
    if (size < this.#maxBytes) return
    const cuts = this.#cutsOf(id) + 1
    const aside = `${current}.${cuts}`
    await copyFile(current, `${aside}.part`)
    // From here on without a pause, so that no line and no reader comes between.
    moveRest(current, `${aside}.part`)
    renameSync(`${aside}.part`, aside)
    rmSync(`${current}.${cuts - KEPT_OLD_FILES}`, { force: true })
    this.#cuts.set(id, cuts)
  }

  /** Removes the logs of replicas that are gone and that are too old or too many. */
  async prune(isKnown: (id: string) => boolean): Promise<void> {
    const names = await readdir(this.#directory).catch(() => [])
    const ended = Map.groupBy(
      names.flatMap((name) => {
        const id = REPLICA_LOG.exec(name)?.[1]
        return id === undefined || isKnown(id) ? [] : [{ id, file: path.join(this.#directory, name) }]
      }),
      ({ id }) => id,
    )
    const logs = await Promise.all(
      [...ended.values()].map(async (entries) => {
        const files = entries.map(({ file }) => file)
        const changes = await Promise.all(
          files.map((file) =>
            stat(file).then(
              ({ mtimeMs }) => mtimeMs,
              () => 0,
            ),
          ),
        )
        return { files, changedAt: Math.max(...changes) }
      }),
    )
    const newestFirst = logs.toSorted((a, b) => b.changedAt - a.changedAt)
    const oldest = this.#clock.now() - KEPT_ENDED_LOGS_MS
    const unwanted = newestFirst.filter((log, i) => i >= KEPT_ENDED_LOGS || log.changedAt < oldest)
    await Promise.all(unwanted.flatMap(({ files }) => files).map((file) => rm(file, { force: true })))
    for (const id of this.#cuts.keys()) if (!isKnown(id)) this.#cuts.delete(id)
  }

  #file(id: ReplicaId, age: number): string {
    const file = path.join(this.#directory, `${id}.log`)
    return age === 0 ? file : `${file}.${this.#cutsOf(id) + 1 - age}`
  }

  #cutsOf(id: ReplicaId): number {
    let cuts = this.#cuts.get(id)
    if (cuts === undefined) {
      cuts = this.#cutsOnDisk(id)
      this.#cuts.set(id, cuts)
    }
    return cuts
  }

  #cutsOnDisk(id: ReplicaId): number {
    if (!existsSync(this.#directory)) return 0
    return readdirSync(this.#directory).reduce((most, name) => {
      const [, its, , number, part] = REPLICA_LOG.exec(name) ?? []
      return its === id && part === undefined ? Math.max(most, Number(number ?? 0)) : most
    }, 0)
  }

  /** From the beginning where there is no such place any more. */
  #cursorAt(id: ReplicaId, place: string | undefined): Cursor {
    const [, cuts, offset] = /^(\d+):(\d+)$/.exec(place ?? '') ?? []
    const age = this.#cutsOf(id) - Number(cuts)
    return age >= 0 && age <= KEPT_OLD_FILES
      ? { age, offset: Number(offset) }
      : { age: KEPT_OLD_FILES, offset: 0 }
  }

  /** The bytes from the cursor on, across files, and across cuts that happen meanwhile. */
  async *#chunks(
    id: ReplicaId,
    start: Cursor,
    options: Pick<LogOptions, 'follow' | 'signal'>,
    isRunning: () => boolean,
  ): AsyncIterable<Chunk> {
    let cuts = this.#cutsOf(id)
    let { age, offset } = start
    using changes = options.follow ? watchFile(this.#file(id, 0)) : undefined
    while (!options.signal.aborted) {
      const mayGrow = options.follow && isRunning()
      const next = changes?.next
      const { bytes, writtenAt } = await readChunk(this.#file(id, age), offset)
      const cut = this.#cutsOf(id) - cuts
      if (cut > 0) {
        // What we were reading is now in an older file, and what was read may be from the wrong one.
        cuts += cut
        if (age + cut <= KEPT_OLD_FILES) age += cut
        else [age, offset] = [KEPT_OLD_FILES, 0]
      } else if (bytes.length > 0) {
        yield { bytes, writtenAt, cuts: cuts - age, offset }
        offset += bytes.length
      } else if (age > 0) {
        age -= 1
        offset = 0
      } else if (mayGrow) {
        await this.#untilChange(next, options.signal)
      } else {
        return
      }
    }
  }

  /** Where the newest `tail` lines begin, found from the end. */
  async #start(id: ReplicaId, tail: number | undefined): Promise<Cursor> {
    const oldest = { age: KEPT_OLD_FILES, offset: 0 }
    if (tail === undefined) return oldest
    let missing = tail
    let isEnd = true
    for (let age = 0; age <= KEPT_OLD_FILES; age++) {
      const found = await findLineStart(this.#file(id, age), missing, isEnd)
      if (found.offset !== undefined) return { age, offset: found.offset }
      missing = found.missing
      isEnd &&= found.isEmpty
    }
    return oldest
  }

  async #untilChange(next: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
    const enough = new AbortController()
    const either = AbortSignal.any([enough.signal, signal])
    const poll = this.#clock.sleep(FOLLOW_POLL_MS, either).catch(() => {})
    await Promise.race([poll, next ?? poll])
    enough.abort()
  }
}

/** Appends to `copy` what was written to `current` since it was copied, and cuts `current` to nothing. */
function moveRest(current: string, copy: string): void {
  const from = openSync(current, 'r+')
  const to = openSync(copy, 'r+')
  try {
    let copied = fstatSync(to).size
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    for (;;) {
      const length = readSync(from, chunk, 0, chunk.length, copied)
      if (length === 0) break
      writeSync(to, chunk, 0, length, copied)
      copied += length
    }
    ftruncateSync(from, 0)
  } finally {
    closeSync(from)
    closeSync(to)
  }
}

async function readChunk(file: string, offset: number): Promise<Pick<Chunk, 'bytes' | 'writtenAt'>> {
  const handle = await open(file, 'r').catch(ignoreMissing)
  if (!handle) return { bytes: Buffer.alloc(0), writtenAt: 0 }
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, offset)
    const writtenAt = bytesRead > 0 ? Math.floor((await handle.stat()).mtimeMs) : 0
    return { bytes: buffer.subarray(0, bytesRead), writtenAt }
  } finally {
    await handle.close()
  }
}

/**
 * Where the last `wanted` lines of a file begin; without `offset`, so many lines are missing in it.
 * @param isEnd whether the log ends with this file: then a line feed at its end begins no line.
 */
async function findLineStart(
  file: string,
  wanted: number,
  isEnd: boolean,
): Promise<{ readonly offset?: number; readonly missing: number; readonly isEmpty: boolean }> {
  const handle = await open(file, 'r').catch(ignoreMissing)
  if (!handle) return { missing: wanted, isEmpty: true }
  try {
    const { size } = await handle.stat()
    const isEmpty = size === 0
    let missing = wanted
    for (let end = size; end > 0; ) {
      const begin = Math.max(0, end - CHUNK_BYTES)
      const chunk = Buffer.allocUnsafe(end - begin)
      await handle.read(chunk, 0, chunk.length, begin)
      if (wanted === 0) return { offset: size, missing: 0, isEmpty }
      let at = end === size && isEnd && chunk.at(-1) === LINE_FEED ? chunk.length - 1 : chunk.length
      while (at > 0) {
        at = chunk.lastIndexOf(LINE_FEED, at - 1)
        if (at < 0) break
        missing -= 1
        if (missing === 0) return { offset: begin + at + 1, missing, isEmpty }
      }
      end = begin
    }
    return { missing, isEmpty }
  } finally {
    await handle.close()
  }
}

type Changes = Disposable & { readonly next: Promise<void> }

/** Only makes followers quicker: where the system cannot watch, they look again and again. */
function watchFile(file: string): Changes {
  let next = Promise.withResolvers<void>()
  const wake = () => {
    next.resolve()
    next = Promise.withResolvers()
  }
  let close = () => {}
  try {
    const watcher = watch(file, { persistent: false }, wake)
    watcher.on('error', () => watcher.close())
    close = () => watcher.close()
  } catch {
    // The poll remains.
  }
  return {
    get next() {
      return next.promise
    },
    [Symbol.dispose]: close,
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
