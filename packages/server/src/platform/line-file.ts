/**
 * A file that lines are added to and nobody waits for: written in batches, begun anew when it has grown large.
 *
 * Several processes may add to one file. Who finds it too large sets it aside as `.1`, and the others follow to the
 * new one. When the disk cannot keep up, lines are left out and counted, and the first line after says how many.
 */
import { type FileHandle, mkdir, open, rename, stat } from 'node:fs/promises'
import path from 'node:path'

const LINE_FILE_BYTES = 64 * 2 ** 20
const PENDING_CHARACTERS = 2 ** 20
/** How many batches pass between two looks at the file. */
const LOOK_EVERY_BATCHES = 64

export class LineFile {
  readonly #file: string
  readonly #limitBytes: number
  #pending: string[] = []
  #pendingCharacters = 0
  #leftOut = 0
  #writing: Promise<void> | undefined
  #handle: FileHandle | undefined
  #batches = 0

  constructor(file: string, limitBytes = LINE_FILE_BYTES) {
    this.#file = file
    this.#limitBytes = limitBytes
  }

  add(line: string): void {
    if (this.#pendingCharacters + line.length > PENDING_CHARACTERS) {
      this.#leftOut++
      return
    }
    this.#pending.push(line)
    this.#pendingCharacters += line.length
    this.#writing ??= this.#write()
  }

  /** Resolves when everything added so far is written. */
  async close(): Promise<void> {
    await this.#writing
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #write(): Promise<void> {
    // What is added in the same turn goes with it.
    await Promise.resolve()
    while (this.#pending.length > 0) {
      const lines = this.#pending
      if (this.#leftOut > 0) lines.push(JSON.stringify({ leftOut: this.#leftOut }))
      this.#leftOut = 0
      this.#pending = []
      this.#pendingCharacters = 0
      try {
        const handle = await this.#open()
        await handle.appendFile(`${lines.join('\n')}\n`)
      } catch {
        this.#leftOut += lines.length
        await this.#handle?.close().catch(() => {})
        this.#handle = undefined
      }
    }
    this.#writing = undefined
  }

  async #open(): Promise<FileHandle> {
    if (this.#handle && this.#batches++ % LOOK_EVERY_BATCHES !== 0) return this.#handle
    const there = await stat(this.#file).catch(() => undefined)
    if (there && there.size > this.#limitBytes) await rename(this.#file, `${this.#file}.1`)
    else if (this.#handle && there?.ino === (await this.#handle.stat()).ino) return this.#handle
    await this.#handle?.close()
    await mkdir(path.dirname(this.#file), { recursive: true, mode: 0o700 })
    this.#handle = await open(this.#file, 'a', 0o600)
    return this.#handle
  }
}
