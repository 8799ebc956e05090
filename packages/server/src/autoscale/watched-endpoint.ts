/**
 * What the autoscaler knows of one endpoint.
 *
 * Most endpoints of an installation sleep, so what only one that is awake needs is there only while it is.
 */
import { type EndpointRecord, endpointKey, type ScaleTarget } from '../domain/endpoint.ts'
import type { EndpointId, Replica, ReplicaId } from '../domain/replica.ts'
import type { Judged } from '../domain/scale/decision-record.ts'
import type { ScaleDecision, ScaleTerm } from '../domain/scale/scale-decision.ts'
import type { ScaleSample } from '../domain/scale/scale-sample.ts'
import type { ScaleSpec } from '../domain/scale/scale-spec.ts'
import { firstScaleState, putToSleep, type ScaleState } from '../domain/scale/step.ts'
import { type DemandNow, ReportedDemand } from './reported-demand.ts'

/** An older measurement of the hardware says nothing of now. */
const HARDWARE_STANDS_MS = 15_000
/** After the request that woke it: who came in the same crowd still counts for how many are started. */
const CROWD_MS = 1_000

/** Judgements that changed nothing, since when, and the last of them. */
type Quiet = { readonly since: number; readonly terms: Partial<Record<ScaleTerm, number>> }

export type Decided = { readonly decision: ScaleDecision; readonly judged: Judged }

export class WatchedEndpoint {
  readonly id: EndpointId
  readonly key: string
  readonly #initialCount: number
  generation = 0
  isPaused = false
  /** A new revision is being started: that is no idleness, whoever asks. */
  isRollingOver = false
  spec: ScaleSpec | undefined
  state: ScaleState
  /** What is stored; undefined for an endpoint that has none yet. */
  target: ScaleTarget | undefined
  /** What was stored before: whoever reports it read too early. */
  replaced: ScaleTarget | undefined
  ready: readonly ReplicaId[] = []
  starting = 0
  startMs: number | undefined
  hardware: { readonly percent: number; readonly at: number } | undefined
  dueAt = 0
  /** A decision is being written. */
  isWriting = false
  last: Decided | undefined
  quiet: Quiet | undefined
  /** How it was before a request woke it, and how many waited when that was last judged. */
  crowd: { readonly before: ScaleState; readonly until: number; waiting: number } | undefined
  #demand: ReportedDemand | undefined

  constructor(endpoint: EndpointRecord, target: ScaleTarget | undefined, now: number) {
    this.id = endpoint.id
    this.key = endpointKey(endpoint)
    this.target = target
    this.#initialCount = initialCount(endpoint)
    this.state = firstScaleState(this.count, now)
    if (target?.isAskedSleep) this.state = putToSleep(this.state)
  }

  /** What is asked for now. */
  get count(): number {
    return this.target?.count ?? this.#initialCount
  }

  get demand(): ReportedDemand {
    this.#demand ??= new ReportedDemand()
    return this.#demand
  }

  /** What the next judgement begins with. */
  get before(): ScaleState {
    return this.isRollingOver && this.state.idleMs > 0 ? { ...this.state, idleMs: 0 } : this.state
  }

  /** Nothing is to be judged until somebody asks for it. */
  get isAsleep(): boolean {
    if (this.state.count > 0 || !this.spec || !(this.#demand?.isQuiet ?? true)) return false
    return this.spec.warmHours.length === 0 && (this.state.putToSleep || this.spec.min === 0)
  }

  get isCrowdGrowing(): boolean {
    return this.crowd !== undefined && this.demand.waiting > this.crowd.waiting
  }

  /** What the reconciler found. @returns whether a replica became ready or was lost. */
  looked(replicas: readonly Replica[]): boolean {
    const before = this.ready.length
    this.ready = replicas.filter(({ phase }) => phase === 'ready').map(({ id }) => id)
    this.starting = replicas.filter(({ phase }) => phase === 'starting').length
    return before !== this.ready.length
  }

  /** The stored target is another than the one this was written from: a person asked for it. */
  adopt(target: ScaleTarget | undefined): void {
    this.target = target
    this.replaced = undefined
    this.crowd = undefined
    this.#demand?.forgetWaiting()
    if (!target) return
    const asked = { ...this.state, count: target.count, putToSleep: false, idleMs: 0 }
    this.state = target.isAskedSleep ? putToSleep(asked) : asked
  }

  /** @param isMeasured the gateways can be trusted. */
  sample(isMeasured: boolean, now: number, asked: DemandNow): ScaleSample | null {
    if (!isMeasured) return null
    const { hardware, ready, starting } = this
    const demand = this.state.count === 0 ? onlyWhoWaits(asked) : asked
    const isFresh = hardware !== undefined && Math.abs(now - hardware.at) <= HARDWARE_STANDS_MS
    return { ...demand, hardwareUsage: isFresh ? hardware.percent : null, ready: ready.length, starting }
  }

  get hasTokens(): boolean {
    return this.spec?.measure.kind === 'slo'
  }

  woken(before: ScaleState, now: number): void {
    this.crowd = { before, until: now + CROWD_MS, waiting: this.demand.waiting }
  }

  noteQuiet(term: ScaleTerm, now: number): void {
    this.quiet ??= { since: now, terms: {} }
    this.quiet.terms[term] = (this.quiet.terms[term] ?? 0) + 1
  }

  /** Lets go of what only an endpoint needs that is awake. What was learned of its capacity stays. */
  fallAsleep(): void {
    this.#demand = undefined
    this.last = undefined
    this.quiet = undefined
    this.crowd = undefined
    this.hardware = undefined
    if (this.state.measure?.kind !== 'slo') this.state = { ...this.state, measure: null }
  }
}

/** A new endpoint starts one replica at least, so that it shows that it works. */
const initialCount = ({ spec }: EndpointRecord) => Math.max(1, spec.compute.scaling.minReplica)

/**
 * At zero only who waits for a replica asks for one. The rest came before, and ends on the replicas that drain.
 */
function onlyWhoWaits(demand: DemandNow): DemandNow {
  const { waiting } = demand
  return { ...demand, arrivals: waiting > 0 ? demand.arrivals : 0, pending: waiting, inFlight: 0 }
}
