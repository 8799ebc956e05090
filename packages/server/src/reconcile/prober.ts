/**
 * The prober: asks each replica's health route whether it is ready, and later whether it still is.
 *
 * It only knows; what follows from it is decided elsewhere. Near the start it asks every few milliseconds, because
 * somebody may be waiting for the first answer; later every few seconds.
 *
 *     unknown ──200──▶ ready ──misses in a row──▶ unhealthy
 *        └──answers anything else──▶ loading ──200──▶ ready
 */
import http from 'node:http'
import type { ProbeHistory } from '../domain/autopsy/start-autopsy.ts'
import type { ReplicaAddress, ReplicaId } from '../domain/replica.ts'
import type { StartEstimate } from '../domain/start-times.ts'
import type { Clock } from '../platform/clock.ts'

export type ProbeState = 'unknown' | 'loading' | 'ready' | 'unhealthy'
export type Probe = {
  /** What it answered so far, while it was not ready. */
  readonly history: ProbeHistory
  readonly state: ProbeState
  /** When it entered this state. */
  readonly since: number
  /** When the prober first heard of the replica. */
  readonly trackedSince: number
}

export type ProbeTarget = {
  readonly id: ReplicaId
  readonly address: ReplicaAddress
  readonly route: string
  readonly apiKey: string
  /** When its runtime began to start it, from where `usual` counts. */
  readonly startedAt: number
  /** How long earlier starts took; absent before the first. */
  readonly usual?: StartEstimate
}

const START_TIMEOUT_MS = 2_000
const READY_TIMEOUT_MS = 5_000
const READY_INTERVAL_MS = 5_000
/** After a miss it is asked again soon, so that a replica that froze is known within about 20 s. */
const DOUBT_INTERVAL_MS = 1_000
/** A ready replica that misses so many probes in a row is broken. */
const MISSES_ALLOWED = 3

/** Near the time at which it is expected, somebody waits for each of these. */
const NEAR_INTERVAL_MS = 5
const FAR_INTERVAL_MS = 250
/** An expected time is near from this share of the earliest one on. */
const NEAR_SHARE = 0.8

/**
 * How long until a replica that starts is asked again. Without a history every 5 ms for the first seconds, ever slower
 * for a start that takes minutes. With one rarely before the time at which it is expected, and often from then on.
 */
export function startIntervalMs(ageMs: number, usual: StartEstimate | undefined): number {
  if (!usual) return ageMs < 5_000 ? NEAR_INTERVAL_MS : Math.min(500, ageMs / 100)
  const nearFromMs = NEAR_SHARE * usual.earliestMs
  if (ageMs < nearFromMs) return Math.min(FAR_INTERVAL_MS, Math.max(NEAR_INTERVAL_MS, nearFromMs - ageMs))
  const overdueMs = ageMs - usual.latestMs
  return overdueMs < 5_000 ? NEAR_INTERVAL_MS : Math.min(500, overdueMs / 100)
}

type Tracked = {
  target: ProbeTarget
  probe: Probe
  misses: number
  readonly stop: AbortController
  nap: AbortController
  readonly firstAnswer: PromiseWithResolvers<void>
}

export class Prober {
  readonly #clock: Clock
  readonly #onChange: (id: ReplicaId) => void
  readonly #tracked = new Map<ReplicaId, Tracked>()

  constructor(clock: Clock, onChange: (id: ReplicaId) => void) {
    this.#clock = clock
    this.#onChange = onChange
  }

  /** Begins to ask, unless it does already. */
  track(target: ProbeTarget): void {
    if (this.#tracked.has(target.id)) return
    const now = this.#clock.now()
    const tracked: Tracked = {
      target,
      probe: { state: 'unknown', since: now, trackedSince: now, history: NO_HISTORY },
      misses: 0,
      stop: new AbortController(),
      nap: new AbortController(),
      firstAnswer: Promise.withResolvers(),
    }
    this.#tracked.set(target.id, tracked)
    void this.#ask(tracked)
  }

  untrack(id: ReplicaId): void {
    const tracked = this.#tracked.get(id)
    tracked?.stop.abort()
    tracked?.nap.abort()
    tracked?.firstAnswer.resolve()
    this.#tracked.delete(id)
  }

  probe(id: ReplicaId): Probe | undefined {
    return this.#tracked.get(id)?.probe
  }

  /** Asks now instead of at the next turn. */
  hurry(id: ReplicaId): void {
    this.#tracked.get(id)?.nap.abort()
  }

  /** Resolves when the replica answered or refused once. */
  async firstAnswer(id: ReplicaId): Promise<void> {
    await this.#tracked.get(id)?.firstAnswer.promise
  }

  close(): void {
    for (const id of [...this.#tracked.keys()]) this.untrack(id)
  }

  async #ask(tracked: Tracked): Promise<void> {
    while (!tracked.stop.signal.aborted) {
      const ready = tracked.probe.state === 'ready'
      const answer = await askOnce(
        tracked.target,
        ready ? READY_TIMEOUT_MS : START_TIMEOUT_MS,
        tracked.stop.signal,
      )
      if (tracked.stop.signal.aborted) return
      this.#learn(tracked, answer)
      tracked.firstAnswer.resolve()
      tracked.nap = new AbortController()
      await this.#clock.sleep(this.#pauseMs(tracked), tracked.nap.signal).catch(() => {})
    }
  }

  #pauseMs({ probe, misses, target }: Tracked): number {
    if (probe.state !== 'ready') return startIntervalMs(this.#clock.now() - target.startedAt, target.usual)
    return misses > 0 ? DOUBT_INTERVAL_MS : READY_INTERVAL_MS
  }

  #learn(tracked: Tracked, answer: Answer): void {
    const before = tracked.probe.state
    tracked.misses = answer.kind === 'ready' ? 0 : tracked.misses + 1
    const after = nextState(before, answer, tracked.misses)
    tracked.probe = { ...tracked.probe, history: withAnswer(tracked.probe.history, answer) }
    if (after === before) return
    tracked.probe = { ...tracked.probe, state: after, since: this.#clock.now() }
    this.#onChange(tracked.target.id)
  }
}

type Answer =
  | { readonly kind: 'ready' | 'refused' | 'silent' }
  | { readonly kind: 'not ready'; readonly status: number | undefined }

const NO_HISTORY: ProbeHistory = { refused: 0, silent: 0, answered: 0, lastStatus: undefined }

function withAnswer(history: ProbeHistory, answer: Answer): ProbeHistory {
  switch (answer.kind) {
    case 'ready':
      return history
    case 'refused':
      return { ...history, refused: history.refused + 1 }
    case 'silent':
      return { ...history, silent: history.silent + 1 }
    case 'not ready':
      return { ...history, answered: history.answered + 1, lastStatus: answer.status }
    default:
      return answer satisfies never
  }
}

function nextState(before: ProbeState, answer: Answer, misses: number): ProbeState {
  if (answer.kind === 'ready') return 'ready'
  if (before === 'ready' || before === 'unhealthy') return misses >= MISSES_ALLOWED ? 'unhealthy' : before
  return answer.kind === 'not ready' ? 'loading' : before
}

function askOnce(target: ProbeTarget, timeoutMs: number, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    const request = http.get(
      {
        host: target.address.host,
        port: target.address.port,
        path: target.route,
        headers: { authorization: `Bearer ${target.apiKey}` },
        agent: false,
        timeout: timeoutMs,
        signal,
      },
      (response) => {
        response.resume()
        const { statusCode: status } = response
        resolve(status === 200 ? { kind: 'ready' } : { kind: 'not ready', status })
      },
    )
    request.on('timeout', () => {
      resolve({ kind: 'silent' })
      request.destroy()
    })
    request.on('error', () => resolve({ kind: 'refused' }))
  })
}
