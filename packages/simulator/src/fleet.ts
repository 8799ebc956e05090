/**
 * The replicas of the simulated world: started with a delay that varies, sometimes in vain, drained before they go.
 *
 * Like the platform's reconciler it keeps trying until the count is there, and it stops what is still starting before
 * what serves.
 */
import type { ReplicaProfile } from './profiles.ts'
import type { Random } from './random.ts'
import type { Requests } from './requests.ts'
import { SimReplica } from './sim-replica.ts'

export type Hardship = {
  /** A start takes up to this share more or less than usual. */
  readonly startJitter: number
  /** Of the starts, how many end in vain. */
  readonly startFailureShare: number
  /** At these times the replica with the most requests dies. */
  readonly crashesAt: readonly number[]
  /** The one replica with this number works so many times slower. */
  readonly slowReplica: { readonly number: number; readonly factor: number } | null
}

export const EVERYDAY: Hardship = {
  startJitter: 0.2,
  startFailureShare: 0,
  crashesAt: [],
  slowReplica: null,
}

export type StartEvent = { readonly replica: SimReplica; readonly at: number; readonly fails: boolean }

export class Fleet {
  readonly serving: SimReplica[] = []
  readonly starting: SimReplica[] = []
  readonly draining: SimReplica[] = []
  startCommands = 0
  readonly #profile: ReplicaProfile
  readonly #requests: Requests
  readonly #random: Random
  readonly #hardship: Hardship
  #number = 0

  constructor(profile: ReplicaProfile, requests: Requests, random: Random, hardship: Hardship) {
    this.#profile = profile
    this.#requests = requests
    this.#random = random
    this.#hardship = hardship
  }

  get size(): number {
    return this.serving.length + this.starting.length + this.draining.length
  }

  /** Those that are ready from the beginning. */
  begin(count: number): void {
    for (let i = 0; i < count; i++) {
      const replica = this.#create()
      replica.isStarting = false
      this.serving.push(replica)
    }
  }

  /** @returns the starts that this takes, each with when it ends and how. */
  scaleTo(count: number, now: number): StartEvent[] {
    const starts: StartEvent[] = []
    while (this.serving.length + this.starting.length < count) {
      const replica = this.#create()
      const { startJitter, startFailureShare } = this.#hardship
      const durationMs = this.#profile.startMs * this.#random.between(1 - startJitter, 1 + startJitter)
      const fails = this.#random.next() < startFailureShare
      this.starting.push(replica)
      this.startCommands++
      starts.push({ replica, at: now + durationMs, fails })
    }
    let excess = this.serving.length + this.starting.length - count
    for (; excess > 0 && this.starting.length > 0; excess--) this.starting.pop()
    for (; excess > 0; excess--) this.#drain(this.#emptiest())
    return starts
  }

  /** @returns whether it serves now; false when it was called off meanwhile, or failed. */
  started({ replica, fails }: StartEvent): boolean {
    const index = this.starting.indexOf(replica)
    if (index < 0) return false
    this.starting.splice(index, 1)
    if (fails) return false
    replica.isStarting = false
    this.serving.push(replica)
    return true
  }

  goneIfDrained(replica: SimReplica): void {
    if (replica.state !== 'draining' || !replica.isIdle) return
    const index = this.draining.indexOf(replica)
    if (index >= 0) this.draining.splice(index, 1)
  }

  /** @returns the replica that died. */
  crash(): SimReplica | undefined {
    const busiest = this.serving.toSorted((a, b) => b.inFlight - a.inFlight)[0]
    if (busiest) this.serving.splice(this.serving.indexOf(busiest), 1)
    return busiest
  }

  #drain(replica: SimReplica): void {
    this.serving.splice(this.serving.indexOf(replica), 1)
    replica.state = 'draining'
    if (!replica.isIdle) this.draining.push(replica)
  }

  #emptiest(): SimReplica {
    let found = this.serving[0]!
    for (const replica of this.serving) if (replica.inFlight < found.inFlight) found = replica
    return found
  }

  #create(): SimReplica {
    const number = this.#number++
    const slow = this.#hardship.slowReplica
    const factor = slow?.number === number ? slow.factor : 1
    const profile = factor === 1 ? this.#profile : slower(this.#profile, factor)
    return new SimReplica(number, profile, this.#requests)
  }
}

function slower(profile: ReplicaProfile, factor: number): ReplicaProfile {
  return {
    ...profile,
    stepMs: factor * profile.stepMs,
    stepMsPerSequence: factor * profile.stepMsPerSequence,
    stepMsPerContextToken: factor * profile.stepMsPerContextToken,
    prefillMsPerToken: factor * profile.prefillMsPerToken,
  }
}
