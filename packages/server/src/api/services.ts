/**
 * What the api needs from the services behind it. The main file provides it; a test provides it in memory.
 */
import type {
  Actor,
  AllGraphs,
  Endpoint,
  EndpointList,
  EndpointUpdate,
  EndpointWithStatus,
  FollowLogLinesQuery,
  HardwareFile,
  HardwareType,
  HubSearch,
  HubSearchQuery,
  LogLine,
  LogLinesQuery,
  LogsQuery,
  MetricsAnswer,
  News,
  QuotaList,
  Recommendation,
  RecommendedQuery,
  RouteInput,
  RouteOutput,
  SystemStatus,
  Timeline,
  TokenRole,
  UpdatePlan,
  VendorList,
  WhatIfFacts,
} from '@berth/contract'

/** Who asks, as their token says. */
export type Caller = {
  readonly user: string
  readonly actor: Actor
  readonly role: TokenRole
  readonly tokenId: string
  readonly tokenName: string
  readonly tokenCreatedAt: number
  /** Namespaces this caller belongs to, the own one first. */
  readonly namespaces: readonly string[]
}

export type EndpointName = { readonly namespace: string; readonly name: string }

export interface EndpointService {
  list(namespace: string, query: RouteInput<'listEndpoints'>['query']): Promise<EndpointList>
  create(namespace: string, body: Endpoint, caller: Caller): Promise<EndpointWithStatus>
  get(name: EndpointName): Promise<EndpointWithStatus>
  update(name: EndpointName, body: EndpointUpdate, caller: Caller): Promise<EndpointWithStatus>
  delete(name: EndpointName, caller: Caller): Promise<void>
  pause(name: EndpointName, caller: Caller): Promise<EndpointWithStatus>
  resume(name: EndpointName, caller: Caller): Promise<EndpointWithStatus>
  scaleToZero(name: EndpointName, caller: Caller): Promise<EndpointWithStatus>
  /** The endpoint now, and again after each change, until `signal` aborts or it is deleted. */
  watch(name: EndpointName, signal: AbortSignal): AsyncIterable<EndpointWithStatus>
  replicas(name: EndpointName): Promise<RouteOutput<'listReplicas'>>
  planUpdate(name: EndpointName, body: EndpointUpdate): Promise<UpdatePlan>
  planRollback(name: EndpointName, revision: number): Promise<UpdatePlan>
  rollback(name: EndpointName, revision: number, caller: Caller): Promise<EndpointWithStatus>
  revisions(name: EndpointName, limit: number): Promise<RouteOutput<'listRevisions'>>
  events(name: EndpointName, limit: number): Promise<RouteOutput<'listEvents'>>
  decisions(
    name: EndpointName,
    query: RouteInput<'listDecisions'>['query'],
  ): Promise<RouteOutput<'listDecisions'>>
}

export interface InsightService {
  /** Lines as text; with `follow` until `signal` aborts or the endpoint is deleted. */
  logs(name: EndpointName, query: LogsQuery, signal: AbortSignal): Promise<AsyncIterable<string>>
  logLines(name: EndpointName, query: LogLinesQuery): Promise<LogLine[]>
  followLogLines(
    name: EndpointName,
    query: FollowLogLinesQuery,
    signal: AbortSignal,
  ): Promise<AsyncIterable<LogLine>>
  metrics(name: EndpointName, query: RouteInput<'readMetrics'>['query']): Promise<MetricsAnswer>
  graphs(name: EndpointName, range: RouteInput<'readGraphs'>['body']): Promise<AllGraphs>
  openMetrics(name: EndpointName): Promise<string>
  timeline(name: EndpointName, query: RouteInput<'readTimeline'>['query']): Promise<Timeline>
  whatIf(name: EndpointName, query: RouteInput<'readWhatIf'>['query']): Promise<WhatIfFacts>
  /** @param after the id of the last news that the listener had. */
  live(namespace: string, after: string | undefined, signal: AbortSignal): AsyncIterable<News>
  /** Of endpoints in the caller's namespaces, and of the process. */
  systemMetrics(caller: Caller): Promise<string>
}

export interface TokenService {
  list(caller: Caller): Promise<RouteOutput<'listTokens'>>
  create(body: RouteInput<'createToken'>['body'], caller: Caller): Promise<RouteOutput<'createToken'>>
  revoke(id: string, caller: Caller): Promise<void>
  createSignInCode(caller: Caller): Promise<RouteOutput<'createSignInCode'>>
  signIn(code: string): Promise<RouteOutput<'signIn'>>
  signOut(caller: Caller): Promise<void>
}

/** The instance types that the operator offers. */
export interface HardwareService {
  read(): Promise<HardwareFile>
  put(id: string, type: HardwareType, caller: Caller): Promise<HardwareFile>
  remove(id: string, caller: Caller): Promise<HardwareFile>
}

export interface ApiServices {
  /** @returns undefined for an unknown, revoked or expired token. */
  authenticate(token: string): Promise<Caller | undefined>
  namespaceExists(name: string): Promise<boolean>
  readonly endpoints: EndpointService
  readonly insight: InsightService
  readonly tokens: TokenService
  readonly hardware: HardwareService
  /** With what the namespace uses of it; without a namespace, with placeholder zeros. */
  vendors(namespace: string | undefined): Promise<VendorList>
  quotas(namespace: string): Promise<QuotaList>
  recommend(query: RecommendedQuery): Promise<Recommendation>
  searchHub(query: HubSearchQuery): Promise<HubSearch>
  system(): Promise<SystemStatus>
}
