/** The endpoint: what a user asks for, changes, and gets back. */
import { z } from 'zod'
import { Compute, ComputeUpdate, Provider } from './compute.ts'
import { Model, ModelUpdate } from './model.ts'
import { Actor, EndpointName, EnvironmentName, NamespaceName, Timestamp } from './names.ts'
import { Change } from './plan.ts'
import { RoutingSettings } from './routing.ts'
import { EndpointStatus } from './status.ts'
import { UsageLimits } from './token.ts'

/**
 * Who may call the endpoint. `protected` and `verified` are older words: what was `protected` is today's
 * `private`, what was `verified` is `authenticated`. Only the three current words are stored and returned.
 */
export const accessTypes = ['public', 'authenticated', 'private'] as const
export const AccessType = z.preprocess(
  (value) => (value === 'protected' ? 'private' : value === 'verified' ? 'authenticated' : value),
  z.enum(accessTypes),
)
export type AccessType = (typeof accessTypes)[number]

const Route = z
  .strictObject({
    domain: z.string().max(253).optional(),
    path: z.string().startsWith('/').max(200).optional(),
  })
  .nullable()
const PrivateService = z.strictObject({ accountId: z.string(), shared: z.boolean() }).nullable()
const CustomRouter = z
  .strictObject({
    tag: z
      .string()
      .min(1)
      .max(500)
      .nullable()
      .optional()
      .meta({ description: 'Its image; where replicas are processes, a program in $BERTH_HOME/routers.' }),
    env: z.record(EnvironmentName, z.string().max(32_768)).optional(),
    port: z
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .meta({ description: 'Where its image listens; 3000 if left out.' }),
  })
  .nullable()
  .meta({
    description:
      'A program that chooses the replica for each request. `{}`, or a tag of null, takes it away.',
  })
export type CustomRouter = z.infer<typeof CustomRouter>
/** `*`, or scheme, host and port as a browser writes them. */
const Origin = z
  .string()
  .max(300)
  .refine((origin) => origin === '*' || isWebOrigin(origin), {
    message: 'it must be "*" or an origin as browsers send it, such as https://app.example.com',
  })

function isWebOrigin(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === text
}

const Cors = z
  .strictObject({ origins: z.array(Origin).min(1).max(50) })
  .refine(({ origins }) => origins.length === 1 || !origins.includes('*'), {
    path: ['origins'],
    message: '"*" stands for every origin, so it must stand alone',
  })
  .nullable()
  .meta({ description: 'Berth addition: the origins whose pages may call the endpoint from a browser.' })
export const fallbackReasons = ['cold', 'overloaded', 'failed'] as const
export type FallbackReason = (typeof fallbackReasons)[number]

const External = z.strictObject({
  baseUrl: z
    .string()
    .max(500)
    .refine(isSafeBaseUrl, {
      message: 'it must be an https:// URL, or http:// on this machine, without user, query or fragment',
    })
    .meta({ description: 'Of an OpenAI-compatible server, such as https://api.example.com/v1.' }),
  model: z.string().min(1).max(200).meta({ description: 'What that server calls the model.' }),
  secret: EnvironmentName.meta({ description: 'Names the one of model.secrets that is its key.' }),
})

function isSafeBaseUrl(text: string): boolean {
  const url = URL.parse(text)
  if (!url || url.username || url.password || url.search || url.hash) return false
  const isHere = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
  return url.protocol === 'https:' || (url.protocol === 'http:' && isHere)
}

const Fallback = z
  .strictObject({
    endpoint: EndpointName.optional().meta({ description: 'Another endpoint of the namespace.' }),
    external: External.optional(),
    on: z.array(z.enum(fallbackReasons)).min(1).max(fallbackReasons.length).optional(),
  })
  .refine(({ endpoint, external }) => (endpoint === undefined) !== (external === undefined), {
    message: 'it must name either an endpoint or an external server',
  })
  .nullable()
  .meta({ description: 'Berth addition: who answers when the endpoint is cold, overloaded or failed.' })
const ExperimentalFeatures = z.strictObject({
  cacheHttpResponses: z.boolean().optional(),
  kvRouter: z.strictObject({ tag: z.string() }).nullable().optional(),
  mcpLb: z.boolean().optional(),
  skipRepoDownload: z.boolean().optional(),
  loadBalancer: z.unknown().optional(),
})

const fields = {
  type: AccessType,
  accountId: z.string().nullable(),
  tags: z.array(z.string().min(1).max(100)).max(50),
  cacheHttpResponses: z.boolean(),
  route: Route,
  privateService: PrivateService,
  network: z.unknown(),
  notifications: z.unknown(),
  customRouter: CustomRouter,
  cors: Cors,
  fallback: Fallback,
  experimentalFeatures: ExperimentalFeatures,
  routing: RoutingSettings,
  limits: UsageLimits.nullable(),
}

export const Endpoint = z.strictObject({
  name: EndpointName,
  type: fields.type,
  provider: Provider,
  compute: Compute,
  model: Model,
  accountId: fields.accountId.optional(),
  tags: fields.tags.optional(),
  cacheHttpResponses: fields.cacheHttpResponses.optional(),
  route: fields.route.optional(),
  privateService: fields.privateService.optional(),
  network: fields.network.optional(),
  notifications: fields.notifications.optional(),
  customRouter: fields.customRouter.optional(),
  cors: fields.cors.optional(),
  fallback: fields.fallback.optional(),
  experimentalFeatures: fields.experimentalFeatures.optional(),
  routing: fields.routing
    .optional()
    .meta({ description: 'Berth addition: how replicas share the requests.' }),
  limits: fields.limits
    .optional()
    .meta({ description: 'Berth addition: what may be asked of it by all callers together.' }),
})
export type Endpoint = z.infer<typeof Endpoint>

/** Deep merge, except that `model.image`, `args`, `command`, `tags`, `env`, `adapters`, `routing`, `customRouter` and `limits` are replaced as wholes. */
export const EndpointUpdate = z
  .strictObject({
    ...fields,
    compute: ComputeUpdate,
    model: ModelUpdate,
    name: EndpointName.meta({ description: 'May be sent back unchanged; a name cannot change.' }),
    provider: Provider.meta({ description: 'May be sent back unchanged; a provider cannot change.' }),
  })
  .partial()
export type EndpointUpdate = z.infer<typeof EndpointUpdate>

const secretNames = z
  .record(z.string(), z.string())
  .meta({ description: 'Names only; every value is empty.' })

/** Responses are not refused for additions, so these are plain objects. */
export const EndpointWithStatus = z.object({
  name: z.string(),
  namespace: z.string().meta({ description: 'Berth addition.' }),
  type: z.enum(accessTypes),
  accountId: z.string().nullable(),
  provider: Provider,
  compute: z.object({ ...Compute.shape, id: z.string() }),
  model: z.object({
    ...Model.shape,
    revision: z.string().nullable(),
    task: z.string().nullable(),
    args: z.array(z.string()),
    command: z.array(z.string()),
    env: z.record(z.string(), z.string()),
    secrets: secretNames,
    fromCatalog: z.boolean(),
  }),
  healthRoute: z.string(),
  engine: z.string().optional().meta({ description: 'Berth addition: the engine that serves it.' }),
  imageDigest: z.string().optional().meta({
    description: 'Berth addition: the content that its containers run, whatever the tag means now.',
  }),
  tags: z.array(z.string()),
  cacheHttpResponses: z.boolean(),
  route: Route,
  privateService: PrivateService,
  customRouter: CustomRouter.optional(),
  cors: Cors.optional(),
  fallback: Fallback.optional(),
  experimentalFeatures: ExperimentalFeatures,
  routing: RoutingSettings.optional().meta({ description: 'Berth addition: as it was asked for.' }),
  limits: UsageLimits.nullable().optional().meta({ description: 'Berth addition.' }),
  status: EndpointStatus,
})
export type EndpointWithStatus = z.infer<typeof EndpointWithStatus>

export const EndpointList = z.object({
  items: z.array(EndpointWithStatus),
  nextCursor: z.string().nullable(),
  totalItems: z.int(),
})
export type EndpointList = z.infer<typeof EndpointList>

export const ListEndpointsQuery = z.strictObject({
  tags: z.string().optional().meta({ description: 'Comma separated; all must be present.' }),
  search: z.string().max(100).optional().meta({ description: 'Part of the name.' }),
  cursor: z.string().max(200).optional(),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000)
    .optional()
    .meta({ description: 'Without it, all are returned.' }),
})

export const RevisionView = z.object({
  number: z.int(),
  createdAt: Timestamp,
  createdBy: Actor,
  runs: z
    .int()
    .meta({ description: 'The revision whose replicas serve this one: a change of scaling starts none.' }),
  restarts: z.boolean().meta({ description: 'Whether it replaced the replicas.' }),
  imageDigest: z.string().nullable().meta({
    description: 'The content that its containers run; null before the first and for one that starts none.',
  }),
  changes: z
    .array(Change)
    .nullable()
    .meta({ description: 'Against the revision before it; null for the first.' }),
  spec: z.record(z.string(), z.unknown()),
})
export const RevisionList = z.object({ items: z.array(RevisionView) })

export const EventView = z.object({
  sequence: z.int(),
  at: Timestamp,
  actor: z.string(),
  kind: z.string(),
  endpoint: z.string().nullable(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()),
})
export type EventView = z.infer<typeof EventView>
export const EventList = z.object({ items: z.array(EventView) })

export const EndpointPath = z.strictObject({ namespace: NamespaceName, name: EndpointName })
export const NamespacePath = z.strictObject({ namespace: NamespaceName })
