/**
 * The autoscaler: the one writer of scale targets.
 *
 * It keeps for each endpoint what the gateways and the reconciler said, has it judged every two seconds, or at once when
 * something happened that may change the count (`domain/scale/urgency.ts`), and writes down what comes of it. How the count is found is `domain/scale`; what people ask for
 * (start, sleep) it writes as they ask. Endpoints that sleep are not looked at until a request comes, or their hour.
 */
import type { EndpointRecord, ScaleTarget } from '../domain/endpoint.ts'
import type { StatusRecord } from '../domain/endpoint-status.ts'
import { messageOf } from '../domain/errors.ts'
import type { EndpointId, Replica } from '../domain/replica.ts'
import { changeRecord, judgedAgain, type NewDecision } from '../domain/scale/decision-record.ts'
import { isUrgent, JUDGE_EVERY_MS } from '../domain/scale/urgency.ts'
import { startEstimate } from '../domain/start-times.ts'
import type { EndpointDemand } from '../link/messages.ts'
import type { Store } from '../store/store.ts'
import { writeAsked, writeChange, writeSummary } from './decision-log.ts'
import { GatewayRoll } from './gateway-roll.ts'
import { HardwareUse } from './hardware-use.ts'
import { learnSpec } from './learn-spec.ts'
import type { AutoscaleRooms } from './rooms.ts'
import { type Decided, WatchedEndpoint } from './watched-endpoint.ts'

/** The endpoints that are awake are spread over the two seconds, so that no look at them takes long. */
const SPREAD_MS = 100
const SHORTEST_PAUSE_MS = 20
const HARDWARE_EVERY_MS = 5_000
const SUMMARY_EVERY_MS = 3_600_000
/** A cold start that is learned to be so much longer or shorter is told to the judgement. */
const START_DRIFT = 1.2

export class Autoscaler {
  readonly #rooms: AutoscaleRooms
  readonly #watched = new Map<EndpointId, WatchedEndpoint>()
  readonly #awake = new Set<WatchedEndpoint>()
  readonly #roll = new GatewayRoll()
  readonly #hardware: HardwareUse
  #turn = 0
  #nap = new AbortController()
  /** Summaries are written one after the other, some time soon. */
  #writing: Promise<void> = Promise.resolve()

  constructor(rooms: AutoscaleRooms) {
    this.#rooms = rooms
    this.#hardware = new HardwareUse(rooms.driver)
  }

  /** The reconciler looked, and read this target before it did. */
  looked(
    endpoint: EndpointRecord,
    status: StatusRecord,
    replicas: readonly Replica[],
    target: ScaleTarget | undefined,
  ): void {
    const now = this.#rooms.clock.now()
    const watched = this.#watched.get(endpoint.id) ?? this.#watch(endpoint, target, now)
    if (!watched.isWriting && !isSame(target, watched.target) && !isSame(target, watched.replaced)) {
      watched.adopt(target)
    }
    watched.isPaused = endpoint.paused
    watched.isRollingOver = status.state === 'updating'
    const isNews = watched.looked(replicas)
    const startMs = startEstimate(status.startTimes)?.usualMs
    if (watched.generation !== endpoint.generation || hasDrifted(watched.startMs, startMs)) {
      watched.generation = endpoint.generation
      watched.startMs = startMs
      void this.#learn(watched, endpoint)
    } else if (isNews) this.#stir(watched)
    this.#settle(watched)
  }

  forgotten(id: EndpointId): void {
    const watched = this.#watched.get(id)
    if (watched) this.#awake.delete(watched)
    this.#watched.delete(id)
  }

  gatewayConnected(gatewayId: string): void {
    this.#roll.connected(gatewayId, this.#rooms.clock.now())
  }

  /** It may go on serving: what it said last stands for a while. */
  gatewayGone(gatewayId: string): void {
    this.#roll.gone(gatewayId, this.#rooms.clock.now())
  }

  /** What came already, or is older than what came, is left aside. */
  demand(gatewayId: string, sequence: number, demands: readonly EndpointDemand[]): void {
    if (!this.#roll.heard(gatewayId, sequence, this.#rooms.clock.now())) return
    for (const demand of demands) {
      const watched = this.#watched.get(demand.id)
      if (!watched) continue
      watched.demand.report(gatewayId, demand)
      this.#asked(watched)
    }
  }

  /** Requests wait at a gateway, and no replica takes them. */
  wake(gatewayId: string, id: EndpointId, waiting: number): void {
    this.#roll.spoke(gatewayId, this.#rooms.clock.now())
    const watched = this.#watched.get(id)
    if (!watched) return
    watched.demand.wait(gatewayId, waiting)
    this.#asked(watched)
  }

  /** Writes that the endpoint should run its minimum, one replica at least. */
  async start(store: Store, endpoint: EndpointRecord, reason: string): Promise<void> {
    const count = Math.max(1, endpoint.spec.compute.scaling.minReplica)
    await writeAsked(store, endpoint, { endpointId: endpoint.id, count, reason, at: this.#rooms.clock.now() })
  }

  async sleep(store: Store, endpoint: EndpointRecord, reason: string): Promise<void> {
    const at = this.#rooms.clock.now()
    await writeAsked(store, endpoint, { endpointId: endpoint.id, count: 0, reason, at, isAskedSleep: true })
  }

  /** What would be decided now; undefined for an endpoint that nobody looked at yet. */
  present(id: EndpointId): NewDecision | undefined {
    const watched = this.#watched.get(id)
    if (!watched?.spec) return undefined
    const now = this.#rooms.clock.now()
    const { decision, judged } =
      watched.last ?? this.#judgement(watched, watched.demand.peek(watched.hasTokens), now)
    return changeRecord(id, watched.count, decision, judged)
  }

  /** Judges until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#rooms
    const measuring = this.#measureHardware(signal)
    while (!signal.aborted) {
      const now = clock.now()
      for (const gatewayId of this.#roll.takeForgotten(now)) {
        for (const { demand } of this.#awake) demand.forget(gatewayId)
      }
      let pauseMs = JUDGE_EVERY_MS
      for (const watched of this.#awake) {
        // A clock that was set back leaves nobody waiting for the time it had.
        if (watched.dueAt <= now || watched.dueAt > now + JUDGE_EVERY_MS) this.#judge(watched, now)
        pauseMs = Math.min(pauseMs, watched.dueAt - now)
      }
      this.#nap = new AbortController()
      const isOver = AbortSignal.any([signal, this.#nap.signal])
      await clock.sleep(Math.max(SHORTEST_PAUSE_MS, pauseMs), isOver).catch(() => {})
    }
    await measuring
    await this.#writing
  }

  #watch(endpoint: EndpointRecord, target: ScaleTarget | undefined, now: number): WatchedEndpoint {
    const watched = new WatchedEndpoint(endpoint, target, now)
    watched.dueAt = now + ((this.#turn++ * SPREAD_MS) % JUDGE_EVERY_MS)
    this.#watched.set(endpoint.id, watched)
    return watched
  }

  async #learn(watched: WatchedEndpoint, endpoint: EndpointRecord): Promise<void> {
    try {
      const spec = await learnSpec(this.#rooms, endpoint, watched.startMs)
      if (watched.generation !== endpoint.generation) return
      watched.spec = spec
      this.#stir(watched)
    } catch (error) {
      watched.generation = 0
      this.#rooms.log.warn('could not learn how to scale an endpoint', {
        endpoint: watched.key,
        error: messageOf(error),
      })
    }
  }

  /** Something happened that may change the count: it is judged at the next look. */
  #stir(watched: WatchedEndpoint): void {
    watched.dueAt = Math.min(watched.dueAt, this.#rooms.clock.now())
    this.#settle(watched)
    this.#nap.abort()
  }

  /** Demand came. A sleeping endpoint is woken now, the rest of a crowd may make it more, and a surge does not wait. */
  #asked(watched: WatchedEndpoint): void {
    this.#settle(watched)
    const now = this.#rooms.clock.now()
    if (watched.isPaused || watched.isWriting || !watched.spec || watched.demand.isQuiet) return
    if (watched.state.count > 0) this.#judgeCrowd(watched, now)
    if (watched.isWriting || !isUrgent(watched.state, watched.spec, watched.demand.news, now)) return
    const { dueAt } = watched
    const isWake = watched.state.count === 0
    this.#judge(watched, now)
    // The looks keep their beat, so that no load can put one off.
    if (!isWake) watched.dueAt = dueAt
  }

  #settle(watched: WatchedEndpoint): void {
    if (watched.isAsleep) {
      this.#awake.delete(watched)
      watched.fallAsleep()
    } else if (!this.#awake.has(watched)) {
      this.#awake.add(watched)
      this.#nap.abort()
    }
  }

  #judgement(watched: WatchedEndpoint, demand: ReturnType<WatchedEndpoint['demand']['peek']>, now: number) {
    const { before, spec } = watched
    const judged = {
      before,
      sample: watched.sample(this.#roll.isMeasured(now), now, demand),
      spec: spec!,
      now,
    }
    return { ...judgedAgain(judged), judged }
  }

  #judge(watched: WatchedEndpoint, now: number): void {
    watched.dueAt = now + JUDGE_EVERY_MS
    if (watched.isPaused || watched.isWriting || !watched.spec) return
    const demand = watched.demand.take(watched.hasTokens)
    const { state, decision, judged } = this.#judgement(watched, demand, now)
    const isWake = judged.before.count === 0 && decision.desired > 0
    watched.state = state
    watched.last = { decision, judged }
    if (isWake) watched.woken(judged.before, now)
    if (decision.desired !== watched.count) {
      void this.#change(watched, watched.last)
      return
    }
    watched.noteQuiet(decision.term, now)
    const quietMs = now - watched.quiet!.since
    if (quietMs >= SUMMARY_EVERY_MS || quietMs < 0) this.#summarize(watched)
    this.#settle(watched)
  }

  /** Who came in one crowd is counted once more from before the wake, so that the whole of it decides. */
  #judgeCrowd(watched: WatchedEndpoint, now: number): void {
    const { crowd } = watched
    if (!crowd) return
    if (now > crowd.until || now < crowd.until - JUDGE_EVERY_MS) {
      watched.crowd = undefined
      return
    }
    if (!watched.isCrowdGrowing) return
    crowd.waiting = watched.demand.waiting
    const sample = watched.sample(true, now, watched.demand.peek(watched.hasTokens))
    const judged = { before: crowd.before, sample, spec: watched.spec!, now }
    const { state, decision } = judgedAgain(judged)
    if (decision.desired <= watched.state.count) return
    watched.state = state
    watched.last = { decision, judged }
    void this.#change(watched, watched.last)
  }

  async #change(watched: WatchedEndpoint, decided: Decided): Promise<void> {
    const { store, log, hint } = this.#rooms
    const from = watched.count
    watched.isWriting = true
    try {
      const written = await writeChange(store, watched, from, decided)
      if (written.kind === 'written') {
        watched.replaced = watched.target
        watched.target = written.target
        log.info('scale target changed', { endpoint: watched.key, from, to: written.target.count })
      } else if (written.kind === 'overtaken') watched.adopt(written.target)
      else watched.isPaused = true
    } catch (error) {
      // As if it had not been judged: the next look decides again.
      watched.state = decided.judged.before
      log.error('could not write a scale target', { endpoint: watched.key, error: messageOf(error) })
    } finally {
      watched.isWriting = false
    }
    hint(watched.id)
    this.#asked(watched)
  }

  #summarize(watched: WatchedEndpoint): void {
    const { quiet, last } = watched
    watched.quiet = undefined
    if (!quiet || !last || last.judged.now < quiet.since) return
    const { store, log } = this.#rooms
    this.#writing = this.#writing
      .then(() => writeSummary(store, watched.id, quiet, last))
      .catch((error) => log.warn('a summary was not written down', { error: messageOf(error) }))
  }

  async #measureHardware(signal: AbortSignal): Promise<void> {
    const { clock, driver, log } = this.#rooms
    while (!signal.aborted) {
      const asking = [...this.#awake].filter(
        ({ spec, ready }) => spec?.measure.kind === 'hardwareUsage' && ready.length > 0,
      )
      if (asking.length > 0) {
        try {
          const running = await driver.list()
          this.#hardware.keepOnly(running)
          for (const watched of asking) {
            const at = clock.now()
            const percent = await this.#hardware.percentOf(watched.ready, running, at)
            if (percent !== undefined) watched.hardware = { percent, at }
          }
        } catch (error) {
          log.warn('the use of hardware could not be measured', { error: messageOf(error) })
        }
      }
      await clock.sleep(HARDWARE_EVERY_MS, signal).catch(() => {})
    }
  }
}

const isSame = (a: ScaleTarget | undefined, b: ScaleTarget | undefined) =>
  a?.count === b?.count && a?.at === b?.at && a?.isAskedSleep === b?.isAskedSleep

function hasDrifted(before: number | undefined, after: number | undefined): boolean {
  if (after === undefined) return false
  return before === undefined || after > before * START_DRIFT || after < before / START_DRIFT
}
