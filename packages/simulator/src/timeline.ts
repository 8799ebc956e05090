/** How the count went over time, and what was needed: sampled, so that a day is a plot and a few sums. */
import { replicasNeeded } from '@berth/server/domain/scale/replicas-needed'
import type { ScaleSample } from '@berth/server/domain/scale/scale-sample'
import type { LatencySlo } from '@berth/server/domain/scale/scale-spec'
import type { ReplicaProfile } from './profiles.ts'
import type { Trace } from './trace.ts'

export type Point = {
  readonly at: number
  readonly ready: number
  readonly present: number
  readonly needed: number
}

const POINT_MS = 60_000
/** A change back within so long is a reversal. */
const REVERSAL_MS = 10 * 60_000
const MS_PER_HOUR = 3_600_000

export class Timeline {
  readonly points: Point[] = []
  readonly changes: { readonly at: number; readonly from: number; readonly to: number }[] = []
  replicaHours = 0
  overHours = 0
  underHours = 0
  #needed = 0
  readonly #slo: LatencySlo
  readonly #profile: ReplicaProfile
  /** The mean length of the prompt that a token is in. */
  readonly #promptOfTokens: number

  constructor(slo: LatencySlo, profile: ReplicaProfile, { input }: Trace) {
    this.#slo = slo
    this.#profile = profile
    let tokens = 0
    let squares = 0
    for (const length of input) {
      tokens += length
      squares += length ** 2
    }
    this.#promptOfTokens = squares / Math.max(1, tokens)
  }

  load({ inFlight, waiting, tokens }: ScaleSample): void {
    if (!tokens) return
    const { context, unprefilled } = tokens
    const present = { sequences: inFlight + waiting, contextTokens: context, unprefilledTokens: unprefilled }
    const load = {
      ...present,
      promptTokensPerSecond: 0,
      meanPromptTokens: 0,
      unprefilledPromptTokens: this.#promptOfTokens,
    }
    this.#needed = replicasNeeded(load, this.#slo, this.#profile).replicas
  }

  changed(at: number, from: number, to: number): void {
    this.changes.push({ at, from, to })
  }

  count(now: number, ready: number, present: number, durationMs: number): void {
    const hours = durationMs / MS_PER_HOUR
    this.replicaHours += present * hours
    this.overHours += Math.max(0, ready - this.#needed) * hours
    this.underHours += Math.max(0, this.#needed - ready) * hours
    if (now % POINT_MS === 0) this.points.push({ at: now, ready, present, needed: this.#needed })
  }

  /** Changes against the direction of the one before, less than ten minutes after it. */
  get reversals(): number {
    let found = 0
    for (let i = 1; i < this.changes.length; i++) {
      const before = this.changes[i - 1]!
      const change = this.changes[i]!
      const isOpposite = Math.sign(change.to - change.from) !== Math.sign(before.to - before.from)
      if (isOpposite && change.at - before.at < REVERSAL_MS) found++
    }
    return found
  }
}
