/** What the api asks of insight, put together from the rooms that know it. */
import type { MetricsAnswer } from '@berth/contract'
import type { ApiServices } from './api/services.ts'
import type { ServiceParts } from './api-services.ts'
import { findEndpoint, viewEndpoint } from './control/endpoint-queries.ts'
import { type EndpointRecord, endpointKey } from './domain/endpoint.ts'
import { liveNews } from './insight/live.ts'
import { followLines, readLines, textLines } from './insight/logs/log-queries.ts'
import { type MetricsRooms, readGraphs, readMetrics, recentLatency } from './insight/metrics.ts'
import { controlPage, endpointPage } from './insight/metrics-pages.ts'
import { readMarkers, readTimeline } from './insight/read-timeline.ts'
import { whatIfFacts } from './what-if-facts.ts'

export function insightService(parts: ServiceParts): ApiServices['insight'] {
  const { control, changes, insight } = parts
  const { clock } = control
  const find = (name: { readonly namespace: string; readonly name: string }) => findEndpoint(control, name)
  const metricsRooms: MetricsRooms = {
    clock,
    series: insight.series,
    markers: (endpoint, range) => readMarkers(control, endpoint, range),
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
        latency: await recentLatency(metricsRooms, id),
      })
    },
    timeline: async (name, { from, to, ...query }) =>
      readTimeline(control, await find(name), {
        ...query,
        from: from === undefined ? undefined : Date.parse(from),
        to: to === undefined ? undefined : Date.parse(to),
      }),
    whatIf: async (name, query) => whatIfFacts(parts, await find(name), query),
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
