/** What an endpoint did over time: the question, the answer in columns, and the older graphs. */
import { z } from 'zod'
import { ReplicaId, Timestamp, WrittenTime } from './names.ts'

export const metricNames = [
  'requests',
  'pending',
  'inFlight',
  'latency',
  'timeToFirstToken',
  'interToken',
  'tokens',
  'replicas',
  'cpu',
  'memory',
  'gpu',
  'gpuMemory',
] as const
export type MetricName = (typeof metricNames)[number]

/** More points than any screen has columns. */
export const MAX_METRIC_POINTS = 3_000
export const metricQuantiles = [0.5, 0.9, 0.95, 0.99] as const

const MetricNames = z
  .string()
  .max(300)
  .transform((text) => text.split(','))
  .pipe(z.array(z.enum(metricNames)).min(1))
  .meta({ description: `Comma separated, of ${metricNames.join(', ')}. Without it, all.` })

export const MetricsQuery = z.strictObject({
  names: MetricNames.optional(),
  from: WrittenTime.optional().meta({ description: 'Without it, an hour before `to`.' }),
  to: WrittenTime.optional().meta({ description: 'Without it, now.' }),
  step: z.coerce
    .number()
    .int()
    .min(10)
    .max(30 * 24 * 3600)
    .optional()
    .meta({ description: 'Seconds of one point. Without it, about 200 points.' }),
  replica: z
    .union([z.literal('each'), ReplicaId])
    .optional()
    .meta({
      description: '`each` for a series of every replica, or the id of one. Without it, all together.',
    }),
})

export const MetricSeries = z.object({
  name: z.enum(metricNames),
  unit: z.enum(['count', 'ms', 'percent', 'bytes']),
  /** Of which replica; null for all together. */
  replica: z.string().nullable(),
  labels: z
    .object({
      status: z.string().optional().meta({ description: 'Of `requests`: the HTTP status, "200".' }),
      quantile: z.string().optional().meta({ description: 'Of times: "0.5", "0.9", "0.95", "0.99".' }),
      kind: z.enum(['input', 'output', 'cached']).optional().meta({ description: 'Of `tokens`.' }),
      phase: z
        .enum(['starting', 'ready', 'draining', 'failed'])
        .optional()
        .meta({ description: 'Of `replicas`.' }),
      statistic: z
        .enum(['mean', 'max'])
        .optional()
        .meta({ description: 'Of what is looked at again and again: pending, inFlight, cpu, memory, gpu.' }),
    })
    .meta({ description: 'What tells the series of one name apart.' }),
  values: z
    .array(z.number().nullable())
    .meta({ description: 'One for each of `times`; null where nothing was measured.' }),
})
export type MetricSeries = z.infer<typeof MetricSeries>

const Quantiles = z
  .object({ p50: z.number(), p90: z.number(), p95: z.number(), p99: z.number(), mean: z.number() })
  .nullable()
  .meta({ description: 'Milliseconds, over the whole range; null when there was none.' })

export const Marker = z
  .object({
    at: Timestamp,
    kind: z.string(),
    message: z.string(),
    actor: z.string(),
    revision: z.int().nullable(),
    sequence: z.int(),
  })
  .meta({ description: 'What changed: revisions, scale changes, failures, restarts.' })
export type Marker = z.infer<typeof Marker>

export const MetricsAnswer = z.object({
  start: Timestamp,
  stop: Timestamp,
  stepSeconds: z.int(),
  replicaIds: z.array(z.string()),
  times: z
    .array(z.int())
    .meta({ description: 'The beginning of each point, in milliseconds since the epoch.' }),
  series: z.array(MetricSeries),
  summary: z.object({
    requests: z.record(z.string(), z.int()).meta({ description: 'By status.' }),
    latency: Quantiles,
    timeToFirstToken: Quantiles,
    interToken: Quantiles,
    inputTokens: z.int(),
    outputTokens: z.int(),
    cachedTokens: z.int(),
  }),
  limits: z
    .object({
      maxReplica: z.int(),
      cpus: z.number().nullable(),
      memoryBytes: z.number().nullable(),
      gpus: z.int().nullable(),
      gpuMemoryBytes: z.number().nullable(),
    })
    .meta({ description: 'What one replica may use now, and how many there may be.' }),
  markers: z.array(Marker),
})
export type MetricsAnswer = z.infer<typeof MetricsAnswer>

/** The managed service's form of the same question. */
export const MetricsParams = z.strictObject({ start: WrittenTime, stop: WrittenTime })

const Graph = z.object({
  series: z.array(
    z.object({
      statusCode: z.string().optional(),
      percentile: z.string().optional(),
      status: z.string().optional(),
      replicaId: z.string().optional(),
      deviceId: z.string().optional(),
      data: z.array(z.object({ x: Timestamp, y: z.number() })),
    }),
  ),
})
export type Graph = z.infer<typeof Graph>

export const graphNames = [
  'hardwareCpu',
  'hardwareMem',
  'hardwareGpu',
  'hardwareGpuMem',
  'pendingRequest',
  'replicasRunning',
  'replicasStatus',
  'responseElapsed',
  'responseStatusCode',
  'responseStatusCodeGrouped',
] as const
export type GraphName = (typeof graphNames)[number]

const frame = {
  start: Timestamp,
  stop: Timestamp,
  timeWindowSeconds: z.int(),
  replicaIds: z.array(z.string()),
}

export const AllGraphs = z.object({
  ...frame,
  ...(Object.fromEntries(graphNames.map((name) => [name, Graph])) as Record<GraphName, typeof Graph>),
  inference: z
    .object({ timeToFirstToken: Graph, interTokenLatency: Graph })
    .meta({ description: 'What streams of tokens tell.' }),
})
export type AllGraphs = z.infer<typeof AllGraphs>

/** The graphs that can be asked for alone, as their paths name them. */
export const graphPaths = [
  'response-elapsed',
  'response-status-code',
  'pending-request',
  'replica-status',
  'replica-running',
  'hardware-cpu',
  'hardware-gpu',
] as const
export type GraphPath = (typeof graphPaths)[number]
export const OneGraph = z.object({ ...frame, graphs: z.record(z.string(), Graph) })
