/**
 * Whether a replica works, judged by what comes out of it.
 *
 * A health route is answered by whoever listens, and an engine that has as much to do as it can answers nobody new
 * for a while: neither says whether requests advance. So every sign that they do is noted: a byte of an answer, a
 * counter of the engine's that has grown, a small question answered. A replica that has requests and gives no sign is
 * doubted and asked; it is stuck when it was asked more than once in vain, and has been without a sign for longer than
 * it ever was while it worked and longer than what it has to read can take.
 *
 *     advancing ──no sign for a while──▶ doubted: it is asked ──in vain, for long enough──▶ stuck
 *         ▲                                                                                    │
 *         ├──────────────────────────────── any sign ─────────────────────────────────────────┤
 *         ▼                                                                                    │
 *     advancing ──nothing to do for long──▶ unproven: it is asked, if that is cheap ──in vain──▶ stuck
 */
import type { Pace } from './replica-health.ts'

/** Nobody is asked anything before. */
export const DOUBT_AFTER_MS = 10_000
/** Nobody is stuck before. */
export const STUCK_AFTER_MS = 20_000
/** One question may be lost by an accident. */
const ASKED_IN_VAIN = 2
/** Whoever has had nothing to do for so long has not shown for as long that it could. */
export const UNPROVEN_AFTER_MS = 5 * 60_000
/** So many times the longest silence before, and so many times the usual time to read what is to be read. */
const LONGER_THAN_EVER = 2
const SLOWER_THAN_USUAL = 4
/** A long silence counts half after this time, so that one bad moment does not excuse everything for ever. */
const SILENCE_HALF_LIFE_MS = 30 * 60_000
/** Until the pace is known: no engine worth its name reads slower than 10 tokens, about 40 bytes, a second. */
const SLOWEST_MS_PER_UNIT = 25

export type Standing = 'advancing' | 'doubted' | 'unproven' | 'stuck'

/** What a replica has to do now. */
export type Load = {
  readonly inFlight: number
  /** What it has to read before the answers that have not begun can begin, in units. */
  readonly unread: number
  /** How long the endpoint's replicas take for a unit of work. */
  readonly usual: Pace
}

export class ForwardProgress {
  #signAt: number
  #longestMs = 0
  #longestAt: number
  #inVain = 0
  /** It was given something since the last sign, and may have been left alone with it. */
  #owes = false

  constructor(now: number) {
    this.#signAt = now
    this.#longestAt = now
  }

  /** It was given something since the last sign, whether or not anybody still waits for it. */
  get owes(): boolean {
    return this.#owes
  }

  get askedInVain(): number {
    return this.#inVain
  }

  silentMs(now: number): number {
    return Math.max(0, now - this.#signAt)
  }

  /** The longest that it worked without a sign, less the longer ago it was. */
  longestSilenceMs(now: number): number {
    return this.#longestMs * 2 ** (-Math.max(0, now - this.#longestAt) / SILENCE_HALF_LIFE_MS)
  }

  /**
   * It gets a request. Where it had nothing to do its silence counts from now on, unless it never showed what became of
   * what it had before: clients who give up early must not hide a replica that answers none of them.
   */
  given(wasIdle: boolean, now: number): void {
    if (wasIdle && !this.#owes) this.#signAt = now
    this.#owes = true
  }

  /** More is taken of an answer again; where that was all it had, the silence before was not its own. */
  resumed(wasIdle: boolean, now: number): void {
    if (wasIdle && !this.#owes) this.#signAt = now
  }

  /** A request of somebody's advanced. */
  advanced(now: number): void {
    const silentMs = now - this.#signAt
    if (silentMs > this.#longestMs && silentMs > this.longestSilenceMs(now)) {
      this.#longestMs = silentMs
      this.#longestAt = now
    }
    this.showedLife(now)
  }

  /** It was asked and showed that it works. When it began to be silent for others is not known better for it. */
  showedLife(now: number): void {
    this.#signAt = now
    this.#inVain = 0
    this.#owes = false
  }

  askedForNothing(): void {
    this.#inVain++
  }

  /**
   * Promises: it is never stuck before `STUCK_AFTER_MS`, nor without having been asked in vain since the last sign,
   * whether it had something to do or not; a sign makes it advance at once.
   */
  standing(load: Load, now: number): Standing {
    const silentMs = this.silentMs(now)
    if (load.inFlight === 0 && !this.#owes) return this.#idleStanding(silentMs)
    if (silentMs < DOUBT_AFTER_MS) return 'advancing'
    if (this.#inVain < ASKED_IN_VAIN || silentMs < this.#patienceMs(load, now)) return 'doubted'
    return 'stuck'
  }

  #idleStanding(silentMs: number): Standing {
    if (silentMs < UNPROVEN_AFTER_MS) return 'advancing'
    return this.#inVain < ASKED_IN_VAIN ? 'unproven' : 'stuck'
  }

  #patienceMs({ unread, usual }: Load, now: number): number {
    const msPerUnit = usual.answers === 0 ? SLOWEST_MS_PER_UNIT : SLOWER_THAN_USUAL * Math.exp(usual.log)
    return Math.max(STUCK_AFTER_MS, LONGER_THAN_EVER * this.longestSilenceMs(now), unread * msPerUnit)
  }
}

/** For the person who reads why a replica was replaced. @param asked what its replies showed, in words. */
export function evidenceOf(progress: ForwardProgress, inFlight: number, asked: string, now: number): string {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
  if (inFlight === 0) {
    return (
      `with nothing to do, it gave no sign of life for ${seconds(progress.silentMs(now))}; ` +
      `asked ${progress.askedInVain} times, it ${asked}.`
    )
  }
  const requests = inFlight === 1 ? '1 request' : `${inFlight} requests`
  return (
    `with ${requests} on it, none has advanced for ${seconds(progress.silentMs(now))}, ` +
    `and before it was never silent for longer than ${seconds(progress.longestSilenceMs(now))}; ` +
    `asked ${progress.askedInVain} times, it ${asked}.`
  )
}
