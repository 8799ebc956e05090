/**
 * The output of containers, as lines: asked of the daemon while there is a container, read from a file of our own
 * once it was removed.
 *
 * A stream may end because the container did, or because the daemon or the connection did. Then it is asked again
 * from the last frame that was read, so that a follower neither misses nor repeats a line.
 */
import type Docker from 'dockerode'
import { messageOf } from '../../domain/errors.ts'
import type { ReplicaId } from '../../domain/replica.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { LogOptions, OutputLine, OutputOptions } from '../driver.ts'
import { LineSplitter } from '../process/line-splitter.ts'
import { ReplicaLogs } from '../process/replica-logs.ts'
import { type DaemonKind, inspectIfThere, isGone, openStream } from './daemon.ts'
import { FrameReader, type LogFrame, LogPosition } from './log-frames.ts'

const REATTACH_PAUSE_MS = 250
const BLOCK_CHARS = 256 * 1024
/** Docker cuts longer lines into pieces of exactly this size. */
const DOCKER_PIECE_BYTES = 16 * 1024
const LINE_FEED = Buffer.from('\n')
const never = new AbortController().signal

type Parts = {
  readonly docker: Docker
  readonly kind: DaemonKind
  readonly logDirectory: string
  readonly clock: Clock
  readonly log: Log
}

export class ContainerLogs {
  readonly #parts: Parts
  /** Of replicas whose containers are gone. */
  readonly #kept: ReplicaLogs

  constructor(parts: Parts) {
    this.#parts = parts
    this.#kept = new ReplicaLogs(parts.logDirectory, parts.clock)
  }

  /** @param containerId of the replica's container, while there is one. */
  async *lines(id: ReplicaId, containerId: string | undefined, options: LogOptions): AsyncIterable<string> {
    if (containerId) {
      for await (const { text } of this.#live(containerId, options, new LogPosition())) {
        if (options.signal.aborted) return
        yield text
      }
      return
    }
    for await (const line of this.#kept.lines(id, options, () => false)) yield keptLine(line).text
  }

  /** Every line with its place, from the one after `after` on: of the container, and of the copy once it is gone. */
  async *output(
    id: ReplicaId,
    containerId: string | undefined,
    { after, signal }: OutputOptions,
  ): AsyncIterable<OutputLine> {
    const position = LogPosition.at(after)
    if (containerId) yield* this.#live(containerId, { follow: true, signal }, position)
    for await (const line of this.#kept.lines(id, { follow: false, signal }, () => false)) {
      const kept = keptLine(line)
      if (signal.aborted) return
      if (!position.isAfter(kept.timestamp)) yield { ...kept, place: `${kept.timestamp}#1` }
    }
  }

  /** Copies the log to where it stays when the container is removed. Doing so again replaces the copy. */
  async keep(id: ReplicaId, containerId: string): Promise<void> {
    const file = await this.#kept.open(id)
    try {
      await file.truncate(0)
      const lines = this.#live(containerId, { follow: false, signal: never }, new LogPosition())
      await file.writeFile(inBlocks(lines))
    } finally {
      await file.close()
    }
  }

  /** Removes logs that are too old or too many. */
  async prune(isKnown: (id: string) => boolean): Promise<void> {
    await this.#kept.prune(isKnown)
  }

  async *#live(
    containerId: string,
    options: LogOptions,
    position: LogPosition,
  ): AsyncIterable<OutputLine & { readonly timestamp: string }> {
    if (options.tail === 0 && !options.follow) return
    let timestamp = ''
    const line = (stream: LogFrame['output']) => (text: string) => ({
      ...{ text, stream, timestamp },
      ...{ at: Date.parse(timestamp) || this.#parts.clock.now(), place: position.place },
    })
    const splitters = { stdout: new LineSplitter(), stderr: new LineSplitter() }
    for (;;) {
      let mayGrow = options.follow
      try {
        // Asked before reading, so that what a container writes before its end is read after it.
        mayGrow &&= await this.#isRunning(containerId)
        for await (const frame of this.#frames(containerId, { ...options, follow: mayGrow }, position)) {
          const { output, text } = frame
          timestamp = frame.timestamp
          yield* splitters[output].push(text).map(line(output))
          if (this.#lacksLineFeed(text)) yield* splitters[output].push(LINE_FEED).map(line(output))
        }
      } catch (error) {
        if (options.signal.aborted || isGone(error)) break
        if (!mayGrow) throw error
        this.#parts.log.debug('a log stream broke off', { container: containerId, error: messageOf(error) })
      }
      if (!mayGrow || options.signal.aborted) break
      await this.#parts.clock.sleep(REATTACH_PAUSE_MS, options.signal).catch(() => {})
    }
    yield* splitters.stdout.flush().map(line('stdout'))
    yield* splitters.stderr.flush().map(line('stderr'))
  }

  /** New frames from the position on. Pieces of long lines count as lines of their own for `tail`. */
  async *#frames(
    containerId: string,
    { tail, follow, signal }: LogOptions,
    position: LogPosition,
  ): AsyncIterable<LogFrame> {
    const since = position.resume()
    const stream = await openStream(this.#parts.docker, {
      method: 'GET',
      path: `/containers/${containerId}/logs`,
      query: {
        stdout: 'true',
        stderr: 'true',
        timestamps: 'true',
        follow: String(follow),
        since,
        tail: since === undefined && tail !== undefined ? String(tail) : undefined,
      },
      signal,
    })
    const reader = new FrameReader()
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      for (const frame of reader.push(chunk)) if (position.take(frame)) yield frame
    }
  }

  /** Docker 20.10 forgets the line feed after the last piece of a long line. */
  #lacksLineFeed(text: Buffer): boolean {
    return this.#parts.kind === 'docker' && text.length < DOCKER_PIECE_BYTES && text.at(-1) !== LINE_FEED[0]
  }

  async #isRunning(containerId: string): Promise<boolean> {
    return (await inspectIfThere(this.#parts.docker, containerId))?.State.Running ?? false
  }
}

/** A line of the copy: when it was written, where to, and what. */
const KEPT_LINE = /^(\S+) (stdout|stderr) (.*)$/s

function keptLine(line: string): Omit<OutputLine, 'place'> & { readonly timestamp: string } {
  const [, timestamp = '', stream = 'stdout', text = line] = KEPT_LINE.exec(line) ?? []
  return { timestamp, stream: stream as LogFrame['output'], text, at: Date.parse(timestamp) || 0 }
}

/** Many lines are written at once: each write is a trip to the disk. */
async function* inBlocks(
  lines: AsyncIterable<{ readonly timestamp: string; readonly stream: string; readonly text: string }>,
): AsyncIterable<string> {
  let block = ''
  for await (const { timestamp, stream, text } of lines) {
    block += `${timestamp} ${stream} ${text}\n`
    if (block.length < BLOCK_CHARS) continue
    yield block
    block = ''
  }
  yield block
}
