/**
 * The other workers, as this one deals with them: it tells them what it has on replicas, what it charged to limits and
 * which replica read which prompt, a few milliseconds after it changed; and it reckons with what they tell.
 */

import type { UsageLimits } from '../../domain/limits/usage-limits.ts'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Admission, Charge, Place } from '../admission.ts'
import type { ReplicaLeases } from '../replica-leases.ts'
import { PeerSocket } from './peer-socket.ts'
import { keeperOf, PlaceLedger } from './place-ledger.ts'
import { type LoadReport, SharedSums } from './shared-sums.ts'
import { sumPages } from './sum-pages.ts'

type Reading = { readonly id: EndpointId; readonly replicaId: ReplicaId; readonly keys: readonly number[] }

export type WorkerNews = {
  readonly loads: readonly LoadReport[]
  readonly charges: readonly Charge[]
  readonly read: readonly Reading[]
  /** By worker: the number of the question whose answer was read last; the charges count what it gave. */
  readonly answered?: Readonly<Record<string, number>>
  /** From a worker that leaves: the page of all that it counted, so that nothing counted goes back. */
  readonly legacy?: string
}

export type CompanyRooms = {
  readonly directory: string
  readonly gatewayId: string
  readonly clock: Clock
  readonly leases: ReplicaLeases
  readonly admission: Admission
  /** Answers what other workers ask, in behalf of a client of theirs. */
  readonly answer: (question: string) => string
}

/** For a place in a limit on requests at a time. */
type PlaceQuestion = {
  readonly kind: 'place'
  readonly key: string
  readonly limits: UsageLimits
  readonly inside: number
  /** Of the worker that is asked. */
  readonly answered: number
}

const GIVEN = 'given'
const FULL = 'full'

/** What changed meanwhile is told together. */
const TELL_EVERY_MS = 3
/** Prompts of which others are told at once; more are found out again. */
const READINGS_AT_ONCE = 200

export class WorkerCompany {
  readonly #rooms: CompanyRooms
  readonly #sums = new SharedSums()
  readonly #peers: PeerSocket<WorkerNews>
  readonly #ledger = new PlaceLedger()
  readonly #changed = new Set<EndpointId>()
  #read: Reading[] = []
  #legacy: string | undefined
  #isTelling = false
  #isClosed = false

  constructor(rooms: CompanyRooms) {
    const { directory, gatewayId, clock, answer } = rooms
    this.#rooms = rooms
    this.#peers = new PeerSocket({
      directory,
      gatewayId,
      clock,
      everything: () => this.#everything(),
      heard: (from, news) => this.#heard(from, news),
      gone: (from) => this.#gone(from),
      answer: (question, from, number) =>
        question.startsWith('{')
          ? this.#placeFor(from, number, JSON.parse(question) as PlaceQuestion)
          : answer(question),
    })
    rooms.admission.onCharge = () => this.#tellSoon()
    rooms.admission.others = () => this.#peers.connected
    rooms.admission.keptElsewhere = (key, account, take) => this.#askForPlace(key, account, take)
  }

  async open(): Promise<void> {
    await this.#peers.open()
  }

  /** What workers that left had counted. */
  get legacy(): string | undefined {
    return this.#legacy
  }

  /** @param page of all that this one counted; the others go on from there. */
  async close(page: string): Promise<void> {
    this.#isClosed = true
    const legacy = this.#legacy === undefined ? page : sumPages([page, this.#legacy])
    this.#peers.sayToOne({ loads: [], charges: [], read: [], legacy })
    await this.#peers.close()
  }

  get others(): number {
    return this.#peers.connected
  }

  ask(question: string): Promise<readonly string[]> {
    return this.#peers.ask(question)
  }

  changed(id: EndpointId, replicaId: ReplicaId, keys: readonly number[]): void {
    if (this.#peers.connected === 0) return
    this.#changed.add(id)
    if (keys.length > 0 && this.#read.length < READINGS_AT_ONCE) this.#read.push({ id, replicaId, keys })
    this.#tellSoon()
  }

  /** A place in a limit that another worker keeps; undefined where this one does, or the other does not say. */
  async #askForPlace(
    key: string,
    { limits, inside }: { readonly limits: UsageLimits; readonly inside: number },
    take: () => void,
  ): Promise<Place | undefined> {
    const { gatewayId } = this.#rooms
    if (this.#peers.connected === 0 || this.#isClosed) return undefined
    const keeper = keeperOf(key, [gatewayId, ...this.#peers.ids])
    if (keeper === gatewayId) return undefined
    const answered = this.#peers.lastRead[keeper] ?? 0
    const question: PlaceQuestion = { kind: 'place', key, limits, inside, answered }
    let place: Place | undefined
    await this.#peers.askOne(keeper, JSON.stringify(question), (answer) => {
      if (answer === GIVEN) {
        take()
        place = 'taken'
      } else if (answer === FULL) place = 'none'
    })
    return place
  }

  /** Says to another worker whether one more may be inside, and counts it. */
  #placeFor(from: string, number: number, { key, limits, inside, answered }: PlaceQuestion): string {
    const { admission, clock } = this.#rooms
    this.#ledger.hasRead(from, answered, [key])
    this.#ledger.says(from, key, inside)
    const nothing = { key, limits, requests: 0, tokens: 0, inside }
    admission.chargedElsewhere(nothing, this.#insideElsewhere(from, key), clock.elapsed())
    if (!admission.hasPlace(key)) return FULL
    this.#ledger.give(from, key, number)
    admission.insideElsewhere(key, this.#insideElsewhere(from, key), clock.elapsed())
    return GIVEN
  }

  #insideElsewhere(changed: string, key: string): number {
    return this.#sums.setInside(changed, key, this.#ledger.inside(changed, key))
  }

  #tellSoon(): void {
    if (this.#isTelling || this.#isClosed) return
    this.#isTelling = true
    void this.#rooms.clock.sleep(TELL_EVERY_MS).then(() => {
      this.#isTelling = false
      if (!this.#isClosed) this.#tell()
    })
  }

  #tell(): void {
    const charges = this.#rooms.admission.charges()
    const loads = [...this.#changed].map((id) => this.#loadsOf(id))
    const read = this.#read
    this.#changed.clear()
    this.#read = []
    if (this.#peers.connected > 0) this.#peers.say({ loads, charges, read, answered: this.#peers.lastRead })
  }

  #everything(): WorkerNews {
    const { leases, admission } = this.#rooms
    return {
      loads: leases.busyEndpoints.map((id) => this.#loadsOf(id)),
      charges: admission.standingCharges(),
      read: [],
    }
  }

  #loadsOf(id: EndpointId): LoadReport {
    return { id, replicas: [...this.#rooms.leases.ownLoads(id)] }
  }

  #heard(from: string, { loads, charges, read, answered, legacy }: WorkerNews): void {
    const { leases, admission, clock, gatewayId } = this.#rooms
    if (legacy !== undefined) this.#legacy = sumPages([...(this.#legacy ? [this.#legacy] : []), legacy])
    for (const { id, replicaId, keys } of read) leases.learn(id, replicaId, keys)
    for (const report of loads) leases.setElsewhere(report.id, this.#sums.setLoads(from, report))
    const owed = this.#ledger.owedBy(from)
    this.#ledger.hasRead(from, answered?.[gatewayId] ?? 0, owed)
    for (const charge of charges) {
      this.#ledger.says(from, charge.key, charge.inside)
      admission.chargedElsewhere(charge, this.#insideElsewhere(from, charge.key), clock.elapsed())
    }
    for (const key of owed) admission.insideElsewhere(key, this.#insideElsewhere(from, key), clock.elapsed())
  }

  #gone(from: string): void {
    const { leases, admission, clock } = this.#rooms
    const { endpoints, keys } = this.#sums.of(from)
    this.#ledger.forget(from)
    for (const id of endpoints) leases.setElsewhere(id, this.#sums.setLoads(from, { id, replicas: [] }))
    for (const key of keys)
      admission.insideElsewhere(key, this.#sums.setInside(from, key, 0), clock.elapsed())
  }
}
