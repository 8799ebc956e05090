/**
 * News of a namespace: endpoints as they are now whenever they changed, and events as they are written down.
 *
 * A hint says where to look, and a look every second or two finds what no hint told. Every piece of news carries a
 * place in the log of events and a time; who lost the stream says the last one that arrived and misses nothing, or
 * is told that too much happened meanwhile. Nothing is queued for a slow listener but the names of what changed.
 */
import { createHash } from 'node:crypto'
import type { EndpointWithStatus, EventView, News } from '@berth/contract'
import type { EndpointRecord } from '../domain/endpoint.ts'
import type { EndpointId } from '../domain/replica.ts'
import type { Clock } from '../platform/clock.ts'
import type { EventRecord, Store } from '../store/store.ts'

const LOOK_EVERY_MS = 2_000
/** Hints come in flocks; they are looked after together. */
const GATHER_MS = 50
const MAX_CATCH_UP_EVENTS = 500
const EVENTS_PER_LOOK = 200
/** Statuses are written a moment after the time that they speak of. */
const OVERLAP_MS = 5_000

export type LiveRooms = {
  readonly clock: Clock
  readonly store: Store
  /** Calls the listener with everything that may have changed. @returns a function that ends it. */
  listen(listener: (id: EndpointId) => void): () => void
  view(endpoint: EndpointRecord): Promise<EndpointWithStatus>
}

type Place = { readonly sequence: number; readonly at: number }

export async function* liveNews(
  rooms: LiveRooms,
  namespace: string,
  after: string | undefined,
  signal: AbortSignal,
): AsyncIterable<News> {
  const hints = new Hints(rooms.clock)
  const stopListening = rooms.listen((id) => hints.add(id))
  signal.addEventListener('abort', () => hints.end(), { once: true })
  try {
    const teller = new Teller(rooms, namespace)
    yield* teller.begin(placeIn(after))
    while (!signal.aborted) {
      const changed = await hints.next()
      if (signal.aborted) return
      yield* teller.changed(changed)
      yield* teller.happened()
    }
  } finally {
    stopListening()
  }
}

/** What one listener was told. */
class Teller {
  readonly #rooms: LiveRooms
  readonly #namespace: string
  /** By endpoint: its name, and what its last view added up to. */
  readonly #told = new Map<EndpointId, { readonly name: string; readonly sum: string | undefined }>()
  #sequence = 0

  constructor(rooms: LiveRooms, namespace: string) {
    this.#rooms = rooms
    this.#namespace = namespace
  }

  async *begin(place: Place | undefined): AsyncIterable<News> {
    const { events, endpoints, statuses } = this.#rooms.store
    const newest = (await events.list({ limit: 1 }))[0]?.sequence ?? 0
    const there = await endpoints.list(this.#namespace)
    for (const { id, spec } of there) this.#told.set(id, { name: spec.name, sum: undefined })
    const filter = { namespace: this.#namespace, after: place?.sequence ?? newest }
    const missedEvents = await events.list({ ...filter, limit: MAX_CATCH_UP_EVENTS + 1 })
    const missed = !place || place.sequence > newest || missedEvents.length > MAX_CATCH_UP_EVENTS
    this.#sequence = newest
    yield { type: 'ready', id: this.#place(), missed }
    if (missed) return
    this.#sequence = place.sequence
    yield* this.#tell(missedEvents)
    const since = place.at - OVERLAP_MS
    const reported = new Map((await statuses.list()).map((status) => [status.endpointId, status.at]))
    const changed = there.filter(({ id, updatedAt }) => Math.max(updatedAt, reported.get(id) ?? 0) >= since)
    yield* this.changed(new Set(changed.map(({ id }) => id)))
  }

  async *changed(ids: ReadonlySet<EndpointId>): AsyncIterable<News> {
    for (const id of ids) {
      const endpoint = await this.#rooms.store.endpoints.get(id)
      const told = this.#told.get(id)
      if (endpoint?.namespace === this.#namespace) {
        const view = await this.#rooms.view(endpoint)
        const sum = createHash('sha256').update(JSON.stringify(view)).digest('base64')
        if (sum === told?.sum) continue
        this.#told.set(id, { name: endpoint.spec.name, sum })
        yield { type: 'endpoint', id: this.#place(), endpoint: view }
      } else if (!endpoint && told) {
        this.#told.delete(id)
        yield { type: 'gone', id: this.#place(), namespace: this.#namespace, name: told.name }
      }
    }
  }

  async *happened(): AsyncIterable<News> {
    for (;;) {
      const filter = { namespace: this.#namespace, after: this.#sequence, limit: EVENTS_PER_LOOK }
      const events = await this.#rooms.store.events.list(filter)
      yield* this.#tell(events)
      if (events.length < EVENTS_PER_LOOK) return
    }
  }

  *#tell(events: readonly EventRecord[]): Iterable<News> {
    for (const event of events) {
      this.#sequence = event.sequence
      yield { type: 'event', id: this.#place(), event: eventView(event) }
    }
  }

  #place(): string {
    return `${this.#sequence}.${this.#rooms.clock.now()}`
  }
}

/** What may have changed since it was last asked. */
class Hints {
  readonly #clock: Clock
  #ids = new Set<EndpointId>()
  #news = Promise.withResolvers<void>()
  readonly #ended = new AbortController()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(id: EndpointId): void {
    this.#ids.add(id)
    this.#news.resolve()
  }

  end(): void {
    this.#ended.abort()
    this.#news.resolve()
  }

  /** Waits for some, but not for long: what nobody hints at is found by looking. */
  async next(): Promise<ReadonlySet<EndpointId>> {
    const heard = new AbortController()
    const enough = this.#clock.sleep(LOOK_EVERY_MS, AbortSignal.any([heard.signal, this.#ended.signal]))
    await Promise.race([this.#news.promise, enough.catch(() => {})])
    heard.abort()
    if (this.#ids.size > 0) await this.#clock.sleep(GATHER_MS, this.#ended.signal).catch(() => {})
    const ids = this.#ids
    this.#ids = new Set()
    this.#news = Promise.withResolvers()
    return ids
  }
}

function placeIn(text: string | undefined): Place | undefined {
  const [, sequence, at] = /^(\d{1,15})\.(\d{1,15})$/.exec(text ?? '') ?? []
  return sequence === undefined ? undefined : { sequence: Number(sequence), at: Number(at) }
}

export const eventView = ({
  sequence,
  at,
  actor,
  kind,
  endpoint,
  message,
  details,
}: EventRecord): EventView => ({
  sequence,
  at: new Date(at).toISOString(),
  actor: actor.name,
  kind,
  endpoint,
  message,
  details: { ...details },
})
