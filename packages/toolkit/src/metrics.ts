/** What is counted, under the names that text-embeddings-inference (`te`) and the toolkit (`inf`) give it. */

/** Upper bounds of the durations' histogram, in seconds. */
const BOUNDS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export class Metrics {
  readonly #prefix: 'te' | 'inf'
  readonly #buckets = BOUNDS_S.map(() => 0)
  #success = 0
  #failure = 0
  /** Over the limit of concurrent requests: nothing of them was measured. */
  #refused = 0
  #seconds = 0

  constructor(prefix: 'te' | 'inf') {
    this.#prefix = prefix
  }

  ended(isSuccess: boolean, seconds: number): void {
    if (isSuccess) this.#success++
    else this.#failure++
    this.#seconds += seconds
    for (const [i, bound] of BOUNDS_S.entries()) if (seconds <= bound) this.#buckets[i]!++
  }

  refused(): void {
    this.#refused++
  }

  /** @param taken requests that are not answered yet. Prometheus' text format. */
  page(taken: number): string {
    const prefix = this.#prefix
    const ended = this.#success + this.#failure
    const gauge = (name: string, value: number) =>
      `# TYPE ${prefix}_${name} gauge\n${prefix}_${name} ${value}\n`
    const counter = (name: string, value: number) =>
      `# TYPE ${prefix}_${name} counter\n${prefix}_${name} ${value}\n`
    const duration = `${prefix}_request_duration`
    return [
      counter('request_count', ended + this.#refused + taken),
      counter('request_success', this.#success),
      counter('request_failure', this.#failure + this.#refused),
      gauge('queue_size', taken),
      `# TYPE ${duration} histogram\n`,
      ...BOUNDS_S.map((bound, i) => `${duration}_bucket{le="${bound}"} ${this.#buckets[i]}\n`),
      `${duration}_bucket{le="+Inf"} ${ended}\n${duration}_sum ${this.#seconds}\n${duration}_count ${ended}\n`,
    ].join('')
  }
}
