/**
 * What the api needs from the services behind it. The main file provides it; a test provides it in memory.
 */
import type {
  Actor,
  Endpoint,
  EndpointList,
  EndpointUpdate,
  EndpointWithStatus,
  QuotaList,
  RouteInput,
  RouteOutput,
  SystemStatus,
  TokenRole,
  VendorList,
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
  logs(
    name: EndpointName,
    query: { readonly replica?: string; readonly tail?: number; readonly follow: boolean },
    signal: AbortSignal,
  ): Promise<AsyncIterable<string>>
  revisions(name: EndpointName, limit: number): Promise<RouteOutput<'listRevisions'>>
  events(name: EndpointName, limit: number): Promise<RouteOutput<'listEvents'>>
}

export interface TokenService {
  list(caller: Caller): Promise<RouteOutput<'listTokens'>>
  create(body: RouteInput<'createToken'>['body'], caller: Caller): Promise<RouteOutput<'createToken'>>
  revoke(id: string, caller: Caller): Promise<void>
}

export interface ApiServices {
  /** @returns undefined for an unknown, revoked or expired token. */
  authenticate(token: string): Promise<Caller | undefined>
  namespaceExists(name: string): Promise<boolean>
  readonly endpoints: EndpointService
  readonly tokens: TokenService
  /** With what the namespace uses of it; without a namespace, with placeholder zeros. */
  vendors(namespace: string | undefined): Promise<VendorList>
  quotas(namespace: string): Promise<QuotaList>
  system(): Promise<SystemStatus>
}
