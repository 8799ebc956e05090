/** What the api asks of insight, put together from the rooms that know it. */
import type { MetricsAnswer, Timeline } from '@berth/contract'
import type { ApiServices } from './api/services.ts'
import type { ServiceParts } from './api-services.ts'
import { findEndpoint, viewEndpoint } from './control/endpoint-queries.ts'
import { type EndpointRecord, endpointKey } from './domain/endpoint.ts'
import { PlatformError } from './domain/errors.ts'
import { eventView, liveNews } from './insight/live.ts'
import { followLines, readLines, textLines } from './insight/logs/log-queries.ts'
import { type MetricsRooms, readGraphs, readMetrics } from './insight/metrics.ts'
import { controlPage, endpointPage } from './insight/metrics-pages.ts'
import { type Part, TOGETHER } from './insight/series/frame.ts'
import { FINEST } from './insight/series/level.ts'
import { MARKING_KINDS, markersOf, REPLICA_KINDS, replicaLives } from './insight/timeline.ts'

const DAY_MS = 24 * 60 * 60_000
const MAX_MARKERS = 500
/** Enough for the replicas of a month: an endpoint that has more shows its latest. */
const MAX_REPLICA_EVENTS = 5_000
/** A replica of the range may have begun long before it. */
const LONGEST_LIFE_MS = 30 * DAY_MS
const RECENT_MS = 5 * 60_000

export function insightService(parts: ServiceParts): ApiServices['insight'] {
  const { control, changes, insight } = parts
  const { clock } = control
  const find = (name: { readonly namespace: string; readonly name: string }) => findEndpoint(control, name)
  const metricsRooms: MetricsRooms = {
    clock,
    series: insight.series,
    markers: async (endpoint, range) => markersOf(await markingEvents(parts, endpoint, range)),
    limits: (endpoint) => limitsOf(parts, endpoint),
  }
  return {
    logs: async (name, query, signal) => textLines(insight.logs, (await find(name)).id, query, signal),
    logLines: async (name, query) => readLines(insight.logs, (await find(name)).id, query),
    followLogLines: async (name, query, signal) =>
      followLines(insight.logs, (await find(name)).id, query, signal),
    metrics: async (name, { names, from, to, step, replica }) =>
      readMetrics(metricsRooms, await find(name), {
        names,
        from: from === undefined ? undefined : Date.parse(from),
        to: to === undefined ? undefined : Date.parse(to),
        stepMs: step === undefined ? undefined : step * 1_000,
        replica,
      }),
    graphs: async (name, { start, stop }) =>
      readGraphs(metricsRooms, await find(name), { from: Date.parse(start), to: Date.parse(stop) }),
    openMetrics: async (name) => {
      const { id } = await find(name)
      return endpointPage({
        totals: insight.totals.of(id),
        present: insight.observer.present(id),
        latency: await recentLatency(parts, id),
      })
    },
    timeline: async (name, query) => timelineOf(parts, await find(name), query),
    live: (namespace, after, signal) =>
      liveNews(
        {
          clock,
          store: control.store,
          listen: (listener) => changes.listen(listener),
          view: (endpoint) => viewEndpoint(control, endpoint),
        },
        namespace,
        after,
        signal,
      ),
    systemMetrics: ({ namespaces }) => systemPage(parts, namespaces),
  }
}

async function timelineOf(
  { control }: ServiceParts,
  endpoint: EndpointRecord,
  query: Parameters<ApiServices['insight']['timeline']>[1],
): Promise<Timeline> {
  const to = query.to === undefined ? control.clock.now() : Date.parse(query.to)
  const from = query.from === undefined ? to - DAY_MS : Date.parse(query.from)
  if (from >= to) {
    throw new PlatformError('invalid', `from is ${query.from} and to is not after it: turn them round.`, {
      field: 'from',
    })
  }
  const { events } = control.store
  const key = endpointKey(endpoint)
  // An endpoint of the same name that was deleted is another one.
  const since = Math.max(from, endpoint.createdAt)
  const [page, ofReplicas, running] = await Promise.all([
    events.list({
      endpoint: key,
      from: since,
      to,
      limit: query.limit + 1,
      ...(query.kinds && { kinds: query.kinds }),
      ...(query.cursor !== undefined && { before: query.cursor }),
    }),
    events.list({
      endpoint: key,
      from: Math.max(from - LONGEST_LIFE_MS, endpoint.createdAt),
      to,
      kinds: REPLICA_KINDS,
      limit: MAX_REPLICA_EVENTS,
    }),
    control.driver.list(),
  ])
  const there = running.filter(({ endpointId, state }) => endpointId === endpoint.id && state === 'running')
  const items = page.slice(0, query.limit)
  return {
    start: new Date(from).toISOString(),
    stop: new Date(to).toISOString(),
    replicas: replicaLives(ofReplicas.toReversed(), there, { from, to }),
    events: items.map(eventView),
    nextCursor: page.length > items.length ? (items.at(-1)?.sequence ?? null) : null,
  }
}

function markingEvents(
  { control }: ServiceParts,
  endpoint: EndpointRecord,
  { from, to }: { readonly from: number; readonly to: number },
) {
  return control.store.events.list({
    endpoint: endpointKey(endpoint),
    from: Math.max(from, endpoint.createdAt),
    to,
    kinds: MARKING_KINDS,
    limit: MAX_MARKERS,
  })
}

async function limitsOf(
  { control }: ServiceParts,
  { spec }: EndpointRecord,
): Promise<MetricsAnswer['limits']> {
  const { instanceTypes } = await control.driver.capacity()
  const type = instanceTypes.find(({ id }) => id === spec.compute.id)
  return {
    maxReplica: spec.compute.scaling.maxReplica,
    cpus: type?.cpus ?? null,
    memoryBytes: type?.memoryBytes ?? null,
    gpus: type?.gpus ?? null,
    gpuMemoryBytes: type?.gpuMemoryBytes ?? null,
  }
}

async function recentLatency({ control, insight }: ServiceParts, id: EndpointRecord['id']) {
  const now = control.clock.now()
  const range = { from: now - RECENT_MS, to: now + FINEST.widthMs }
  const part = (replica: string): Part => (replica === TOGETHER ? 'everything' : 'presence')
  const steps = await insight.series.read(id, FINEST, { ...range, part }, DAY_MS)
  const [whole, ...rest] = [...steps.values()].flatMap((intervals) => intervals.get(TOGETHER) ?? [])
  for (const other of rest) whole?.merge(other)
  return whole?.distributions.latency
}

async function systemPage(
  { control, insight, reconciler, routing, link, startedAt }: ServiceParts,
  namespaces: readonly string[],
): Promise<string> {
  const lists = await Promise.all(namespaces.map((namespace) => control.store.endpoints.list(namespace)))
  return controlPage({
    ...reconciler.figures,
    endpointStates: routing.states(),
    endpoints: lists
      .flat()
      .map((endpoint) => ({ key: endpointKey(endpoint), present: insight.observer.present(endpoint.id) })),
    eventLoopLag: insight.eventLoopLag.take(),
    gateways: link.hub?.gateways.length ?? 0,
    startedAt,
  })
}
