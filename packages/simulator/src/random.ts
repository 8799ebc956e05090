/** Random numbers that are the same in every run (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.next()
  }

  /** Exponentially distributed: the gap between two arrivals of a Poisson process. */
  gap(mean: number): number {
    return -mean * Math.log(1 - this.next())
  }

  /** Log-normal with this median; a spread of 1 puts 95 % within a factor of seven. */
  around(median: number, spread: number): number {
    return median * Math.exp(spread * this.#normal())
  }

  /** Gamma distributed with mean 1: gaps that vary by `variation` times their mean (Marsaglia and Tsang). */
  unevenGap(variation: number): number {
    const shape = 1 / variation ** 2
    // Below a shape of 1, one of a shape more is shrunk.
    const shrunk = shape < 1 ? (1 - this.next()) ** (1 / shape) : 1
    const d = (shape < 1 ? shape + 1 : shape) - 1 / 3
    for (;;) {
      const normal = this.#normal()
      const cube = (1 + normal / Math.sqrt(9 * d)) ** 3
      const isTaken =
        cube > 0 && Math.log(1 - this.next()) < normal ** 2 / 2 + d * (1 - cube + Math.log(cube))
      if (isTaken) return (shrunk * d * cube) / shape
    }
  }

  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
  }
}
