/**
 * How late this process is: what waits for its turn waits at least so long.
 *
 * It is measured from the first time that somebody asks, and until nobody has asked for a while: a timer that fires ten
 * times a second is most of what an idle process would do.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Clock } from './clock.ts'
import type { Summary } from './prometheus.ts'

const QUANTILES = [0.5, 0.9, 0.99] as const
const RESOLUTION_MS = 100
const NANOSECONDS = 1e9
/** Longer than the slowest scrape. */
export const UNASKED_MS = 5 * 60_000

export class EventLoopLag {
  readonly #clock: Clock
  readonly #resolutionMs: number
  readonly #delays: ReturnType<typeof monitorEventLoopDelay>
  #asked = new AbortController()

  constructor(clock: Clock, resolutionMs = RESOLUTION_MS) {
    this.#clock = clock
    this.#resolutionMs = resolutionMs
    this.#delays = monitorEventLoopDelay({ resolution: resolutionMs })
  }

  /** Since the last time that it was asked, in seconds; nothing was counted when it is asked for the first time. */
  take(): Summary {
    // The timer that measures is itself as late as its resolution.
    const seconds = (nanoseconds: number) =>
      Math.max(0, nanoseconds / NANOSECONDS - this.#resolutionMs / 1_000)
    const { count } = this.#delays
    const quantiles = QUANTILES.map(
      (q) => [q, count > 0 ? seconds(this.#delays.percentile(100 * q)) : 0] as const,
    )
    const sum = count > 0 ? seconds(this.#delays.mean) * count : 0
    this.#delays.reset()
    this.#measure()
    return { quantiles, sum, count }
  }

  close(): void {
    this.#asked.abort()
    this.#delays.disable()
  }

  #measure(): void {
    this.#asked.abort()
    this.#asked = new AbortController()
    this.#delays.enable()
    this.#clock.sleep(UNASKED_MS, this.#asked.signal).then(
      () => this.close(),
      () => {},
    )
  }
}
