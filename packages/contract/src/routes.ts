/**
 * The route table: every call of the API, once.
 *
 * The server registers these, the typed client calls them and the OpenAPI document lists them. `access` says
 * what the caller's token must allow; membership in the path's namespace is checked for every route that has one.
 */
import { z } from 'zod'
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
import { QuotaList, VendorList } from './hardware.ts'
import { ReplicaList } from './status.ts'
import { SystemStatus } from './system.ts'
import { TokenCreate, TokenCreated, TokenList, Whoami } from './token.ts'

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
const LogsQuery = z.strictObject({
  replica: z.string().max(100).optional(),
  tail: z.coerce.number().int().min(0).max(100_000).optional(),
  follow: z.stringbool().optional(),
  line_max_length: z.coerce.number().int().min(1).max(1_000_000).optional(),
})
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
  systemStatus: {
    method: 'GET',
    path: '/v2/system',
    access: 'read',
    summary: 'What serves and on what (Berth addition)',
    response: SystemStatus,
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
