/** What is asked about the timeline of an endpoint: from the log of events, and from what runs now. */
import type { Marker, Timeline } from '@berth/contract'
import { type EndpointRecord, endpointKey } from '../domain/endpoint.ts'
import { PlatformError } from '../domain/errors.ts'
import type { Clock } from '../platform/clock.ts'
import { isReplica, type RuntimeDriver } from '../runtime/driver.ts'
import type { Store } from '../store/store.ts'
import { eventView } from './live.ts'
import { MARKING_KINDS, markersOf, REPLICA_KINDS, replicaLives } from './timeline.ts'

const DAY_MS = 24 * 60 * 60_000
const MAX_MARKERS = 500
/** Enough for the replicas of a month: an endpoint that has more shows its latest. */
const MAX_REPLICA_EVENTS = 5_000
/** A replica of the range may have begun long before it. */
const LONGEST_LIFE_MS = 30 * DAY_MS

export type TimelineRooms = {
  readonly clock: Clock
  readonly store: Store
  readonly driver: Pick<RuntimeDriver, 'list'>
}

export type TimelineAsk = {
  /** In milliseconds since the epoch. */
  readonly from: number | undefined
  readonly to: number | undefined
  readonly kinds?: readonly string[] | undefined
  readonly limit: number
  readonly cursor?: number | undefined
}

export async function readTimeline(
  { clock, store, driver }: TimelineRooms,
  endpoint: EndpointRecord,
  asked: TimelineAsk,
): Promise<Timeline> {
  const to = asked.to ?? clock.now()
  const from = asked.from ?? to - DAY_MS
  if (from >= to) {
    throw new PlatformError(
      'invalid',
      `from is ${iso(from)} and to is ${iso(to)}: the range must end after it begins.`,
      { field: 'from' },
    )
  }
  const { limit, kinds, cursor } = asked
  // An endpoint of the same name that was deleted is another one.
  const since = (time: number) => ({
    endpoint: endpointKey(endpoint),
    from: Math.max(time, endpoint.createdAt),
    to,
  })
  const [page, ofReplicas, running] = await Promise.all([
    store.events.list({
      ...since(from),
      limit: limit + 1,
      ...(kinds && { kinds }),
      ...(cursor !== undefined && { before: cursor }),
    }),
    store.events.list({ ...since(from - LONGEST_LIFE_MS), kinds: REPLICA_KINDS, limit: MAX_REPLICA_EVENTS }),
    driver.list(),
  ])
  const there = running.filter(
    (one) => one.endpointId === endpoint.id && one.state === 'running' && isReplica(one),
  )
  const events = page.slice(0, limit)
  return {
    start: iso(from),
    stop: iso(to),
    replicas: replicaLives(ofReplicas.toReversed(), there, { from, to }),
    events: events.map(eventView),
    nextCursor: page.length > events.length ? (events.at(-1)?.sequence ?? null) : null,
  }
}

/** What changed in the range. */
export async function readMarkers(
  { store }: Pick<TimelineRooms, 'store'>,
  endpoint: EndpointRecord,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<Marker[]> {
  const events = await store.events.list({
    endpoint: endpointKey(endpoint),
    from: Math.max(from, endpoint.createdAt),
    to,
    kinds: MARKING_KINDS,
    limit: MAX_MARKERS,
  })
  return markersOf(events)
}

const iso = (ms: number) => new Date(ms).toISOString()
