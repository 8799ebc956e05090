/** What an endpoint is doing, as worked out from the facts. */
import { z } from 'zod'
import { Actor, Timestamp } from './names.ts'

export const endpointStates = [
  'pending',
  'initializing',
  'running',
  'updating',
  'updateFailed',
  'paused',
  'scaledToZero',
  'failed',
] as const
export const EndpointState = z.enum(endpointStates)
export type EndpointState = z.infer<typeof EndpointState>

export const Progress = z
  .object({
    phase: z.enum(['waiting', 'downloading', 'starting', 'loading']),
    bytesDone: z.number().optional(),
    bytesTotal: z.number().optional(),
    bytesPerSecond: z.number().optional(),
    etaMs: z.number().optional().meta({ description: 'From now until it is expected to be ready.' }),
    etaRangeMs: z
      .tuple([z.number(), z.number()])
      .optional()
      .meta({ description: 'Four of five starts of this endpoint were ready between these two, from now.' }),
  })
  .meta({ description: 'Berth addition: how far a start has come.' })
export type Progress = z.infer<typeof Progress>

export const failureCauses = [
  'out_of_memory',
  'out_of_gpu_memory',
  'kv_cache_too_large',
  'wrong_port',
  'health_route_missing',
  'repository_gated',
  'repository_missing',
  'unsupported_architecture',
  'driver_mismatch',
  'disk_full',
  'bad_argument',
  'image_not_available',
  'no_shared_memory',
  'handler_import_error',
  'model_damaged',
  'unknown',
] as const
export type FailureCause = (typeof failureCauses)[number]

export const StartFailure = z
  .object({
    cause: z.enum(failureCauses),
    summary: z.string().meta({ description: 'What happened, for a person.' }),
    remedy: z.string().meta({ description: 'What would mend it.' }),
    evidence: z.array(z.string()).meta({ description: 'The lines it was read from.' }),
  })
  .meta({ description: 'Berth addition: why the newest revision does not start.' })
export type StartFailure = z.infer<typeof StartFailure>

export const Footprint = z
  .object({ memoryBytes: z.int().min(0), at: Timestamp })
  .meta({ description: 'Berth addition: the most memory that a replica of this revision was seen to use.' })
export type Footprint = z.infer<typeof Footprint>

export const routerStates = ['stopped', 'starting', 'ready', 'failed'] as const
export const RouterStatus = z
  .object({
    state: z.enum(routerStates),
    message: z.string(),
    id: z.string().nullable().meta({ description: 'Names it in logs; null while none runs.' }),
  })
  .meta({ description: 'Berth addition: the router of the endpoint’s own, where it has one.' })
export type RouterStatus = z.infer<typeof RouterStatus>

export const EndpointStatus = z.object({
  state: EndpointState,
  message: z.string(),
  errorMessage: z.string().nullable(),
  failure: StartFailure.nullish(),
  footprint: Footprint.nullish(),
  router: RouterStatus.nullish(),
  createdAt: Timestamp,
  createdBy: Actor,
  updatedAt: Timestamp,
  updatedBy: Actor,
  readyReplica: z.int(),
  targetReplica: z.int(),
  url: z.string().nullable(),
  private: z.object({ serviceName: z.string().optional() }).nullable(),
  lastUsedAt: Timestamp.nullable(),
  inferenceMetricsEnabled: z.boolean(),
  generation: z.int().meta({ description: 'Berth addition: the newest accepted change.' }),
  observedGeneration: z.int().meta({ description: 'Berth addition: the change this status speaks of.' }),
  progress: Progress.nullable(),
})
export type EndpointStatus = z.infer<typeof EndpointStatus>

export const ReplicaView = z.object({
  id: z.string(),
  status: z.object({
    stage: z.enum(['pending', 'downloading', 'pulling', 'initializing', 'running', 'draining', 'failed']),
    live: z.boolean(),
  }),
  revision: z.int().meta({ description: 'Berth addition.' }),
  startedAt: Timestamp,
})
export type ReplicaView = z.infer<typeof ReplicaView>
export const ReplicaList = z.object({ items: z.array(ReplicaView) })
