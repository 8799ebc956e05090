/**
 * Watches whether replicas work on what they have, and gives up those that do not.
 *
 * Nothing is asked of a replica whose answers advance, however busy it is. One that is silent, or had nothing to do for
 * long and can be asked cheaply, is asked for its counters
 * and, unless it is full, the smallest question that it knows. Who shows nothing for long enough gets no more
 * requests, those that it has not begun to answer are sent to others, and the control process is told why, so that it
 * is replaced. What follows from what is seen is for `domain/routing/forward-progress.ts`.
 */

import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import { evidenceOf } from '../domain/routing/forward-progress.ts'
import {
  idleReplyInWords,
  type Replies,
  repliesInWords,
  sumOfCounters,
  type Vitals,
  whatIdleReplyShows,
  whatRepliesShow,
} from '../domain/routing/vitals.ts'
import type { RoutedEndpoint, RoutedReplica, UpMessage } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Question, Reply } from './ask-replica.ts'
import type { GatewayLimits } from './limits.ts'
import type { ReplicaLeases, SilentLease } from './replica-leases.ts'

type WatchRooms = {
  readonly clock: Clock
  readonly log: Log
  readonly limits: Pick<GatewayLimits, 'watchEveryMs' | 'askEveryMs'>
  /** Undefined for no reply in time. */
  readonly ask: (replica: RoutedReplica, question: Question) => Promise<Reply | undefined>
  readonly leases: ReplicaLeases
  /** Of several workers one asks replicas that have nothing to do. */
  readonly asksIdle: boolean
  readonly find: (id: EndpointId) => Pick<RoutedEndpoint, 'vitals'> | undefined
  readonly say: (message: UpMessage) => void
  /** A replica works again. */
  readonly returned: (id: EndpointId) => void
}

/** A replica that is being asked. */
type Asked = {
  at: number
  isAnswering: boolean
  counters: number | undefined
  /** What its last replies showed, for the evidence. */
  words: string
}

export class ProgressWatch {
  readonly #rooms: WatchRooms
  readonly #asked = new Map<ReplicaId, Asked>()

  constructor(rooms: WatchRooms) {
    this.#rooms = rooms
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, limits } = this.#rooms
    while (!signal.aborted) {
      await clock.sleep(limits.watchEveryMs, signal).catch(() => {})
      if (!signal.aborted) this.look()
    }
  }

  look(): void {
    const { leases, find } = this.#rooms
    const silent = new Set<ReplicaId>()
    for (const lease of [...leases.silent()]) {
      silent.add(lease.id)
      const vitals = find(lease.endpointId)?.vitals
      if (vitals) this.#attend(lease, vitals)
    }
    for (const id of this.#asked.keys()) if (!silent.has(id)) this.#asked.delete(id)
  }

  #attend(lease: SilentLease, vitals: Vitals): void {
    const { leases, log, returned } = this.#rooms
    const { endpointId, id, standing, isGivenUp } = lease
    if (standing === 'advancing') {
      log.info('a replica that was given up works again', { replica: id })
      leases.trust(endpointId, id)
      returned(endpointId)
      return
    }
    if (standing === 'unproven' && !(this.#rooms.asksIdle && vitals.isAskedWhenIdle)) return
    if (standing === 'stuck' && !isGivenUp) this.#giveUp(lease)
    void this.#ask(lease, vitals)
  }

  #giveUp(lease: SilentLease): void {
    const { leases, log } = this.#rooms
    const { endpointId, id } = lease
    const evidence = this.#evidence(lease)
    log.warn('replica is stuck', { replica: id, evidence })
    leases.giveUp(endpointId, id)
    this.#rooms.say({ kind: 'stuck', id: endpointId, replicaId: id, evidence })
  }

  #evidence({ id, inFlight, progress }: SilentLease): string {
    const words = this.#asked.get(id)?.words ?? 'said nothing'
    return evidenceOf(progress, inFlight, words, this.#rooms.clock.elapsed())
  }

  async #ask(lease: SilentLease, vitals: Vitals): Promise<void> {
    const { clock, limits } = this.#rooms
    const asked = this.#asked.get(lease.id) ?? this.#newlyAsked(lease.id)
    if (asked.isAnswering || clock.elapsed() - asked.at < limits.askEveryMs) return
    asked.at = clock.elapsed()
    asked.isAnswering = true
    // Said again as often as it is asked: the control process may have been away.
    if (lease.isGivenUp) {
      const evidence = this.#evidence(lease)
      this.#rooms.say({ kind: 'stuck', id: lease.endpointId, replicaId: lease.id, evidence })
    }
    const shown = lease.isIdle
      ? await this.#askIdle(lease.replica, vitals, asked)
      : await this.#askBusy(lease, vitals, asked)
    asked.isAnswering = false
    this.#rooms.log.debug('silent replica was asked', { replica: lease.id, shown, replies: asked.words })
    if (shown === 'life') lease.progress.showedLife(clock.elapsed())
    else if (shown === 'nothing') lease.progress.askedForNothing()
  }

  async #askBusy({ replica, isFull }: SilentLease, vitals: Vitals, asked: Asked) {
    const replies = await this.#repliesOf(replica, vitals, isFull)
    const shown = whatRepliesShow(asked.counters, replies)
    if (typeof replies.counters === 'number') asked.counters = replies.counters
    asked.words = repliesInWords(replies)
    return shown
  }

  async #askIdle(replica: RoutedReplica, { question }: Vitals, asked: Asked) {
    const status = (await this.#rooms.ask(replica, question))?.status ?? 'silent'
    asked.words = idleReplyInWords(status)
    return whatIdleReplyShows(status)
  }

  #newlyAsked(id: ReplicaId): Asked {
    const asked = { at: Number.NEGATIVE_INFINITY, isAnswering: false, counters: undefined, words: '' }
    this.#asked.set(id, asked)
    return asked
  }

  async #repliesOf(replica: RoutedReplica, vitals: Vitals, isFull: boolean): Promise<Replies> {
    const { ask } = this.#rooms
    const [page, answer] = await Promise.all([
      ask(replica, { path: vitals.counters.path }),
      isFull ? undefined : ask(replica, vitals.question),
    ])
    return {
      counters: countersIn(page, vitals),
      question: isFull ? 'not asked' : (answer?.status ?? 'silent'),
    }
  }
}

function countersIn(page: Reply | undefined, { counters }: Vitals): Replies['counters'] {
  if (!page) return 'silent'
  return (page.status === 200 ? sumOfCounters(page.text, counters.names) : undefined) ?? 'none'
}
