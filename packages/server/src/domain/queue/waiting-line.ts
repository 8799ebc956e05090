/**
 * Who is next, of those who wait for one endpoint.
 *
 * More urgent requests go first, but one turn in eight is for whichever urgency was passed over longest, so that nobody
 * waits for ever. Among equally urgent ones the holders of tokens share what there is by virtual token counters: each
 * is charged for what it was given, and who was given least is next (Sheng et al., "Fairness in Serving Large
 * Language Models", OSDI 2024). Who begins to wait starts where the least served of those who wait is, because what was
 * not used is not saved up. Equally urgent requests of one holder go in the order in which they came.
 *
 * The line is bounded in requests and in bytes. When it is full, the newest requests of the holder with the most in it
 * make room; who has the most itself is refused, and whoever came first is never dropped for one who comes later.
 *
 * Pure: what waits is anything, and time plays no part.
 */

/** As the Priority header of RFC 9218 has them: 0 is the most urgent, 7 the least. */
export type Urgency = number
/** One turn in so many goes to the urgency that was passed over longest. */
export const TURNS_TO_PASSED_OVER = 8
/** Input is read many tokens at a time and each token of an output takes a step of its own: the paper's weights. */
export const OUTPUT_WEIGHT = 2
/** Holders whose share is remembered, while anybody waits. */
export const MOST_HOLDERS = 4_096

export type Waiting = {
  /** Whose it is: requests of one holder share one part of what there is. */
  readonly holder: string
  readonly urgency: Urgency
  /** What it is charged when its turn comes, in tokens. */
  readonly tokens: number
  /** What is kept of it meanwhile. */
  readonly bytes: number
}

export type LineLimits = { readonly requests: number; readonly bytes: number }

export type Joined<W> =
  | { readonly kind: 'joined'; readonly pushedOut: readonly W[] }
  | { readonly kind: 'full'; readonly of: keyof LineLimits }

type Place<W> = { readonly waiter: W; readonly about: Waiting; readonly number: number }

const sizeOf = ({ bytes }: Waiting, of: keyof LineLimits) => (of === 'requests' ? 1 : bytes)
const sumOf = (places: readonly Place<unknown>[], of: keyof LineLimits) =>
  places.reduce((sum, { about }) => sum + sizeOf(about, of), 0)
const queueOf = ({ holder, urgency }: Waiting) => `${urgency} ${holder}`

type Holder = { requests: number; bytes: number; given: number }

export class WaitingLine<W> {
  readonly #limits: LineLimits
  /** In order of arrival. */
  readonly #places = new Map<W, Place<W>>()
  /** The same by holder and urgency. */
  readonly #queues = new Map<string, Set<Place<W>>>()
  readonly #holders = new Map<string, Holder>()
  /** By urgency, the turn at which it was last served or began to wait. */
  readonly #lastTurn = new Map<Urgency, number>()
  #bytes = 0
  #arrivals = 0
  #turns = 0

  constructor(limits: LineLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#places.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** In order of arrival. */
  get waiters(): readonly W[] {
    return [...this.#places.keys()]
  }

  join(waiter: W, about: Waiting): Joined<W> {
    const pushedOut: Place<W>[] = []
    for (let of = this.#fullFor(about, pushedOut); of; of = this.#fullFor(about, pushedOut)) {
      const newest = this.#newestOfMost(about, of, pushedOut)
      if (!newest) return { kind: 'full', of }
      pushedOut.push(newest)
    }
    for (const place of pushedOut) this.#remove(place)
    this.#add({ waiter, about, number: ++this.#arrivals })
    return { kind: 'joined', pushedOut: pushedOut.map((place) => place.waiter) }
  }

  /** @returns whether it waited. */
  leave(waiter: W): boolean {
    const place = this.#places.get(waiter)
    if (place) this.#remove(place)
    return place !== undefined
  }

  /** Whose turn it is; asking changes nothing. */
  next(): W | undefined {
    const heads = this.#heads()
    const urgency = this.#urgencyNext(new Set(heads.map(({ about }) => about.urgency)))
    let best: Place<W> | undefined
    for (const place of heads) {
      if (place.about.urgency === urgency && (!best || this.#isBefore(place, best))) best = place
    }
    return best?.waiter
  }

  /** It got its turn: it leaves, and its holder is charged. */
  serve(waiter: W): void {
    const place = this.#places.get(waiter)
    if (!place) return
    this.#turns++
    this.#lastTurn.set(place.about.urgency, this.#turns)
    this.charge(place.about.holder, place.about.tokens)
    this.#remove(place)
  }

  /** More that the holder was given, while anybody waits. */
  charge(name: string, tokens: number): void {
    const holder = this.#holders.get(name)
    if (holder) holder.given += tokens
  }

  /** The first of each holder and urgency. */
  #heads(): Place<W>[] {
    const heads: Place<W>[] = []
    for (const queue of this.#queues.values()) {
      for (const first of queue) {
        heads.push(first)
        break
      }
    }
    return heads
  }

  #urgencyNext(waiting: ReadonlySet<Urgency>): Urgency | undefined {
    const sorted = [...waiting].toSorted((a, b) => a - b)
    if ((this.#turns + 1) % TURNS_TO_PASSED_OVER !== 0) return sorted[0]
    const lastTurn = (urgency: Urgency) => this.#lastTurn.get(urgency) ?? 0
    return sorted.toSorted((a, b) => lastTurn(a) - lastTurn(b))[0]
  }

  #isBefore(a: Place<W>, b: Place<W>): boolean {
    const given = ({ about }: Place<W>) => this.#holders.get(about.holder)?.given ?? 0
    return given(a) < given(b) || (given(a) === given(b) && a.number < b.number)
  }

  /** Whoever is first is let in whatever its size. @param without those that would leave. */
  #fullFor({ bytes }: Waiting, without: readonly Place<W>[]): keyof LineLimits | undefined {
    const requests = this.size - without.length
    if (requests === 0) return undefined
    if (requests >= this.#limits.requests) return 'requests'
    const held = this.#bytes - sumOf(without, 'bytes')
    return held + bytes > this.#limits.bytes ? 'bytes' : undefined
  }

  /** Of the holder with the most, as long as that keeps no less than the newcomer's holder would have. */
  #newestOfMost(newcomer: Waiting, of: keyof LineLimits, without: readonly Place<W>[]): Place<W> | undefined {
    const has = (name: string) =>
      (this.#holders.get(name)?.[of] ?? 0) -
      sumOf(
        without.filter(({ about }) => about.holder === name),
        of,
      )
    const name = [...this.#holders.keys()].reduce((most, other) => (has(other) > has(most) ? other : most))
    const newest = [...this.#places.values()].findLast(
      (place) => place.about.holder === name && !without.includes(place),
    )
    const [first] = this.#places.values()
    if (!newest || newest === first || name === newcomer.holder) return undefined
    const keeps = has(name) - sizeOf(newest.about, of)
    return keeps >= has(newcomer.holder) + sizeOf(newcomer, of) ? newest : undefined
  }

  #add(place: Place<W>): void {
    const { holder: name, urgency, bytes } = place.about
    const key = queueOf(place.about)
    const queue = this.#queues.get(key) ?? new Set()
    const others = this.#heads().some(({ about }) => about.urgency === urgency)
    if (!others) this.#lastTurn.set(urgency, this.#turns)
    this.#queues.set(key, queue.add(place))
    const holder = this.#holders.get(name) ?? { requests: 0, bytes: 0, given: 0 }
    if (holder.requests === 0) holder.given = Math.max(holder.given, this.#leastGiven())
    holder.requests++
    holder.bytes += bytes
    this.#holders.set(name, holder)
    this.#places.set(place.waiter, place)
    this.#bytes += bytes
    if (this.#holders.size > MOST_HOLDERS) this.#forgetIdleHolders()
  }

  #remove(place: Place<W>): void {
    const { waiter, about } = place
    this.#places.delete(waiter)
    const queue = this.#queues.get(queueOf(about))
    queue?.delete(place)
    if (queue?.size === 0) this.#queues.delete(queueOf(about))
    this.#bytes -= about.bytes
    const holder = this.#holders.get(about.holder)!
    holder.requests--
    holder.bytes -= about.bytes
    // Where nobody waits there is nothing to share, and what was taken then took nothing from anybody.
    if (this.size > 0) return
    this.#holders.clear()
    this.#lastTurn.clear()
    this.#turns = 0
  }

  #leastGiven(): number {
    let least = Number.POSITIVE_INFINITY
    for (const { requests, given } of this.#holders.values()) {
      if (requests > 0) least = Math.min(least, given)
    }
    return Number.isFinite(least) ? least : 0
  }

  #forgetIdleHolders(): void {
    for (const [name, { requests }] of this.#holders) if (requests === 0) this.#holders.delete(name)
  }
}
