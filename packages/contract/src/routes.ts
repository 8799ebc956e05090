/**
 * The route table: every call of the API, once.
 *
 * The server registers these, the typed client calls them and the OpenAPI document lists them. `access` says
 * what the caller's token must allow; membership in the path's namespace is checked for every route that has one.
 */
import { z } from 'zod'
import { DecisionList, DecisionsQuery } from './decision.ts'
import {
  Endpoint,
  EndpointList,
  EndpointPath,
  EndpointUpdate,
  EndpointWithStatus,
  EventList,
  ListEndpointsQuery,
  NamespacePath,
  RevisionList,
} from './endpoint.ts'
import { HardwareFile, HardwarePath, HardwareType, QuotaList, VendorList } from './hardware.ts'
import { HubSearch, HubSearchQuery } from './hub.ts'
import { LiveQuery } from './live.ts'
import { FollowLogLinesQuery, LogLineList, LogLinesQuery, LogsQuery } from './logs.ts'
import { AllGraphs, graphPaths, MetricsAnswer, MetricsParams, MetricsQuery, OneGraph } from './metrics.ts'
import { RollbackBody, UpdatePlan } from './plan.ts'
import { Recommendation, RecommendedQuery } from './recommendation.ts'
import { SignIn, SignInCode } from './sign-in.ts'
import { ReplicaList } from './status.ts'
import { SystemStatus } from './system.ts'
import { Timeline, TimelineQuery } from './timeline.ts'
import { TokenCreate, TokenCreated, TokenList, Whoami } from './token.ts'
import { WhatIfFacts, WhatIfQuery } from './what-if.ts'

export type Access = 'public' | 'read' | 'write'

export type RouteDefinition = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly access: Access
  readonly summary: string
  readonly params?: z.ZodType
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  /** A schema for JSON; a media type for what is streamed as text. */
  readonly response: z.ZodType | 'text/plain' | 'text/event-stream'
}

const Nothing = z.object({})
const GraphOfEndpoint = z.strictObject({ ...EndpointPath.shape, graph: z.enum(graphPaths) })
const HistoryQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(1_000).default(100) })

const endpointPath = '/v2/endpoint/{namespace}/{name}'

export const routes = {
  listEndpoints: {
    method: 'GET',
    path: '/v2/endpoint/{namespace}',
    access: 'read',
    summary: 'Endpoints of a namespace, the latest change first',
    params: NamespacePath,
    query: ListEndpointsQuery,
    response: EndpointList,
  },
  createEndpoint: {
    method: 'POST',
    path: '/v2/endpoint/{namespace}',
    access: 'write',
    summary: 'Create an endpoint',
    params: NamespacePath,
    body: Endpoint,
    response: EndpointWithStatus,
  },
  getEndpoint: {
    method: 'GET',
    path: endpointPath,
    access: 'read',
    summary: 'One endpoint with its status',
    params: EndpointPath,
    response: EndpointWithStatus,
  },
  updateEndpoint: {
    method: 'PUT',
    path: endpointPath,
    access: 'write',
    summary: 'Change an endpoint: a deep merge; lists, env and model.image are replaced as wholes',
    params: EndpointPath,
    body: EndpointUpdate,
    response: EndpointWithStatus,
  },
  deleteEndpoint: {
    method: 'DELETE',
    path: endpointPath,
    access: 'write',
    summary: 'Delete an endpoint and stop its replicas',
    params: EndpointPath,
    response: Nothing,
  },
  pauseEndpoint: {
    method: 'POST',
    path: `${endpointPath}/pause`,
    access: 'write',
    summary: 'Stop every replica until somebody resumes it',
    params: EndpointPath,
    response: EndpointWithStatus,
  },
  resumeEndpoint: {
    method: 'POST',
    path: `${endpointPath}/resume`,
    access: 'write',
    summary: 'Start a paused endpoint again, or wake one that is scaled to zero',
    params: EndpointPath,
    response: EndpointWithStatus,
  },
  scaleEndpointToZero: {
    method: 'POST',
    path: `${endpointPath}/scale-to-zero`,
    access: 'write',
    summary: 'Stop every replica now; the next request wakes it',
    params: EndpointPath,
    response: EndpointWithStatus,
  },
  watchEndpoint: {
    method: 'GET',
    path: `${endpointPath}/sse`,
    access: 'read',
    summary: 'The endpoint with its status, again whenever it changes',
    params: EndpointPath,
    response: 'text/event-stream',
  },
  listReplicas: {
    method: 'GET',
    path: `${endpointPath}/replica`,
    access: 'read',
    summary: 'Replicas and their stage',
    params: EndpointPath,
    response: ReplicaList,
  },
  readLogs: {
    method: 'GET',
    path: `${endpointPath}/logs`,
    access: 'read',
    summary: 'Output of the replicas, oldest first',
    params: EndpointPath,
    query: LogsQuery,
    response: 'text/plain',
  },
  watchLogs: {
    method: 'GET',
    path: `${endpointPath}/logs/sse`,
    access: 'read',
    summary: 'Output of the replicas, as it comes',
    params: EndpointPath,
    query: LogsQuery,
    response: 'text/event-stream',
  },
  listRevisions: {
    method: 'GET',
    path: `${endpointPath}/revisions`,
    access: 'read',
    summary: 'Every accepted change, newest first (Berth addition)',
    params: EndpointPath,
    query: HistoryQuery,
    response: RevisionList,
  },
  listEvents: {
    method: 'GET',
    path: `${endpointPath}/events`,
    access: 'read',
    summary: 'What happened to the endpoint, newest first (Berth addition)',
    params: EndpointPath,
    query: HistoryQuery,
    response: EventList,
  },
  readLogLines: {
    method: 'GET',
    path: '/v3/endpoint/{namespace}/{name}/logs',
    access: 'read',
    summary: 'Output of the replicas, with time, level and replica of each line',
    params: EndpointPath,
    query: LogLinesQuery,
    response: LogLineList,
  },
  watchLogLines: {
    method: 'GET',
    path: '/v3/endpoint/{namespace}/{name}/logs/sse',
    access: 'read',
    summary: 'The same as it comes: one JSON object for each line',
    params: EndpointPath,
    query: FollowLogLinesQuery,
    response: 'text/event-stream',
  },
  readMetrics: {
    method: 'GET',
    path: `${endpointPath}/metrics`,
    access: 'read',
    summary:
      'Requests, times, tokens, replicas and hardware over a range of time, with what changed in it (Berth addition)',
    params: EndpointPath,
    query: MetricsQuery,
    response: MetricsAnswer,
  },
  readGraphs: {
    method: 'POST',
    path: `${endpointPath}/metrics`,
    access: 'read',
    summary: 'Every graph of a range of time',
    params: EndpointPath,
    body: MetricsParams,
    response: AllGraphs,
  },
  readGraph: {
    method: 'POST',
    path: `${endpointPath}/metrics/{graph}`,
    access: 'read',
    summary: 'One graph, or the few that belong together',
    params: GraphOfEndpoint,
    body: MetricsParams,
    response: OneGraph,
  },
  readOpenMetrics: {
    method: 'GET',
    path: `${endpointPath}/open-metrics`,
    access: 'read',
    summary: 'The endpoint’s page for Prometheus',
    params: EndpointPath,
    response: 'text/plain',
  },
  readTimeline: {
    method: 'GET',
    path: `${endpointPath}/timeline`,
    access: 'read',
    summary: 'Lives of replicas and what happened, in a range of time (Berth addition)',
    params: EndpointPath,
    query: TimelineQuery,
    response: Timeline,
  },
  readWhatIf: {
    method: 'GET',
    path: `${endpointPath}/what-if`,
    access: 'read',
    summary:
      'What was asked of the endpoint and how it fared, to play it under another policy (Berth addition)',
    params: EndpointPath,
    query: WhatIfQuery,
    response: WhatIfFacts,
  },
  planUpdate: {
    method: 'POST',
    path: `${endpointPath}/plan`,
    access: 'read',
    summary: 'What an update would change and restart; changes nothing (Berth addition)',
    params: EndpointPath,
    body: EndpointUpdate,
    response: UpdatePlan,
  },
  planRollback: {
    method: 'POST',
    path: `${endpointPath}/plan-rollback`,
    access: 'read',
    summary: 'What going back to a revision would change and restart; changes nothing (Berth addition)',
    params: EndpointPath,
    body: RollbackBody,
    response: UpdatePlan,
  },
  rollbackEndpoint: {
    method: 'POST',
    path: `${endpointPath}/rollback`,
    access: 'write',
    summary: 'Make the configuration of an earlier revision the newest one (Berth addition)',
    params: EndpointPath,
    body: RollbackBody,
    response: EndpointWithStatus,
  },
  watchNamespace: {
    method: 'GET',
    path: '/v2/live/{namespace}',
    access: 'read',
    summary: 'News of a namespace as it comes: endpoints that changed, and events (Berth addition)',
    params: NamespacePath,
    query: LiveQuery,
    response: 'text/event-stream',
  },
  readSystemMetrics: {
    method: 'GET',
    path: '/v2/system/metrics',
    access: 'read',
    summary: 'The control process’s page for Prometheus; the gateway’s is /metrics (Berth addition)',
    response: 'text/plain',
  },
  listDecisions: {
    method: 'GET',
    path: `${endpointPath}/decisions`,
    access: 'read',
    summary:
      'Why it has as many replicas as it has: what the autoscaler decided, newest first (Berth addition)',
    params: EndpointPath,
    query: DecisionsQuery,
    response: DecisionList,
  },
  listVendors: {
    method: 'GET',
    path: '/v2/provider',
    access: 'public',
    summary: 'Hardware of this installation',
    response: VendorList,
  },
  listVendorsForNamespace: {
    method: 'GET',
    path: '/v2/provider/{namespace}',
    access: 'read',
    summary: 'Hardware, with what the namespace uses of it',
    params: NamespacePath,
    response: VendorList,
  },
  listQuotas: {
    method: 'GET',
    path: '/v2/provider/quotas/{namespace}',
    access: 'read',
    summary: 'Accelerators used and allowed',
    params: NamespacePath,
    response: QuotaList,
  },
  recommendConfiguration: {
    method: 'GET',
    path: '/v2/recommended/{namespace}',
    access: 'read',
    summary: 'Engine, hardware and settings for a repository, and whether it fits (Berth addition)',
    params: NamespacePath,
    query: RecommendedQuery,
    response: Recommendation,
  },
  searchHub: {
    method: 'GET',
    path: '/v2/hub/models',
    access: 'read',
    summary:
      'Models of the Hub that have these words in their name, where the Hub can be reached (Berth addition)',
    query: HubSearchQuery,
    response: HubSearch,
  },
  whoami: {
    method: 'GET',
    path: '/hub/api/whoami-v2',
    access: 'read',
    summary: 'Who the token belongs to, in the Hub’s shape (set HF_ENDPOINT to <berth>/hub)',
    response: Whoami,
  },
  listTokens: {
    method: 'GET',
    path: '/v2/token',
    access: 'read',
    summary: 'Your access tokens (Berth addition)',
    response: TokenList,
  },
  createToken: {
    method: 'POST',
    path: '/v2/token',
    access: 'write',
    summary: 'Create an access token; its text is in this answer and nowhere else (Berth addition)',
    body: TokenCreate,
    response: TokenCreated,
  },
  revokeToken: {
    method: 'DELETE',
    path: '/v2/token/{id}',
    access: 'write',
    summary: 'Revoke an access token (Berth addition)',
    params: z.strictObject({ id: z.string().min(1).max(100) }),
    response: Nothing,
  },
  createSignInCode: {
    method: 'POST',
    path: '/v2/sign-in/code',
    access: 'read',
    summary: 'Make a code that signs in to the console once, with what this token may (Berth addition)',
    response: SignInCode,
  },
  signIn: {
    method: 'POST',
    path: '/v2/sign-in',
    access: 'public',
    summary: 'Exchange a sign-in code for an access token (Berth addition)',
    body: SignIn,
    response: TokenCreated,
  },
  signOut: {
    method: 'POST',
    path: '/v2/sign-out',
    access: 'read',
    summary:
      'Revoke the token that asks, if it came from a sign-in code; any other is left as it is (Berth addition)',
    response: Nothing,
  },
  systemStatus: {
    method: 'GET',
    path: '/v2/system',
    access: 'read',
    summary: 'What serves and on what (Berth addition)',
    response: SystemStatus,
  },
  readHardware: {
    method: 'GET',
    path: '/v2/system/hardware',
    access: 'read',
    summary: 'The instance types that the operator offers, as hardware.json has them (Berth addition)',
    response: HardwareFile,
  },
  putHardware: {
    method: 'PUT',
    path: '/v2/system/hardware/{id}',
    access: 'write',
    summary: 'Offer an instance type, or change one that is offered; for the administrator (Berth addition)',
    params: HardwarePath,
    body: HardwareType,
    response: HardwareFile,
  },
  removeHardware: {
    method: 'DELETE',
    path: '/v2/system/hardware/{id}',
    access: 'write',
    summary: 'Take back an instance type that no endpoint uses; for the administrator (Berth addition)',
    params: HardwarePath,
    response: HardwareFile,
  },
} as const satisfies Record<string, RouteDefinition>

export type Routes = typeof routes
export type RouteName = keyof Routes

type Part<Route, Key extends string> = Route extends { readonly [K in Key]: infer Schema extends z.ZodType }
  ? Schema
  : never
type Parsed<Schema> = [Schema] extends [never]
  ? undefined
  : Schema extends z.ZodType
    ? z.output<Schema>
    : undefined
type Written<Schema> = Schema extends z.ZodType ? z.input<Schema> : never

/** What a handler is given, after validation. */
export type RouteInput<Name extends RouteName> = {
  readonly params: Parsed<Part<Routes[Name], 'params'>>
  readonly query: Parsed<Part<Routes[Name], 'query'>>
  readonly body: Parsed<Part<Routes[Name], 'body'>>
}

/** What a route answers with: the parsed JSON, or a stream of text. */
export type RouteOutput<Name extends RouteName> = Routes[Name]['response'] extends z.ZodType
  ? z.output<Routes[Name]['response']>
  : AsyncIterable<string>

type Optional<Key extends string, Schema> = [Schema] extends [never]
  ? unknown
  : { readonly [K in Key]?: Written<Schema> }
type Required<Key extends string, Schema> = [Schema] extends [never]
  ? unknown
  : { readonly [K in Key]: Written<Schema> }

/** What a caller of the typed client passes. */
export type RouteCall<Name extends RouteName> = Required<'params', Part<Routes[Name], 'params'>> &
  Optional<'query', Part<Routes[Name], 'query'>> &
  Required<'body', Part<Routes[Name], 'body'>>
