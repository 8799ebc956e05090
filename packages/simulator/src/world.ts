/**
 * One endpoint in virtual time: a trace arrives at a gateway that holds what no replica has room for, the platform's own
 * choice of a replica, replicas that batch, and a policy that is asked for the count.
 */
import { DEFAULT_ROUTING, type RoutingRules } from '@berth/server/domain/routing/choose-replica'
import type { ScaleSample } from '@berth/server/domain/scale/scale-sample'
import type { LatencySlo } from '@berth/server/domain/scale/scale-spec'
import type { News } from '@berth/server/domain/scale/urgency'
import { BerthRouter } from './berth-router.ts'
import { EventQueue } from './event-queue.ts'
import { EVERYDAY, Fleet, type Hardship, type StartEvent } from './fleet.ts'
import type { Policy } from './policy.ts'
import type { ReplicaProfile } from './profiles.ts'
import { Random } from './random.ts'
import { isFirstTokenKept, isInterTokenKept, Requests } from './requests.ts'
import type { Router } from './router.ts'
import type { SimReplica, Watcher } from './sim-replica.ts'
import { Timeline } from './timeline.ts'
import type { Trace } from './trace.ts'

export type WorldSettings = {
  readonly trace: Trace
  readonly profile: ReplicaProfile
  readonly slo: LatencySlo
  readonly policy: Policy
  readonly max: number
  /** Ready at the beginning. */
  readonly beginWith: number
  readonly hardship?: Hardship
  /** Makes what chooses replicas; the gateway's own choice when left out. */
  readonly routerFor?: (trace: Trace, profile: ReplicaProfile) => Router
  readonly seed?: number
}

export type Played = {
  readonly requests: Requests
  readonly timeline: Timeline
  readonly startCommands: number
  /** The policy's own time for a decision, in microseconds: median and 99th percentile. */
  readonly decisionUs: { readonly p50: number; readonly p99: number }
}

/** As often as a gateway reports. */
const REPORT_MS = 250
/** What is counted for the report, counted so often. */
const COUNT_MS = 1_000
/** After the last arrival what is under way may end. */
const AFTERWARDS_MS = 30 * 60_000
/** Subjects of events: a replica's number and plan, or a start. */
const PLANS = 2 ** 30

export function play(settings: WorldSettings): Played {
  return new World(settings).play()
}

class World {
  readonly #settings: WorldSettings
  readonly #requests: Requests
  readonly #fleet: Fleet
  readonly #router: Router
  readonly #events = new EventQueue()
  readonly #starts: StartEvent[] = []
  readonly #replicas = new Map<number, SimReplica>()
  readonly #timeline: Timeline
  readonly #decisionUs: number[] = []
  #answered = { firstTokens: 0, lateFirstTokens: 0, answers: 0, slowAnswers: 0 }
  readonly #watcher: Watcher = {
    firstToken: (request, at) => {
      this.#router.begun(request, at)
      this.#answered.firstTokens++
      if (!isFirstTokenKept(this.#requests, request, this.#settings.slo)) this.#answered.lateFirstTokens++
    },
    ended: (request, at) => {
      this.#router.ended(request, false, at)
      this.#answered.answers++
      if (!isInterTokenKept(this.#requests, request, this.#settings.slo)) this.#answered.slowAnswers++
    },
  }
  /** Requests that wait in the gateway, oldest first; those before `#served` have left. */
  #line: number[] = []
  #served = 0
  #waitingTokens = 0
  #count: number
  #arrived = 0
  #nextLookAt = 0
  #seen = { arrivals: 0, promptTokens: 0, generated: 0, prefilled: 0, interTokenMsSum: 0 }
  #gone = { generated: 0, prefilled: 0, interTokenMsSum: 0 }

  constructor(settings: WorldSettings) {
    this.#settings = settings
    this.#requests = new Requests(settings.trace)
    const random = new Random(settings.seed ?? 1)
    const hardship = settings.hardship ?? EVERYDAY
    this.#fleet = new Fleet(settings.profile, this.#requests, random, hardship)
    this.#router = (settings.routerFor ?? gatewayRouter)(settings.trace, settings.profile)
    this.#timeline = new Timeline(settings.slo, settings.profile, settings.trace)
    this.#count = settings.beginWith
    this.#fleet.begin(settings.beginWith)
    for (const replica of this.#fleet.serving) this.#replicas.set(replica.number, replica)
    this.#router.list(this.#fleet.serving, 0)
  }

  play(): Played {
    const { at } = this.#settings.trace
    const lastArrival = at[at.length - 1] ?? 0
    const crashes = [...(this.#settings.hardship?.crashesAt ?? [])]
    let reportAt = 0
    for (;;) {
      const arrivalAt = this.#arrived < at.length ? at[this.#arrived]! : Number.POSITIVE_INFINITY
      const next = Math.min(arrivalAt, this.#events.nextAt, reportAt, crashes[0] ?? Number.POSITIVE_INFINITY)
      if (next > lastArrival && (this.#isDone() || next > lastArrival + AFTERWARDS_MS)) break
      if (next === crashes[0]) this.#crash(crashes.shift()!)
      else if (next === this.#events.nextAt) this.#happen(next)
      else if (next === arrivalAt) this.#arrive(this.#arrived++, next)
      else {
        this.#report(next, next <= lastArrival)
        reportAt += REPORT_MS
      }
    }
    const { startCommands } = this.#fleet
    return { requests: this.#requests, timeline: this.#timeline, startCommands, decisionUs: this.#costs() }
  }

  #isDone(): boolean {
    return (
      this.#served === this.#line.length && [...this.#replicas.values()].every((replica) => replica.isIdle)
    )
  }

  #arrive(request: number, now: number): void {
    this.#seen.arrivals++
    this.#seen.promptTokens += this.#requests.trace.input[request]!
    if (this.#fleet.serving.length === 0) this.#requests.metNone[request] = 1
    this.#line.push(request)
    this.#waitingTokens += this.#requests.trace.input[request]!
    this.#handOut(now)
  }

  #handOut(now: number): void {
    while (this.#served < this.#line.length) {
      const request = this.#line[this.#served]!
      const replica = this.#router.choose(request, now)
      if (!replica) break
      this.#served++
      this.#waitingTokens -= this.#requests.trace.input[request]!
      this.#advance(replica, now)
      replica.give(request, now)
      this.#plan(replica)
    }
    if (this.#served > 4_096 && 2 * this.#served > this.#line.length) {
      this.#line = this.#line.slice(this.#served)
      this.#served = 0
    }
  }

  #happen(now: number): void {
    const subject = this.#events.take()
    if (subject < 0) {
      this.#started(this.#starts[-subject - 1]!, now)
      return
    }
    const replica = this.#replicas.get(Math.floor(subject / PLANS))
    if (!replica || replica.plan !== subject % PLANS) return
    this.#advance(replica, now)
    this.#plan(replica)
    this.#handOut(now)
  }

  #started(start: StartEvent, now: number): void {
    if (this.#fleet.started(start)) {
      this.#replicas.set(start.replica.number, start.replica)
      this.#router.list(this.#fleet.serving, now)
      this.#handOut(now)
      this.#noticed(now)
    } else this.#scale(now)
  }

  #crash(now: number): void {
    const replica = this.#fleet.crash()
    if (!replica) return
    this.#forget(replica)
    const lost = replica.unanswered()
    for (const request of [...lost, ...replica.answering()]) this.#router.ended(request, true, now)
    this.#router.list(this.#fleet.serving, now)
    // What had not begun to answer goes to another replica; the rest is lost.
    this.#line = [...lost, ...this.#line.slice(this.#served)]
    this.#served = 0
    for (const request of lost) this.#waitingTokens += this.#requests.trace.input[request]!
    this.#scale(now)
    this.#handOut(now)
    this.#noticed(now)
  }

  /** A replica became ready or was lost: who hears of it judges. */
  #noticed(now: number): void {
    if (this.#settings.policy.isUrgent) this.#decide(now)
  }

  #scale(now: number): void {
    const { serving } = this.#fleet
    const served = serving.length
    for (const start of this.#fleet.scaleTo(this.#count, now)) {
      this.#starts.push(start)
      this.#events.add(start.at, -this.#starts.length)
    }
    for (const replica of this.#replicas.values()) this.#forgetIfGone(replica)
    if (serving.length !== served) this.#router.list(serving, now)
  }

  #advance(replica: SimReplica, now: number): void {
    replica.advance(now, this.#watcher)
    this.#forgetIfGone(replica)
  }

  #forgetIfGone(replica: SimReplica): void {
    if (replica.state !== 'draining' || !replica.isIdle) return
    this.#fleet.goneIfDrained(replica)
    this.#forget(replica)
  }

  #forget(replica: SimReplica): void {
    if (!this.#replicas.delete(replica.number)) return
    this.#gone.generated += replica.generatedTokens
    this.#gone.prefilled += replica.prefilledTokens
    this.#gone.interTokenMsSum += replica.interTokenMsSum
  }

  #plan(replica: SimReplica): void {
    const at = replica.nextEventAt
    replica.plan = (replica.plan + 1) % PLANS
    if (at < Number.POSITIVE_INFINITY) this.#events.add(at + 1e-6, replica.number * PLANS + replica.plan)
  }

  #report(now: number, isCounted: boolean): void {
    const { policy } = this.#settings
    if (now >= this.#nextLookAt) {
      this.#decide(now)
      this.#nextLookAt = now + policy.everyMs
    } else if (policy.isUrgent?.(this.#news(), now)) this.#decide(now)
    if (isCounted && now % COUNT_MS === 0) {
      this.#timeline.count(now, this.#fleet.serving.length, this.#fleet.size, COUNT_MS)
    }
  }

  #decide(now: number): void {
    for (const replica of this.#replicas.values()) this.#advance(replica, now)
    this.#handOut(now)
    const { policy, max } = this.#settings
    const count = this.#count
    const sample = this.#view()
    const began = process.hrtime.bigint()
    const wanted = Math.min(max, policy.decide(sample, now))
    this.#decisionUs.push(Number(process.hrtime.bigint() - began) / 1_000)
    this.#timeline.load(sample)
    if (wanted !== count) this.#timeline.changed(now, count, wanted)
    this.#count = wanted
    this.#scale(now)
  }

  #news(): News {
    const waiting = this.#line.length - this.#served
    let pending = waiting
    for (const replica of this.#replicas.values()) pending += replica.inFlight
    return { arrivals: this.#seen.arrivals, pending, waiting }
  }

  /** What the gateway and the reconciler would report. */
  #view(): ScaleSample {
    const waiting = this.#line.length - this.#served
    const total = { ...this.#gone, context: 0, unprefilled: this.#waitingTokens, inFlight: 0, busyMs: 0 }
    for (const replica of this.#replicas.values()) {
      total.generated += replica.generatedTokens
      total.prefilled += replica.prefilledTokens
      total.interTokenMsSum += replica.interTokenMsSum
      total.context += replica.contextTokens
      total.unprefilled += replica.unprefilledTokens
      total.inFlight += replica.inFlight
    }
    const seen = this.#seen
    const generated = total.generated - seen.generated
    const decodedMs = total.interTokenMsSum - seen.interTokenMsSum
    const tokens = {
      prompt: seen.promptTokens,
      generated,
      context: total.context,
      unprefilled: Math.max(0, total.unprefilled),
      prefilled: total.prefilled - seen.prefilled,
      interTokenMs: generated > 0 && decodedMs > 0 ? decodedMs / generated : null,
      ...this.#answered,
    }
    this.#answered = { firstTokens: 0, lateFirstTokens: 0, answers: 0, slowAnswers: 0 }
    const { arrivals } = seen
    const { generated: generatedSoFar, prefilled, interTokenMsSum } = total
    this.#seen = {
      arrivals: 0,
      promptTokens: 0,
      generated: generatedSoFar,
      prefilled,
      interTokenMsSum,
    }
    const ready = this.#fleet.serving.length
    const inFlight = total.inFlight
    const busy = this.#fleet.serving.filter((replica) => !replica.isIdle).length
    const hardwareUsage = ready > 0 ? (100 * busy) / ready : null
    const starting = this.#fleet.starting.length
    return {
      arrivals,
      pending: waiting + inFlight,
      waiting,
      inFlight,
      hardwareUsage,
      ready,
      starting,
      tokens,
    }
  }

  #costs(): { p50: number; p99: number } {
    const sorted = this.#decisionUs.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
    return { p50: at(0.5), p99: at(0.99) }
  }
}

/** Requests wait in the gateway, where a new replica can take them, and not for a place in a batch. */
const gatewayRouter = (trace: Trace, profile: ReplicaProfile) => new BerthRouter(trace, gatewayRules(profile))

export function gatewayRules({ maxSequences }: ReplicaProfile): RoutingRules {
  return { ...DEFAULT_ROUTING, room: maxSequences }
}
