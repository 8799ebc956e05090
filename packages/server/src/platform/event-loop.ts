/** How late this process is: what waits for its turn waits at least so long. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Summary } from './prometheus.ts'

const QUANTILES = [0.5, 0.9, 0.99] as const
const RESOLUTION_MS = 100
const NANOSECONDS = 1e9

export class EventLoopLag {
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

  constructor() {
    this.#delays.enable()
  }

  /** Since the last time that it was asked, in seconds. */
  take(): Summary {
    // The timer that measures is itself as late as its resolution.
    const seconds = (nanoseconds: number) => Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1_000)
    const { count } = this.#delays
    const quantiles = QUANTILES.map(
      (q) => [q, count > 0 ? seconds(this.#delays.percentile(100 * q)) : 0] as const,
    )
    const sum = count > 0 ? seconds(this.#delays.mean) * count : 0
    this.#delays.reset()
    return { quantiles, sum, count }
  }

  close(): void {
    this.#delays.disable()
  }
}
