/** Insight: what was printed, measured and noted, and news as it comes. */
import type { AllGraphs, GraphName, GraphPath } from '@berth/contract'
import type { Handlers } from './route-binding.ts'
import type { ApiServices } from './services.ts'
import { begun, type StreamPiece } from './text-stream.ts'

type InsightRoutes =
  | 'readLogs'
  | 'watchLogs'
  | 'readLogLines'
  | 'watchLogLines'
  | 'readMetrics'
  | 'readGraphs'
  | 'readGraph'
  | 'readOpenMetrics'
  | 'readTimeline'
  | 'readWhatIf'
  | 'watchNamespace'
  | 'readSystemMetrics'

export function insightHandlers({ insight }: Pick<ApiServices, 'insight'>): Pick<Handlers, InsightRoutes> {
  return {
    readLogs: async ({ params, query, signal }) =>
      shortened(await insight.logs(params, query, signal), query.line_max_length),
    watchLogs: async ({ params, query, signal }) =>
      shortened(await insight.logs(params, { follow: true, ...query }, signal), query.line_max_length),
    readLogLines: ({ params, query }) => insight.logLines(params, query),
    watchLogLines: async ({ params, query, signal, lastEventId }) => {
      const after = query.after ?? lastEventId
      const lines = await insight.followLogLines(
        params,
        { ...query, ...(after !== undefined && { after }) },
        signal,
      )
      return numbered(lines)
    },
    readMetrics: ({ params, query }) => insight.metrics(params, query),
    readGraphs: ({ params, body }) => insight.graphs(params, body),
    readGraph: async ({ params: { graph, ...name }, body }) =>
      partOf(await insight.graphs(name, body), graph),
    readOpenMetrics: async ({ params }) => page(await insight.openMetrics(params)),
    readTimeline: ({ params, query }) => insight.timeline(params, query),
    readWhatIf: ({ params, query }) => insight.whatIf(params, query),
    watchNamespace: async ({ params, query, signal, lastEventId }) =>
      numbered(await begun(insight.live(params.namespace, query.after ?? lastEventId, signal))),
    readSystemMetrics: async ({ caller }) => page(await insight.systemMetrics(caller)),
  }
}

/** Which graphs answer to which path. */
const GRAPHS: Readonly<Record<GraphPath, readonly GraphName[]>> = {
  'response-elapsed': ['responseElapsed'],
  'response-status-code': ['responseStatusCode', 'responseStatusCodeGrouped'],
  'pending-request': ['pendingRequest'],
  'replica-status': ['replicasStatus'],
  'replica-running': ['replicasRunning'],
  'hardware-cpu': ['hardwareCpu', 'hardwareMem'],
  'hardware-gpu': ['hardwareGpu', 'hardwareGpuMem'],
}

function partOf(all: AllGraphs, path: GraphPath) {
  const { start, stop, timeWindowSeconds, replicaIds } = all
  const graphs = Object.fromEntries(GRAPHS[path].map((name) => [name, all[name]]))
  return { start, stop, timeWindowSeconds, replicaIds, graphs }
}

async function* page(text: string): AsyncIterable<string> {
  yield text
}

async function* numbered(items: AsyncIterable<{ readonly id: string }>): AsyncIterable<StreamPiece> {
  for await (const item of items) yield { id: item.id, data: JSON.stringify(item) }
}

function shortened(lines: AsyncIterable<string>, maxLength: number | undefined): AsyncIterable<string> {
  if (maxLength === undefined) return lines
  return (async function* () {
    for await (const line of lines) yield line.slice(0, maxLength)
  })()
}
