/**
 * The files of one endpoint's intervals: one for each stretch of time of each level, only ever added to.
 *
 *     1m-1800000000.frames       being written
 *     1m-1799913600.frames.zst   over, and compressed
 *
 * Nothing is forced to the disk: a kill loses nothing that was written, and a power cut loses the last seconds, which
 * the frames' own sums find. A file that a kill cut off is cut back to its last whole frame before it is added to.
 */
import { appendFile, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import type { Clock } from '../../platform/clock.ts'
import { type Intervals, readFrame, type Wanted, wholeFrameAt } from './frame.ts'
import { floorTo, LEVELS, type Level } from './level.ts'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

const NAME = /^(10s|1m|1h)-(\d{1,12})\.frames(\.zst)?$/
/** After so many frames others get a turn: a long range never holds the process up. */
const FRAMES_PER_TURN = 100

export type SeriesFile = {
  readonly file: string
  readonly level: Level
  readonly beginsAt: number
  readonly compressed: boolean
  readonly bytes: number
}

export class SeriesFiles {
  readonly #directory: string
  /** Files whose end was looked at since this process began. */
  readonly #checked = new Set<string>()

  constructor(directory: string) {
    this.#directory = directory
  }

  async append(level: Level, beginsAt: number, frames: Buffer): Promise<void> {
    const file = this.#file(level, floorTo(beginsAt, level.fileMs))
    if (!this.#checked.has(file)) {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 })
      await cutToWholeFrames(file)
      this.#checked.add(file)
    }
    await appendFile(file, frames, { mode: 0o600 })
  }

  /** Adds what is wanted to what `into` gives for its time. */
  async read(level: Level, wanted: Wanted, into: (beginsAt: number) => Intervals): Promise<void> {
    for (const { file, beginsAt, compressed, level: its } of await this.list()) {
      if (its !== level || beginsAt >= wanted.to || beginsAt + level.fileMs <= wanted.from) continue
      const bytes = await readWhole(file, compressed)
      let frames = 0
      for (let at: number | undefined = 0; at !== undefined; ) {
        at = readFrame(bytes, at, wanted, into)
        if (++frames % FRAMES_PER_TURN === 0) await new Promise(setImmediate)
      }
    }
  }

  /** The oldest first. */
  async list(): Promise<readonly SeriesFile[]> {
    const names = await readdir(this.#directory).catch(() => [])
    const found = await Promise.all(
      names.map(async (name): Promise<SeriesFile | undefined> => {
        const [, levelName, seconds, zst] = NAME.exec(name) ?? []
        const level = LEVELS.find((one) => one.name === levelName)
        if (!level) return undefined
        const file = path.join(this.#directory, name)
        const bytes = await stat(file).then(
          ({ size }) => size,
          () => 0,
        )
        return { file, level, beginsAt: Number(seconds) * 1_000, compressed: zst !== undefined, bytes }
      }),
    )
    return found.filter((file) => file !== undefined).toSorted((a, b) => a.beginsAt - b.beginsAt)
  }

  /** Compresses what is over, and removes what is too old. */
  async tidy(clock: Clock): Promise<void> {
    for (const { file, level, beginsAt, compressed } of await this.list()) {
      const endedAt = beginsAt + level.fileMs
      if (endedAt < clock.now() - level.keptMs) await this.remove(file)
      // What comes late comes within a few intervals; what comes later still is added, and compressed with the rest.
      else if (!compressed && endedAt < clock.now() - 10 * level.widthMs) await this.#compress(file)
    }
  }

  async remove(file: string): Promise<void> {
    this.#checked.delete(file)
    await rm(file, { force: true })
  }

  async removeAll(): Promise<void> {
    this.#checked.clear()
    await rm(this.#directory, { recursive: true, force: true })
  }

  #file(level: Level, beginsAt: number): string {
    return path.join(this.#directory, `${level.name}-${beginsAt / 1_000}.frames`)
  }

  async #compress(file: string): Promise<void> {
    const target = `${file}.zst`
    const earlier = await readWhole(target, true)
    const packed = await compress(Buffer.concat([earlier, await readFile(file)]))
    await writeFile(`${target}.new`, packed, { mode: 0o600 })
    await rename(`${target}.new`, target)
    await this.remove(file)
  }
}

async function readWhole(file: string, compressed: boolean): Promise<Buffer> {
  const bytes = await readFile(file).catch(nothingThere)
  return compressed && bytes.length > 0 ? decompress(bytes) : bytes
}

async function cutToWholeFrames(file: string): Promise<void> {
  const bytes = await readFile(file).catch(nothingThere)
  let whole = 0
  for (let end = wholeFrameAt(bytes, 0); end !== undefined; end = wholeFrameAt(bytes, end)) whole = end
  if (whole < bytes.length) await truncate(file, whole)
}

function nothingThere(error: NodeJS.ErrnoException): Buffer<ArrayBuffer> {
  if (error.code !== 'ENOENT') throw error
  return Buffer.alloc(0)
}
