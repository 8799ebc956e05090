/**
 * So much a minute: a bucket that fills at an even rate and is taken from.
 *
 * What is taken may be known only afterwards, as the tokens of an answer are, so the bucket can go into debt and is
 * then empty until the debt is paid: over any time the average holds, whatever a single request cost. Two numbers;
 * time is an argument. The level counts parts of a unit so small that a millisecond adds `perMinute` of them:
 * every sum is exact, and who comes back when told to is not refused for a rounding error.
 */

const MINUTE_MS = 60_000
const PARTS = MINUTE_MS

export class RateBucket {
  #perMinute: number
  #levelParts: number
  #at: number

  /** @param perMinute a whole number. */
  constructor(perMinute: number, now: number) {
    this.#perMinute = perMinute
    this.#levelParts = perMinute * PARTS
    this.#at = now
  }

  get perMinute(): number {
    return this.#perMinute
  }

  /** Whole units that can be taken now; none while in debt. */
  remaining(now: number): number {
    this.#fill(now)
    return Math.max(0, Math.floor(this.#levelParts / PARTS))
  }

  /** Takes whole units, there or not. */
  take(amount: number, now: number): void {
    this.#fill(now)
    this.#levelParts -= amount * PARTS
  }

  /** Until one unit can be taken; 0 for now, infinite for never. */
  msUntilOne(now: number): number {
    return this.#msUntil(1, now)
  }

  msUntilFull(now: number): number {
    return this.#msUntil(this.#perMinute, now)
  }

  /** What was used stays used. */
  changeTo(perMinute: number, now: number): void {
    this.#fill(now)
    this.#levelParts += (perMinute - this.#perMinute) * PARTS
    this.#perMinute = perMinute
  }

  #msUntil(units: number, now: number): number {
    this.#fill(now)
    const missingParts = units * PARTS - this.#levelParts
    if (missingParts <= 0) return 0
    return this.#perMinute < units ? Number.POSITIVE_INFINITY : Math.ceil(missingParts / this.#perMinute)
  }

  /** A clock that was set back fills nothing. */
  #fill(now: number): void {
    if (now === this.#at) return
    const passedMs = Math.max(0, now - this.#at)
    this.#at = now
    this.#levelParts = Math.min(this.#perMinute * PARTS, this.#levelParts + passedMs * this.#perMinute)
  }
}
