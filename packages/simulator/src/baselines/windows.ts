/** What the baselines share: means over the last while, of values sampled at any interval. */
export class SlidingMean {
  readonly #windowMs: number
  readonly #at: number[] = []
  readonly #values: number[] = []
  #sum = 0
  #first = 0

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  add(value: number, now: number): void {
    this.#at.push(now)
    this.#values.push(value)
    this.#sum += value
    while (this.#at[this.#first]! <= now - this.#windowMs) this.#sum -= this.#values[this.#first++]!
    if (this.#first > 1_024) {
      this.#at.splice(0, this.#first)
      this.#values.splice(0, this.#first)
      this.#first = 0
    }
  }

  get mean(): number {
    const count = this.#at.length - this.#first
    return count > 0 ? this.#sum / count : 0
  }
}
