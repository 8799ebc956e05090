/**
 * Download progress of one artifact: how far, how fast, how long still.
 *
 * The rate is smoothed over time, not over calls, and counts only what came over the network: content that was
 * already here makes the bar jump and leaves the rate alone.
 */
import type { DownloadProgress } from './model-store.ts'

/** What the rate remembers: after so long, two thirds of it are new. */
const SMOOTHING_MS = 4_000

/** Bytes of one blob: in place so far, and received by this process (never fewer than before). */
export type Transfer = { bytes: number; received: number }

export class ProgressMeter {
  readonly #bytesTotal: number
  #at: number
  #received = 0
  #rate: number | undefined

  constructor(bytesTotal: number, now: number) {
    this.#bytesTotal = bytesTotal
    this.#at = now
  }

  read(bytesDone: number, received: number, now: number): DownloadProgress {
    const elapsedMs = now - this.#at
    if (elapsedMs > 0 && (this.#rate !== undefined || received > this.#received)) {
      const latest = (Math.max(0, received - this.#received) * 1000) / elapsedMs
      const weight = 1 - Math.exp(-elapsedMs / SMOOTHING_MS)
      this.#rate = this.#rate === undefined ? latest : this.#rate + (latest - this.#rate) * weight
      this.#received = received
    }
    if (elapsedMs > 0) this.#at = now

    const bytesPerSecond = Math.round(this.#rate ?? 0)
    const left = this.#bytesTotal - bytesDone
    const etaMs = left === 0 ? 0 : bytesPerSecond > 0 ? Math.round((left / bytesPerSecond) * 1000) : undefined
    return { bytesDone, bytesTotal: this.#bytesTotal, bytesPerSecond, etaMs }
  }
}
