/**
 * Reads what replicas print and puts it into the archive: each line once, whatever is killed meanwhile.
 *
 * A replica is followed from when the reconciler or a look at the runtime first shows it until it has ended and
 * everything is read; while there is none, nobody looks. Lines are written a few times a second, many at once; a disk that is slow holds the reading
 * back, and the runtime keeps what was not read yet.
 */
import { messageOf } from '../../domain/errors.ts'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import { Bell } from '../../platform/bell.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { OutputLine, RuntimeDriver } from '../../runtime/driver.ts'
import { cleanText, type KeptLine, levelOf } from './kept-line.ts'
import type { LogArchive } from './log-archive.ts'
import type { ReplicaArchive } from './replica-archive.ts'

const LOOK_EVERY_MS = 2_000
const WRITE_EVERY_MS = 200
const LINES_PER_WRITE = 2_000
const CHARACTERS_PER_WRITE = 512 * 1024
/** How long the end of the process waits for the last words of replicas that it has stopped. */
const LAST_WORDS_MS = 2_000

export type KeeperRooms = {
  readonly clock: Clock
  readonly log: Log
  readonly driver: Pick<RuntimeDriver, 'list' | 'output'>
  readonly archive: LogArchive
}

type Seen = { readonly id: ReplicaId; readonly endpointId: EndpointId }

export class LogKeeper {
  readonly #rooms: KeeperRooms
  readonly #closing = new AbortController()
  readonly #following = new Map<ReplicaId, Promise<void>>()
  /** Ended and read to the end. */
  readonly #done = new Set<ReplicaId>()
  readonly #newcomer = new Bell()

  constructor(rooms: KeeperRooms) {
    this.#rooms = rooms
  }

  /** These are there: whoever is new among them is followed. */
  see(replicas: readonly Seen[]): void {
    for (const { id, endpointId } of replicas) {
      if (this.#following.has(id) || this.#done.has(id) || this.#closing.signal.aborted) continue
      const following = this.#follow(id, endpointId).finally(() => this.#following.delete(id))
      this.#following.set(id, following)
      this.#newcomer.ring()
    }
  }

  /** Looks for replicas that nobody showed, until `signal` aborts. Those that are followed then still are. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, driver, log } = this.#rooms
    while (!signal.aborted) {
      let isOver = false
      try {
        const there = await driver.list()
        const ids = new Set(there.map(({ id }) => id))
        for (const id of this.#done) if (!ids.has(id)) this.#done.delete(id)
        this.see(there)
        isOver = there.length === 0 && this.#following.size === 0
      } catch (error) {
        log.warn('replicas could not be listed for their output', { error: messageOf(error) })
      }
      await (isOver ? this.#newcomer.heard(signal) : clock.sleep(LOOK_EVERY_MS, signal).catch(() => {}))
    }
  }

  /** Waits a moment for those that are ending, writes what was read, and lets go of the others. */
  async close(): Promise<void> {
    const enough = new AbortController()
    const waited = this.#rooms.clock.sleep(LAST_WORDS_MS, enough.signal).catch(() => {})
    await Promise.race([Promise.all(this.#following.values()), waited])
    enough.abort()
    this.#closing.abort()
    await Promise.all(this.#following.values())
  }

  async #follow(id: ReplicaId, endpointId: EndpointId): Promise<void> {
    const { driver, archive, log } = this.#rooms
    try {
      const kept = archive.replica(endpointId, id)
      if (!kept) return
      const { place, at, number } = await kept.end()
      const writer = new Writer(this.#rooms, kept, endpointId, { at, number })
      const { signal } = this.#closing
      try {
        for await (const line of driver.output(id, {
          ...(place !== undefined && { after: place }),
          signal,
        })) {
          await writer.add(line)
        }
      } finally {
        await writer.end()
      }
      if (signal.aborted || archive.isForgotten(endpointId)) return
      await kept.finish()
      this.#done.add(id)
    } catch (error) {
      // Followed again at the next look, from where it was read to.
      log.warn('the output of a replica could not be kept', { replica: id, error: messageOf(error) })
    }
  }
}

/** Gathers lines and writes them together. */
class Writer {
  readonly #rooms: KeeperRooms
  readonly #archive: ReplicaArchive
  readonly #endpointId: EndpointId
  readonly #ended = new AbortController()
  #last: { readonly at: number; readonly number: number }
  #lines: KeptLine[] = []
  #characters = 0
  #place = ''
  #writing: Promise<void> | undefined
  #failure: unknown

  constructor(
    rooms: KeeperRooms,
    archive: ReplicaArchive,
    endpointId: EndpointId,
    last: { readonly at: number; readonly number: number },
  ) {
    this.#rooms = rooms
    this.#archive = archive
    this.#endpointId = endpointId
    this.#last = last
  }

  /** Waits only when there is too much to write. */
  async add({ text, stream, at, place }: OutputLine): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    const clean = cleanText(text)
    this.#last = { at: Math.max(at, this.#last.at), number: this.#last.number + 1 }
    this.#lines.push({ ...this.#last, stream, level: levelOf(clean), text: clean })
    this.#characters += clean.length
    this.#place = place
    this.#writing ??= this.#writeSoon()
    if (this.#lines.length >= LINES_PER_WRITE || this.#characters >= CHARACTERS_PER_WRITE) await this.#write()
  }

  async end(): Promise<void> {
    this.#ended.abort()
    await this.#writing
    await this.#write()
  }

  async #writeSoon(): Promise<void> {
    await this.#rooms.clock.sleep(WRITE_EVERY_MS, this.#ended.signal).catch(() => {})
    this.#writing = undefined
    await this.#write().catch((error) => {
      this.#failure = error
    })
  }

  async #write(): Promise<void> {
    const lines = this.#lines
    if (lines.length === 0) return
    this.#lines = []
    this.#characters = 0
    // Nothing of an endpoint that was deleted meanwhile.
    if (this.#rooms.archive.isForgotten(this.#endpointId)) return
    await this.#archive.append({ lines, place: this.#place })
    this.#rooms.archive.announce(this.#endpointId)
  }
}
