/** Who uses what: held snapshots and blobs stay out of eviction's reach until each of their holders let go. */
import type { Held } from './eviction.ts'

export class Holds implements Held {
  readonly #counts = new Map<string, number>()

  /** @returns the release; calling it again does nothing. */
  take(directory: string, blobIds: readonly string[]): () => void {
    const names = [directory, ...blobIds]
    for (const name of names) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)

    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      for (const name of names) this.#drop(name)
    }
  }

  snapshot(directory: string): boolean {
    return this.#counts.has(directory)
  }

  blob(id: string): boolean {
    return this.#counts.has(id)
  }

  #drop(name: string): void {
    const left = (this.#counts.get(name) ?? 0) - 1
    if (left > 0) this.#counts.set(name, left)
    else this.#counts.delete(name)
  }
}
