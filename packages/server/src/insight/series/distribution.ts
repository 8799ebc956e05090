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
const SPARE_BUCKETS = 8

export class Distribution {
  /** Of the buckets from `#first` on: most distributions need few. */
  #counts = new Uint32Array(0)
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
    other.#counts.forEach((count, i) => {
      if (count > 0) this.#put(other.#first + i, count)
    })
    this.#sum += other.#sum
  }

  /** @returns NaN of nothing. */
  quantile(q: number): number {
    if (this.#count === 0) return Number.NaN
    const rank = q * (this.#count - 1)
    let seen = 0
    let bucket = this.#first
    for (const count of this.#counts) {
      seen += count
      if (seen > rank) break
      bucket++
    }
    return middleOf(bucket)
  }

  write(to: ByteWriter): void {
    to.whole(this.#counts.reduce((used, count) => used + (count > 0 ? 1 : 0), 0))
    to.float(this.#sum)
    let before = 0
    this.#counts.forEach((count, i) => {
      if (count === 0) return
      to.whole(this.#first + i - before)
      to.whole(count)
      before = this.#first + i
    })
  }

  /** Adds one that was written. */
  mergeFrom(from: ByteReader): void {
    const used = from.whole()
    this.#sum += from.float()
    let bucket = 0
    for (let i = 0; i < used; i++) {
      bucket += from.whole()
      this.#put(Math.min(bucket, BUCKETS - 1), from.whole())
    }
  }

  static skip(from: ByteReader): void {
    const used = from.whole()
    from.float()
    for (let i = 0; i < 2 * used; i++) from.whole()
  }

  #put(bucket: number, times: number): void {
    if (bucket < this.#first || bucket >= this.#first + this.#counts.length) this.#reach(bucket)
    this.#counts[bucket - this.#first]! += times
    this.#count += times
  }

  #reach(bucket: number): void {
    const isNew = this.#counts.length === 0
    const first = isNew ? bucket : Math.min(this.#first, bucket)
    const end = isNew ? bucket + 1 : Math.max(this.#first + this.#counts.length, bucket + 1)
    const roomy = Math.max(0, first - SPARE_BUCKETS)
    const counts = new Uint32Array(end + SPARE_BUCKETS - roomy)
    counts.set(this.#counts, isNew ? 0 : this.#first - roomy)
    this.#counts = counts
    this.#first = roomy
  }
}

function keyOf(value: number): number {
  return Math.ceil(Math.log(value) / LOG_GROWTH)
}

/** The value that no value of the bucket is further from than the relative error. */
const middleOf = (bucket: number) => (2 * GROWTH ** (bucket + FIRST_KEY)) / (GROWTH + 1)
