/**
 * What happened in one interval of time: of one replica, or of an endpoint's replicas together.
 *
 * Intervals can be added to each other in any order and grouping: ten seconds to a minute, minutes to hours, what came
 * late to what was there.
 */
import type { UsageRecord } from '../../domain/usage/usage-record.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'
import { Distribution } from './distribution.ts'

export const distributionNames = ['latency', 'timeToFirstToken', 'interToken'] as const
export type DistributionName = (typeof distributionNames)[number]

/** The order is the order in files: new ones come last. */
export const gaugeNames = [
  'pending',
  'inFlight',
  'cpu',
  'memory',
  'gpu',
  'gpuMemory',
  'starting',
  'ready',
  'draining',
  'failed',
] as const
export type GaugeName = (typeof gaugeNames)[number]

/** What was looked at again and again. */
export type Gauge = { sum: number; looks: number; max: number }

const tokenKinds = ['inputTokens', 'outputTokens', 'cachedTokens'] as const

export class Interval {
  readonly requests = new Map<number, number>()
  readonly distributions: Partial<Record<DistributionName, Distribution>> = {}
  readonly gauges: Partial<Record<GaugeName, Gauge>> = {}
  inputTokens = 0
  outputTokens = 0
  cachedTokens = 0

  count(record: UsageRecord): void {
    this.requests.set(record.status, (this.requests.get(record.status) ?? 0) + 1)
    this.#distribution('latency').add(record.durationMs)
    if (record.firstTokenMs !== null) this.#distribution('timeToFirstToken').add(record.firstTokenMs)
    if (record.interTokenMs !== null) this.#distribution('interToken').add(record.interTokenMs)
    for (const kind of tokenKinds) this[kind] += record[kind]
  }

  look(name: GaugeName, value: number): void {
    this.#addGauge(name, { sum: value, looks: 1, max: value })
  }

  merge(other: Interval): void {
    for (const [status, count] of other.requests) this.#addRequests(status, count)
    for (const name of distributionNames) {
      const theirs = other.distributions[name]
      if (theirs) this.#distribution(name).merge(theirs)
    }
    for (const name of gaugeNames) {
      const theirs = other.gauges[name]
      if (theirs) this.#addGauge(name, theirs)
    }
    for (const kind of tokenKinds) this[kind] += other[kind]
  }

  write(to: ByteWriter): void {
    to.whole(this.requests.size)
    for (const [status, count] of this.requests) {
      to.whole(status)
      to.whole(count)
    }
    for (const kind of tokenKinds) to.whole(this[kind])
    to.whole(bitsOf(distributionNames, this.distributions))
    for (const name of distributionNames) this.distributions[name]?.write(to)
    to.whole(bitsOf(gaugeNames, this.gauges))
    for (const name of gaugeNames) {
      const gauge = this.gauges[name]
      if (!gauge) continue
      to.float(gauge.sum)
      to.whole(gauge.looks)
      to.float(gauge.max)
    }
  }

  /** Adds one that was written. @param wants which of the long parts to read. */
  mergeFrom(from: ByteReader, wants: { readonly distributions: boolean }): void {
    for (let left = from.whole(); left > 0; left--) this.#addRequests(from.whole(), from.whole())
    for (const kind of tokenKinds) this[kind] += from.whole()
    const distributions = from.whole()
    distributionNames.forEach((name, i) => {
      if (!hasBit(distributions, i)) return
      if (wants.distributions) this.#distribution(name).mergeFrom(from)
      else Distribution.skip(from)
    })
    const gauges = from.whole()
    gaugeNames.forEach((name, i) => {
      if (hasBit(gauges, i))
        this.#addGauge(name, { sum: from.float(), looks: from.whole(), max: from.float() })
    })
  }

  #addRequests(status: number, count: number): void {
    this.requests.set(status, (this.requests.get(status) ?? 0) + count)
  }

  #distribution(name: DistributionName): Distribution {
    this.distributions[name] ??= new Distribution()
    return this.distributions[name]
  }

  #addGauge(name: GaugeName, { sum, looks, max }: Gauge): void {
    const mine = this.gauges[name]
    if (!mine) {
      this.gauges[name] = { sum, looks, max }
      return
    }
    mine.sum += sum
    mine.looks += looks
    mine.max = Math.max(mine.max, max)
  }
}

const bitsOf = <Name extends string>(names: readonly Name[], there: Partial<Record<Name, unknown>>) =>
  names.reduce((bits, name, i) => (there[name] ? bits | (1 << i) : bits), 0)

const hasBit = (bits: number, i: number) => (bits & (1 << i)) !== 0
