import type { Clock } from '../platform/clock.ts'

type Sleeper = { readonly wakesAt: number; readonly wake: () => void }

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #elapsed = 0
  /** What it was when nothing had elapsed, as far as anybody can tell from what it says now. */
  #startsAt: number
  #sleepers: Sleeper[] = []

  constructor(startsAt = 0) {
    this.#startsAt = startsAt
  }

  now(): number {
    return this.#startsAt + this.#elapsed
  }

  elapsed(): number {
    return this.#elapsed
  }

  /** How many sleep: whoever writes a file first does not sleep yet, and time that is moved then moves without them. */
  get sleeping(): number {
    return this.#sleepers.length
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const sleeper = { wakesAt: this.#elapsed + ms, wake: resolve }
      this.#sleepers.push(sleeper)
      signal?.addEventListener(
        'abort',
        () => {
          this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
          reject(signal.reason)
        },
        { once: true },
      )
    })
  }

  /**
   * Somebody sets the clock, or the machine was suspended: the time is another, and nobody slept longer or shorter for
   * it.
   */
  jump(ms: number): void {
    this.#startsAt += ms
  }

  /** Moves time on, waking each sleeper at its own moment and letting all that follows run. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms
    for (;;) {
      await everythingPending()
      const next = this.#sleepers
        .filter((sleeper) => sleeper.wakesAt <= end)
        .toSorted((a, b) => a.wakesAt - b.wakesAt)[0]
      if (!next) break
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next)
      this.#elapsed = next.wakesAt
      next.wake()
    }
    this.#elapsed = end
  }
}

const everythingPending = () => new Promise((resolve) => setImmediate(resolve))
