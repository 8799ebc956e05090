/**
 * How fast a line gets shorter, measured, so that who is refused can be told when it is worth another try.
 */

/** What happened so long ago counts half. */
const HALF_LIFE_MS = 30_000
/** Fewer turns than these say nothing about how fast they come. */
const LEAST_TURNS = 3
const SHORTEST_MS = 1_000
const LONGEST_MS = 10 * 60_000

export class DrainRate {
  #turns = 0
  #spanMs = 0
  #at: number

  constructor(now: number) {
    this.#at = now
  }

  /** Somebody's turn came. */
  served(now: number): void {
    this.#pass(now)
    this.#turns++
  }

  /** Until so many more have had their turn, within bounds; undefined while too little is known. */
  msFor(turns: number, now: number): number | undefined {
    this.#pass(now)
    if (this.#turns < LEAST_TURNS) return undefined
    return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, Math.round((turns * this.#spanMs) / this.#turns)))
  }

  #pass(now: number): void {
    const passedMs = Math.max(0, now - this.#at)
    const kept = 2 ** (-passedMs / HALF_LIFE_MS)
    this.#turns *= kept
    this.#spanMs = this.#spanMs * kept + passedMs
    this.#at = Math.max(now, this.#at)
  }
}
