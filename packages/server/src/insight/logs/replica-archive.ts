/**
 * The kept lines of one replica: an open file that is added to, and segments that are over and compressed.
 *
 *     open.ndjson                                      lines, and after each batch how far the output was read
 *     <first time>-<last time>-<last number>.ndjson.zst
 *
 * Lines and the place up to which they were read are written in one go, so that after a kill the next process goes on
 * behind the last line that is here: none is lost while the runtime has it, and none is here twice.
 */
import { appendFile, mkdir, readdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import type { KeptLine } from './kept-line.ts'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

export const SEGMENT_BYTES = 2 ** 20
/** Kept in memory for those who follow, so that they read no file for each new line. */
const RECENT_LINES = 2_000
const RECENT_CHARACTERS = 512 * 1024

const OPEN = 'open.ndjson'
const SEGMENT = /^(\d{1,15})-(\d{1,15})-(\d{1,15})\.ndjson\.zst$/

/** Lines that lie together: in a file, or read from the open one when it was looked for, since it moves on. */
export type Segment = {
  readonly firstAt: number
  readonly lastAt: number
  readonly lastNumber: number
} & ({ readonly file: string; readonly bytes: number } | { readonly lines: readonly KeptLine[] })

type Batch = { readonly lines: readonly KeptLine[]; readonly place: string }

/** As they lie in the file: a line, or how far the output was read. */
type Written =
  | readonly [number, number, KeptLine['stream'], KeptLine['level'], string]
  | { readonly read: string }

export class ReplicaArchive {
  readonly #directory: string
  readonly #segmentBytes: number
  /** The newest lines, the oldest of them first. */
  #recent: KeptLine[] = []
  #recentCharacters = 0
  #open = { firstAt: 0, bytes: 0 }
  #last = { at: 0, number: 0 }
  #place: string | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #restored: Promise<void> | undefined

  constructor(directory: string, segmentBytes = SEGMENT_BYTES) {
    this.#directory = directory
    this.#segmentBytes = segmentBytes
  }

  /** The last line that was kept, and up to where the output was read. */
  async end(): Promise<{ readonly at: number; readonly number: number; readonly place: string | undefined }> {
    await this.#restore()
    return { ...this.#last, place: this.#place }
  }

  append(batch: Batch): Promise<void> {
    return this.#inTurn(async () => {
      await this.#restore()
      const text = [...batch.lines.map(written), { read: batch.place }]
        .map((one) => `${JSON.stringify(one)}\n`)
        .join('')
      if (this.#open.bytes === 0) await mkdir(this.#directory, { recursive: true, mode: 0o700 })
      await appendFile(this.#file(OPEN), text, { mode: 0o600 })
      this.#remember(batch, Buffer.byteLength(text))
      if (this.#open.bytes >= this.#segmentBytes) await this.#close()
    })
  }

  /** The replica has ended: nothing more comes. */
  finish(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#restore()
      await this.#close()
      this.#recent = []
      this.#recentCharacters = 0
    })
  }

  /** Lines after that number if they are in memory still; `undefined` if a file must be read. */
  recentAfter(number: number): readonly KeptLine[] | undefined {
    const first = this.#recent[0]?.number ?? this.#last.number + 1
    return number >= first - 1 ? this.#recent.filter((line) => line.number > number) : undefined
  }

  /** The oldest first. */
  segments(): Promise<readonly Segment[]> {
    return this.#inTurn(async () => {
      await this.#restore()
      const closed = await this.closed()
      if (this.#open.bytes === 0) return closed
      const lines = linesIn(await readFile(this.#file(OPEN), 'utf8'))
      const { at: lastAt, number: lastNumber } = this.#last
      return [...closed, { firstAt: this.#open.firstAt, lastAt, lastNumber, lines }]
    })
  }

  /** Those that are over and compressed. */
  async closed(): Promise<readonly Extract<Segment, { file: string }>[]> {
    const names = await readdir(this.#directory).catch(() => [])
    const found = await Promise.all(
      names.flatMap((name) => {
        const [, firstAt, lastAt, lastNumber] = SEGMENT.exec(name) ?? []
        if (lastNumber === undefined) return []
        const file = this.#file(name)
        const times = { firstAt: Number(firstAt), lastAt: Number(lastAt), lastNumber: Number(lastNumber) }
        return [stat(file).then(({ size: bytes }) => ({ file, bytes, ...times }))]
      }),
    )
    return found.toSorted((a, b) => a.lastNumber - b.lastNumber)
  }

  #remember({ lines, place }: Batch, bytes: number): void {
    const [first] = lines
    if (this.#open.bytes === 0 && first) this.#open.firstAt = first.at
    this.#open.bytes += bytes
    this.#place = place
    const last = lines.at(-1)
    if (last) this.#last = { at: last.at, number: last.number }
    this.#recent.push(...lines)
    this.#recentCharacters += lines.reduce((sum, { text }) => sum + text.length, 0)
    let drop = Math.max(0, this.#recent.length - RECENT_LINES)
    for (let i = 0; i < drop; i++) this.#recentCharacters -= this.#recent[i]!.text.length
    while (this.#recentCharacters > RECENT_CHARACTERS && drop < this.#recent.length - 1) {
      this.#recentCharacters -= this.#recent[drop++]!.text.length
    }
    if (drop > 0) this.#recent = this.#recent.slice(drop)
  }

  async #close(): Promise<void> {
    if (this.#open.bytes === 0) return
    const file = this.#file(OPEN)
    const text = await readFile(file, 'utf8')
    const lines = linesIn(text)
    const [first] = lines
    const last = lines.at(-1)
    const place = `${JSON.stringify({ read: this.#place } satisfies Written | { read: undefined })}\n`
    if (first && last) {
      const target = this.#file(`${first.at}-${last.at}-${last.number}.ndjson.zst`)
      const packed = await compress(lines.map((line) => `${JSON.stringify(written(line))}\n`).join(''))
      await writeFile(`${target}.new`, packed, { mode: 0o600 })
      await rename(`${target}.new`, target)
    }
    // A kill before this leaves the same lines in both: the number in the segment's name tells.
    await writeFile(`${file}.new`, place, { mode: 0o600 })
    await rename(`${file}.new`, file)
    this.#open = { firstAt: 0, bytes: 0 }
  }

  #restore(): Promise<void> {
    this.#restored ??= this.#restoreOnce()
    return this.#restored
  }

  async #restoreOnce(): Promise<void> {
    const names = await readdir(this.#directory).catch(() => [])
    for (const name of names) {
      const [, , lastAt, number] = SEGMENT.exec(name) ?? []
      if (Number(number) > this.#last.number) this.#last = { at: Number(lastAt), number: Number(number) }
    }
    const file = this.#file(OPEN)
    const bytes = await readFile(file).catch(() => undefined)
    if (!bytes) return
    const { lines, place, wholeBytes } = wholeBatches(bytes)
    if (wholeBytes < bytes.length) await truncate(file, wholeBytes)
    const closed = this.#last.number
    const fresh = lines.filter(({ number }) => number > closed)
    this.#place = place
    if (fresh.length < lines.length || fresh.length === 0) {
      const text = [...fresh.map(written), { read: place }].map((one) => `${JSON.stringify(one)}\n`).join('')
      await writeFile(file, text, { mode: 0o600 })
    }
    if (fresh.length > 0) this.#remember({ lines: fresh, place: place ?? '' }, (await stat(file)).size)
  }

  #file(name: string): string {
    return path.join(this.#directory, name)
  }

  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(act)
    this.#turn = result.catch(() => {})
    return result
  }
}

/** @param mayHold says of a whole file whether it can hold what is looked for. */
export async function linesOf(
  segment: Segment,
  mayHold: (text: string) => boolean,
): Promise<readonly KeptLine[]> {
  if ('lines' in segment) return segment.lines
  // Removed meanwhile, because it became too old.
  const bytes = await readFile(segment.file).catch(() => undefined)
  if (!bytes) return []
  const text = (await decompress(bytes)).toString()
  return mayHold(text) ? linesIn(text) : []
}

const written = ({ at, number, stream, level, text }: KeptLine): Written => [at, number, stream, level, text]

/** A disk that was full may have left half of a line, and the whole of it after that. */
function linesIn(text: string): KeptLine[] {
  const lines: KeptLine[] = []
  for (const row of text.split('\n')) {
    const line = row.startsWith('[') ? parsed(row) : undefined
    if (line && line.number > (lines.at(-1)?.number ?? 0)) lines.push(line)
  }
  return lines
}

function parsed(row: string): KeptLine | undefined {
  try {
    const [at, number, stream, level, text] = JSON.parse(row) as Exclude<Written, { read: string }>
    return { at, number, stream, level, text }
  } catch {
    return undefined
  }
}

/** What a kill left whole: everything up to the last note of how far the output was read. */
function wholeBatches(bytes: Buffer): { lines: KeptLine[]; place: string | undefined; wholeBytes: number } {
  let wholeBytes = 0
  let place: string | undefined
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0x0a, start)
    if (end < 0) break
    if (bytes[start] === 0x7b) {
      place = (JSON.parse(bytes.toString('utf8', start, end)) as { read?: string }).read
      wholeBytes = end + 1
    }
    start = end + 1
  }
  return { lines: linesIn(bytes.toString('utf8', 0, wholeBytes)), place, wholeBytes }
}
