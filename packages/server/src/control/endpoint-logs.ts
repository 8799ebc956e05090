/** The output of an endpoint's replicas: of those that run, and of the last ones that did. */
import { type EndpointRecord, endpointKey } from '../domain/endpoint.ts'
import type { ReplicaId } from '../domain/replica.ts'
import type { RuntimeDriver } from '../runtime/driver.ts'
import type { Store } from '../store/store.ts'

export type LogRooms = {
  readonly store: Store
  readonly driver: RuntimeDriver
  /** Yields now and after each change of the endpoint. */
  changes(endpoint: EndpointRecord, signal: AbortSignal): AsyncIterable<void>
}

export type LogQuery = { readonly replica?: string; readonly tail?: number; readonly follow: boolean }

const DEFAULT_TAIL_LINES = 1_000
const EVENTS_SEARCHED = 200
/** Replicas that are gone and whose output is shown before that of the running ones. */
const PAST_REPLICAS = 3
/** Lines that may wait for a slow reader before the replicas' output is held back. */
const MAX_WAITING_LINES = 1_000

export async function* endpointLogs(
  rooms: LogRooms,
  endpoint: EndpointRecord,
  query: LogQuery,
  signal: AbortSignal,
): AsyncIterable<string> {
  const tail = query.tail ?? DEFAULT_TAIL_LINES
  const replicas = query.replica ? [query.replica as ReplicaId] : await replicasOf(rooms, endpoint)
  const lines: string[] = []
  const running = new Set(query.follow ? await runningOf(rooms, endpoint) : [])
  const past = replicas.filter((id) => !running.has(id))
  for (const id of past) {
    for await (const line of rooms.driver.logs(id, { tail, follow: false, signal })) lines.push(line)
  }
  yield* tail === 0 ? [] : lines.slice(-tail)
  if (query.follow)
    yield* followAll(
      rooms,
      endpoint,
      { tail, past: new Set(past), ...(query.replica && { only: query.replica }) },
      signal,
    )
}

/** Follows every replica that runs and each that starts later. */
async function* followAll(
  rooms: LogRooms,
  endpoint: EndpointRecord,
  {
    tail,
    past,
    only,
  }: { readonly tail: number; readonly past: ReadonlySet<ReplicaId>; readonly only?: string },
  signal: AbortSignal,
): AsyncIterable<string> {
  const followed = new Set<ReplicaId>(past)
  const ended = new AbortController()
  const waiting: string[] = []
  let news = Promise.withResolvers<void>()
  let room = Promise.withResolvers<void>()
  const stop = AbortSignal.any([signal, ended.signal])
  stop.addEventListener(
    'abort',
    () => {
      news.resolve()
      room.resolve()
    },
    { once: true },
  )

  const pump = async (id: ReplicaId, backlog: number) => {
    for await (const line of rooms.driver.logs(id, { tail: backlog, follow: true, signal: stop })) {
      waiting.push(line)
      news.resolve()
      while (waiting.length >= MAX_WAITING_LINES && !stop.aborted) await room.promise
    }
  }
  const watch = async () => {
    let first = true
    for await (const _ of rooms.changes(endpoint, stop)) {
      for (const id of await runningOf(rooms, endpoint)) {
        if (followed.has(id) || (only && id !== only)) continue
        followed.add(id)
        pump(id, first ? tail : DEFAULT_TAIL_LINES).catch(() => {})
      }
      first = false
    }
  }
  watch().catch(() => ended.abort())
  try {
    while (!stop.aborted) {
      await news.promise
      news = Promise.withResolvers<void>()
      yield* waiting.splice(0)
      room.resolve()
      room = Promise.withResolvers<void>()
    }
  } finally {
    ended.abort()
  }
}

async function runningOf(rooms: LogRooms, endpoint: EndpointRecord): Promise<ReplicaId[]> {
  const all = await rooms.driver.list()
  return all.filter((replica) => replica.endpointId === endpoint.id).map((replica) => replica.id)
}

/** Oldest first: the last few that are gone, as the event log tells, then those that run. */
async function replicasOf(rooms: LogRooms, endpoint: EndpointRecord): Promise<ReplicaId[]> {
  const running = await runningOf(rooms, endpoint)
  const events = await rooms.store.events.list({ endpoint: endpointKey(endpoint), limit: EVENTS_SEARCHED })
  const started = events.flatMap(({ kind, details }) =>
    kind === 'replica.started' && details['endpointId'] === endpoint.id
      ? [details['replica'] as ReplicaId]
      : [],
  )
  const past = started.filter((id) => !running.includes(id)).slice(0, PAST_REPLICAS)
  return [...past.toReversed(), ...running]
}
