/**
 * The replicas of one endpoint as routing knows them: what is on each, how each has done, what each has read.
 *
 * Choosing a replica and counting the request on it are one step. There is no I/O and no clock in here, so that the
 * gateway and the simulator route by the same code. It hears of an answer's beginning and end from its caller.
 */
import type { ReplicaId } from '../replica.ts'
import { chooseReplica, DEFAULT_ROUTING, type RoutingRules } from './choose-replica.ts'
import { Claim, type ClaimKeeper } from './claim.ts'
import type { ForwardProgress, Standing } from './forward-progress.ts'
import { LEAST_PREFIX_BYTES, PrefixMemory } from './prefix-memory.ts'
import { PLAIN_REQUEST, type Prompt, type RoutingRequest } from './prompt.ts'
import { isAvoided, NO_PACE, paced, slowness } from './replica-health.ts'
import { type LoadElsewhere, NOTHING_ELSEWHERE, newSeat, type Seat } from './seat.ts'

/** For a replica, about as many blocks as an engine's own cache holds; for an endpoint, whatever its size. */
const PREFIX_BYTES_PER_REPLICA = 128 * 1024
const PREFIX_BYTES_PER_ENDPOINT = 8 * 1024 * 1024
const NO_KEYS: readonly number[] = []

export type ListedReplica = { readonly id: ReplicaId; readonly state: 'ready' | 'draining' }

/** A replica that has something to do and does not show that it does it, or that was given up for that. */
export type SilentReplica = {
  readonly id: ReplicaId
  readonly standing: Standing
  readonly isGivenUp: boolean
  readonly inFlight: number
  readonly isFull: boolean
  /** It has nothing to do, of anybody's, and owes no sign for what it had. */
  readonly isIdle: boolean
  readonly progress: ForwardProgress
}

export class EndpointRouting implements ClaimKeeper {
  #rules: RoutingRules = DEFAULT_ROUTING
  /** What may be chosen from. */
  #listed: readonly Seat[] = []
  #isChoice = false
  /** Those listed, and those that left with requests on them. */
  readonly #seats = new Map<ReplicaId, Seat>()
  readonly #slots: (ReplicaId | undefined)[] = []
  /** Of prompts and sessions: only where there is more than one, and only for the policies that ask it. */
  #memory: PrefixMemory | undefined
  #matched = new Float64Array(1)
  #usual = NO_PACE
  #turn = 0

  get inFlight(): number {
    let inFlight = 0
    for (const { own } of this.#seats.values()) inFlight += own
    return inFlight
  }

  /** Nothing is listed and nothing is on a replica that was. */
  get isEmpty(): boolean {
    return this.#seats.size === 0
  }

  /** There are replicas that could be chosen, if only they had room. */
  get areFull(): boolean {
    const { room } = this.#rules
    const open = this.#listed.filter((seat) => seat.state === 'ready' && !seat.resting)
    return open.length > 0 && room !== null && open.every((seat) => seat.inFlight >= room)
  }

  get prefixBytes(): number {
    return this.#memory?.bytes ?? 0
  }

  list(replicas: readonly ListedReplica[], rules: RoutingRules, now: number): void {
    this.#rules = rules
    for (const seat of this.#listed) seat.isListed = false
    const before = this.#listed
    this.#listed = replicas.map((replica) => this.#seatOf(replica, now))
    this.#isChoice = this.#listed.filter((seat) => seat.state === 'ready').length > 1
    for (const seat of before) if (!seat.isListed) this.#leave(seat)
    this.#makeRoomForPrefixes()
  }

  /** @param chosen by somebody else, who may give it more than it works on at once. */
  claim(request: RoutingRequest, now: number, chosen?: ReplicaId): Claim | undefined {
    if (chosen !== undefined) return this.#claimChosen(chosen, request, now)
    // Where there is no choice nothing is found out about the request.
    const known = this.#isChoice ? request : PLAIN_REQUEST
    const session = this.#memory ? known.session() : undefined
    const prompt = this.#look(known, session, now)
    const seat = chooseReplica(this.#listed, this.#rules, known.units, this.#turn++)
    if (!seat) return undefined
    const keys = this.#remember(seat, prompt, session)
    // Where there is no choice it was not asked about; how long it may be silent depends on its size all the same.
    return new Claim(this, seat, request.units, keys, now)
  }

  /** What it reads is for whoever chose it to know. */
  #claimChosen(id: ReplicaId, request: RoutingRequest, now: number): Claim | undefined {
    const seat = this.#seats.get(id)
    const takesIt = seat?.isListed && seat.state === 'ready' && !seat.resting
    return takesIt ? new Claim(this, seat, request.units, NO_KEYS, now) : undefined
  }

  /** It gets nothing new until `endRest`. @returns whether it was not resting already. */
  rest(id: ReplicaId): boolean {
    const seat = this.#seats.get(id)
    if (!seat || seat.rests) return false
    seat.rests = true
    seat.resting = true
    return true
  }

  endRest(id: ReplicaId): void {
    const seat = this.#seats.get(id)
    if (!seat) return
    seat.rests = false
    seat.resting = seat.isGivenUp
  }

  /** It gets nothing new until `trust`. */
  giveUp(id: ReplicaId): void {
    const seat = this.#seats.get(id)
    if (!seat) return
    seat.isGivenUp = true
    seat.resting = true
  }

  trust(id: ReplicaId): void {
    const seat = this.#seats.get(id)
    if (!seat) return
    seat.isGivenUp = false
    seat.resting = seat.rests
  }

  /** Those to ask whether they work, and those that were given up. */
  *silent(now: number): Iterable<SilentReplica> {
    const { room } = this.#rules
    for (const { id, own, inFlight, paused, unread, progress, isGivenUp, state } of this.#seats.values()) {
      // Of what others have there only they see whether it advances.
      const standing = progress.standing({ inFlight: own - paused, unread, usual: this.#usual }, now)
      if (standing === 'advancing' && !isGivenUp) continue
      const isIdle = inFlight === 0 && !progress.owes
      // Whoever works for others, or waits for a client that does not read, or is about to end, proves nothing here.
      if (standing === 'unproven' && (!isIdle || state !== 'ready')) continue
      yield {
        id,
        standing,
        isGivenUp,
        inFlight: own,
        isFull: room !== null && inFlight >= room,
        isIdle,
        progress,
      }
    }
  }

  /** Told to finish, or no longer listed, and nothing is on it. */
  isDrained(id: ReplicaId): boolean {
    const seat = this.#seats.get(id)
    return seat === undefined || (seat.state === 'draining' && seat.own === 0)
  }

  *loads(): Iterable<readonly [ReplicaId, number]> {
    for (const { id, own } of this.#seats.values()) yield [id, own]
  }

  /** What this gateway has on each replica. */
  *ownLoads(): Iterable<readonly [ReplicaId, LoadElsewhere]> {
    for (const { id, own, outstanding, unread, elsewhere } of this.#seats.values()) {
      yield [
        id,
        {
          inFlight: own,
          outstanding: outstanding - elsewhere.outstanding,
          unread: unread - elsewhere.unread,
        },
      ]
    }
  }

  /** Other gateways have so much on it now, all together. */
  setElsewhere(id: ReplicaId, load: LoadElsewhere = NOTHING_ELSEWHERE): void {
    const seat = this.#seats.get(id)
    if (!seat) return
    seat.inFlight += load.inFlight - seat.elsewhere.inFlight
    seat.outstanding += load.outstanding - seat.elsewhere.outstanding
    seat.unread += load.unread - seat.elsewhere.unread
    seat.elsewhere = load
  }

  /** Another gateway had it read the prompt with these keys. */
  learn(id: ReplicaId, keys: Iterable<number>): void {
    const seat = this.#seats.get(id)
    if (seat) this.#memory?.remember(keys, seat.slot)
  }

  answered(work: number, ms: number, now: number): void {
    this.#usual = paced(this.#usual, work, ms, now)
  }

  left(seat: Seat): void {
    if (!seat.isListed) this.#leave(seat)
  }

  #seatOf({ id, state }: ListedReplica, now: number): Seat {
    const seat = this.#seats.get(id) ?? this.#newSeat(id, state, now)
    seat.state = state
    seat.isListed = true
    return seat
  }

  #newSeat(id: ReplicaId, state: Seat['state'], now: number): Seat {
    const free = this.#slots.indexOf(undefined)
    const slot = free === -1 ? this.#slots.length : free
    this.#slots[slot] = id
    const seat = newSeat(id, slot, state, now)
    this.#seats.set(id, seat)
    return seat
  }

  #leave(seat: Seat): void {
    seat.state = 'draining'
    if (seat.isListed || seat.own > 0) return
    this.#seats.delete(seat.id)
    this.#slots[seat.slot] = undefined
    this.#memory?.forget(seat.slot)
  }

  #makeRoomForPrefixes(): void {
    while (this.#slots.length > 0 && this.#slots.at(-1) === undefined) this.#slots.pop()
    const { length } = this.#slots
    if (this.#rules.policy === 'round-robin' || length < 2) {
      this.#memory = undefined
      return
    }
    const bytes = Math.max(
      LEAST_PREFIX_BYTES,
      Math.min(PREFIX_BYTES_PER_ENDPOINT, length * PREFIX_BYTES_PER_REPLICA),
    )
    this.#memory ??= new PrefixMemory(bytes)
    this.#memory.resize(length, bytes)
    if (this.#matched.length !== length) this.#matched = new Float64Array(length)
  }

  /** Writes on every seat how it looks to this request. */
  #look(request: RoutingRequest, session: number | undefined, now: number): Prompt | undefined {
    const memory = this.#memory
    const prompt = memory && this.#rules.policy === 'prefix-affinity' ? request.prompt() : undefined
    if (prompt) memory?.match(prompt, this.#matched)
    for (const seat of this.#listed) {
      seat.cached = prompt ? this.#matched[seat.slot]! : 0
      seat.hasSession = (session !== undefined && memory?.holds(session, seat.slot)) ?? false
      seat.avoided = isAvoided(seat.health, seat.inFlight, now)
      seat.slowness = slowness(seat.health, this.#usual, now)
    }
    return prompt
  }

  /** @returns what others might want to know too. */
  #remember(seat: Seat, prompt: Prompt | undefined, session: number | undefined): readonly number[] {
    if (!prompt && session === undefined) return NO_KEYS
    const keys: number[] = []
    // An iterator over them would make an object for each.
    for (let block = 0; prompt && block < prompt.keys.length; block++) keys.push(prompt.keys[block]!)
    if (session !== undefined) keys.push(session)
    this.#memory?.remember(keys, seat.slot)
    return keys
  }
}
