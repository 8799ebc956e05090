/**
 * How values are distributed: a histogram that can be added to another one, so that percentiles stay true however
 * many are put together.
 *
 * The buckets grow geometrically (as those of DDSketch do): a percentile is off by 2 % of itself at most, whatever the
 * values are, and two histograms of the same values are the same whoever counted them.
 */
import type { ByteReader, ByteWriter } from './bytes.ts'

/** A percentile differs from the true one by this part of it at most. */
export const RELATIVE_ERROR = 0.02
const GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
const LOG_GROWTH = Math.log(GROWTH)
/** Smaller ones are counted as this, greater ones as the greatest: milliseconds from 10 µs to a day. */
export const SMALLEST = 0.01
export const GREATEST = 86_400_000
const FIRST_KEY = keyOf(SMALLEST)
const BUCKETS = keyOf(GREATEST) - FIRST_KEY + 1
/** Made on both sides when values reach beyond what was there, so that they do not reach beyond it one by one. */
const SPARE_BUCKETS = 16

export class Distribution {
  /** Of the buckets from `#first` on: most distributions need few. */
  #counts: number[] = []
  #first = 0
  #count = 0
  #sum = 0

  get count(): number {
    return this.#count
  }

  get mean(): number {
    return this.#count === 0 ? Number.NaN : this.#sum / this.#count
  }

  get sum(): number {
    return this.#sum
  }

  add(value: number, times = 1): void {
    const held = Math.min(Math.max(value, SMALLEST), GREATEST)
    this.#put(keyOf(held) - FIRST_KEY, times)
    this.#sum += Math.max(0, value) * times
  }

  merge(other: Distribution): void {
    const counts = other.#counts
    for (let i = 0; i < counts.length; i++) if (counts[i]! > 0) this.#put(other.#first + i, counts[i]!)
    this.#sum += other.#sum
  }

  /** @returns NaN of nothing. */
  quantile(q: number): number {
    return this.quantiles([q])[0]!
  }

  /** Several at once, the smallest first. */
  quantiles(qs: readonly number[]): number[] {
    const counts = this.#counts
    let seen = 0
    let i = -1
    return qs.map((q) => {
      if (this.#count === 0) return Number.NaN
      const rank = q * (this.#count - 1)
      while (seen <= rank) seen += counts[++i]!
      return middleOf(this.#first + i)
    })
  }

  write(to: ByteWriter): void {
    const used = this.#used()
    const [lowest = 0] = used
    to.whole(used.length)
    to.float(this.#sum)
    to.whole((used.at(-1) ?? 0) - lowest)
    let before = 0
    for (const bucket of used) {
      to.whole(bucket - before)
      to.whole(this.#counts[bucket - this.#first]!)
      before = bucket
    }
  }

  /** Adds one that was written. */
  mergeFrom(from: ByteReader): void {
    const used = from.whole()
    this.#sum += from.float()
    const span = Math.min(from.whole(), BUCKETS - 1)
    let bucket = 0
    for (let i = 0; i < used; i++) {
      bucket = Math.min(bucket + from.whole(), BUCKETS - 1)
      // Reached for at once, and not bucket by bucket.
      if (i === 0) this.#reach(bucket, Math.min(bucket + span, BUCKETS - 1))
      this.#put(bucket, from.whole())
    }
  }

  static skip(from: ByteReader): void {
    const used = from.whole()
    from.float()
    from.whole()
    for (let i = 0; i < 2 * used; i++) from.whole()
  }

  #used(): number[] {
    const used: number[] = []
    this.#counts.forEach((count, i) => {
      if (count > 0) used.push(this.#first + i)
    })
    return used
  }

  #put(bucket: number, times: number): void {
    this.#reach(bucket, bucket)
    this.#counts[bucket - this.#first]! += times
    this.#count += times
  }

  #reach(lowest: number, highest: number): void {
    const end = this.#first + this.#counts.length
    if (lowest >= this.#first && highest < end) return
    const isNew = this.#counts.length === 0
    const first = isNew || lowest < this.#first ? Math.max(0, lowest - SPARE_BUCKETS) : this.#first
    const newEnd = isNew || highest >= end ? highest + 1 + SPARE_BUCKETS : end
    const counts = new Array<number>(newEnd - first).fill(0)
    for (let i = 0; i < this.#counts.length; i++) counts[this.#first - first + i] = this.#counts[i]!
    this.#counts = counts
    this.#first = first
  }
}

function keyOf(value: number): number {
  return Math.ceil(Math.log(value) / LOG_GROWTH)
}

/** The value that no value of the bucket is further from than the relative error. */
const middleOf = (bucket: number) => (2 * GROWTH ** (bucket + FIRST_KEY)) / (GROWTH + 1)
