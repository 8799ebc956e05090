/**
 * The door to the link room: what control and gateway tell each other.
 *
 * Plain data in both directions, one JSON object per line. Every message may be repeated without harm. Down goes
 * a snapshot and then what changed; up go demand, wakes, drained replicas and usage.
 */
import type {
  AccessType,
  EndpointState,
  FallbackReason,
  LatencyObjective,
  TokenLimits,
  TokenRole,
} from '@berth/contract'
import type { RoutedAdapter } from '../domain/adapter.ts'
import type { UsageLimits } from '../domain/limits/usage-limits.ts'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'
import type { RoutingRules } from '../domain/routing/choose-replica.ts'
import type { Vitals } from '../domain/routing/vitals.ts'
import type { ExpectedStart } from '../domain/start-times.ts'
import type { TaskTarget } from '../domain/tasks/task-route.ts'
import type { UsageRecord } from '../domain/usage/usage-record.ts'

export type RoutedReplica = {
  readonly id: ReplicaId
  readonly host: string
  readonly port: number
  /** Sent as bearer token to the engine; null for engines that take none. */
  readonly apiKey: string | null
  /** What it was started with beside its model, by name. */
  readonly adapters?: Readonly<Record<string, RoutedAdapter>>
  /** A draining replica finishes what it has and gets nothing new. */
  readonly state: 'ready' | 'draining'
}

/**
 * A program that shares the endpoint's requests out among its replicas. It reaches them through doors of the gateways,
 * one for each replica, so that keys, counting and draining stay the gateways'.
 */
export type RoutedRouter = {
  readonly id: ReplicaId
  readonly host: string
  readonly port: number
  /** Sent to it as bearer token, and by it to the doors. */
  readonly apiKey: string
  /** Where its doors are: this machine as it sees it. */
  readonly doorHost: string
  /** Whom it was told of last, or is being told of: their doors stay open. */
  readonly backends: readonly ReplicaId[]
  /** Only one that is ready gets requests; one that drains finishes what it has. */
  readonly state: 'starting' | 'ready' | 'draining'
}

export type RouterDoor = { readonly replicaId: ReplicaId; readonly host: string; readonly port: number }

/** An OpenAI-compatible server elsewhere. */
export type ExternalStep = {
  readonly kind: 'external'
  readonly baseUrl: string
  readonly model: string
  readonly key: string
}

/** Who answers in an endpoint's place, and when. */
export type RoutedFallback = {
  readonly on: readonly FallbackReason[]
  readonly to: { readonly kind: 'endpoint'; readonly name: string } | ExternalStep
}

export type RoutedEndpoint = {
  readonly id: EndpointId
  readonly namespace: string
  readonly name: string
  readonly access: AccessType
  readonly state: EndpointState
  /** For a person who waits or is refused. */
  readonly message: string
  /** Why it failed, for a person; null when it did not. */
  readonly failure: string | null
  /** How long until a replica is ready, as far as earlier starts tell; null when unknown, or when one is. */
  readonly start: ExpectedStart | null
  readonly replicas: readonly RoutedReplica[]
  /** Programs of its own that choose the replica; absent where the gateway does. */
  readonly routers?: readonly RoutedRouter[]
  /** How its replicas share the requests; absent for the rules that suit most. */
  readonly routing?: RoutingRules
  /** What a silent replica of it can be asked; absent where no question is known to be cheap. */
  readonly vitals?: Vitals
  /** The names of the adapters that are wanted now; absent for none. */
  readonly adapters?: readonly string[]
  /** What task calls to its root become; absent where its engine answers them, or knows none. */
  readonly tasks?: TaskTarget
  /** What may be asked of it by all callers together; absent for no limit. */
  readonly limits?: UsageLimits
  readonly fallback?: RoutedFallback
  /** Present where its answers may be given again: what they are answers of. */
  readonly cache?: { readonly revision: number; readonly task: string | null }
  /** Origins whose pages may call it from a browser, or `*` alone; absent for none. */
  readonly origins?: readonly string[]
  /** What is promised to callers, where the endpoint is scaled by a promise. */
  readonly objective?: LatencyObjective
}

/** What a token may do, found by the SHA-256 (hex) of its text. */
export type TokenGrant = {
  readonly hash: string
  readonly tokenId: string
  readonly user: string
  readonly role: TokenRole
  /** Namespaces whose private endpoints it may call. */
  readonly namespaces: readonly string[]
  readonly expiresAt: number | null
  /** What it may use at all endpoints together; absent for no limit. */
  readonly limits?: TokenLimits
}

/** A certificate with its chain, and its key, in PEM. */
export type CertificatePair = { readonly certificate: string; readonly key: string }

/** What gateways show to clients that connect, where the control process sees to the certificates. */
export type ShownCertificates = {
  /** Null until there is one: nobody is let in. */
  readonly own: CertificatePair | null
  /** Shown to an authority that asks for proof of a name (TLS-ALPN-01), by that name. */
  readonly proofs: Readonly<Record<string, CertificatePair>>
}

export type RoutingSnapshot = {
  readonly endpoints: readonly RoutedEndpoint[]
  readonly grants: readonly TokenGrant[]
  /** Absent where a gateway reads files, or does not encrypt. */
  readonly certificates?: ShownCertificates
}

/** Control to gateway. */
export type DownMessage =
  | ({ readonly kind: 'snapshot' } & RoutingSnapshot)
  | { readonly kind: 'endpoint'; readonly endpoint: RoutedEndpoint }
  | { readonly kind: 'endpoint-gone'; readonly id: EndpointId }
  | { readonly kind: 'grant'; readonly grant: TokenGrant }
  | { readonly kind: 'grant-gone'; readonly hash: string }
  | { readonly kind: 'certificates'; readonly certificates: ShownCertificates }
  /** This gateway's usage batch of that number is stored: it may forget it. */
  | { readonly kind: 'usage-ack'; readonly sequence: number }
  /** Start another in your place and give it your socket. */
  | ({ readonly kind: 'hand-over' } & HeirCommand)
  /** Take no new connections, finish what runs, then exit. */
  | { readonly kind: 'shutdown'; readonly drainMs: number }

/** How a worker's heir is started. */
export type HeirCommand = { readonly program: string; readonly args: readonly string[] }

export type EndpointDemand = {
  readonly id: EndpointId
  /** Requests that arrived since the last report. */
  readonly arrivals: number
  /** Without an HTTP status now: those that wait for a replica, and those that one has not begun to answer. */
  readonly pending: number
  /** Waiting for a replica now. */
  readonly waiting: number
  /** On a replica now. */
  readonly inFlight: number
  /** When the last request arrived or ended, in milliseconds since the epoch; null for never. */
  readonly lastActivityAt: number | null
  readonly inFlightByReplica: Readonly<Record<ReplicaId, number>>
  /** Null for an endpoint whose answers were not made of tokens so far. */
  readonly tokens: TokenDemand | null
}

/** Since the last report, unless a field says otherwise. */
export type TokenDemand = {
  /** Prompt tokens that arrived, without those that a prefix cache is expected to hold. */
  readonly prompt: number
  readonly generated: number
  /** Prompt and generated tokens of the requests on replicas now. */
  readonly context: number
  /** Prompt tokens of requests without a first token now. */
  readonly unprefilled: number
  /** Prompt tokens whose first token came. */
  readonly prefilled: number
  /** Gaps between two tokens of an answer, and their sum. */
  readonly gaps: number
  readonly gapMsSum: number
  readonly firstTokens: number
  /** Later than the endpoint promises. */
  readonly lateFirstTokens: number
  readonly answers: number
  readonly slowAnswers: number
}

export type TokenUse = { readonly tokenId: string; readonly at: number }

/** Gateway to control. */
export type UpMessage =
  | {
      readonly kind: 'hello'
      readonly gatewayId: string
      readonly pid: number
      readonly startedAt: number
      readonly url: string
      /** Its number among the workers that share the address. */
      readonly worker: number
    }
  /**
   * Only endpoints whose numbers changed or are not zero; without any, a sign of life. The number counts up in each
   * life of a gateway: what comes again, or after a later one, is old.
   */
  | { readonly kind: 'demand'; readonly sequence: number; readonly endpoints: readonly EndpointDemand[] }
  /** Requests wait and no replica is ready. Repeated while that is so, a few times a second at most. */
  | { readonly kind: 'wake'; readonly id: EndpointId; readonly waiting: number }
  /**
   * Where the router reaches the replicas through this gateway: all of its doors, said again with every snapshot. None
   * for a gateway that is about to end.
   */
  | {
      readonly kind: 'doors'
      readonly routerId: ReplicaId
      readonly doors: readonly RouterDoor[]
      /** Why there are not more, for a person; null for no reason. */
      readonly problem: string | null
    }
  /** A replica, or a router, that left the routing table, or drains, has no request of this gateway any more. */
  | { readonly kind: 'drained'; readonly replicaId: ReplicaId }
  /** A connection to the replica was refused or broke: look at it. */
  | {
      readonly kind: 'suspect'
      readonly id: EndpointId
      readonly replicaId: ReplicaId
      readonly reason: string
    }
  /** It has requests and does not work on them. Repeated while that is so. */
  | {
      readonly kind: 'stuck'
      readonly id: EndpointId
      readonly replicaId: ReplicaId
      /** For a person. */
      readonly evidence: string
    }
  /** Tokens that were used, each when; of one and the same about once a minute. What is lost comes again. */
  | { readonly kind: 'tokens-used'; readonly uses: readonly TokenUse[] }
  /**
   * What requests used. The number counts up from 1 in each life of a gateway, so it names the batch together with
   * the gateway's id; until it is acknowledged the batch is sent again after every reconnection.
   */
  | { readonly kind: 'usage'; readonly sequence: number; readonly records: readonly UsageRecord[] }

/** The control process's side: one hub, many gateways. */
export interface LinkHub {
  /** Sends to every connected gateway. New gateways get `snapshot()` first. */
  broadcast(message: Exclude<DownMessage, { kind: 'snapshot' }>): void
  /** To one gateway; nothing happens when it is gone, since it sends again what was not acknowledged. */
  acknowledge(gatewayId: string, sequence: number): void
  /** To one gateway. @returns false when it is not connected. */
  send(gatewayId: string, message: Exclude<DownMessage, { kind: 'snapshot' }>): boolean
  readonly gateways: readonly ConnectedGateway[]
  close(): Promise<void>
}

export type ConnectedGateway = {
  readonly id: string
  readonly pid: number
  readonly url: string
  readonly worker: number
  readonly connectedAt: number
}

export type LinkHubOptions = {
  /** A Unix socket's path, or a TCP port on loopback. */
  readonly listen: { readonly path: string } | { readonly host: string; readonly port: number }
  readonly snapshot: () => RoutingSnapshot
  readonly onMessage: (gateway: ConnectedGateway, message: UpMessage) => void
  readonly onConnect: (gateway: ConnectedGateway) => void
  readonly onDisconnect: (gateway: ConnectedGateway) => void
}

/** The gateway process's side: keeps the stream alive, reconnects with back-off, never throws. */
export interface LinkClient {
  /** Dropped when not connected: every message is repeated or repeatable by its sender. */
  send(message: UpMessage): void
  readonly connected: boolean
  close(): Promise<void>
}

export type LinkClientOptions = {
  readonly connect: { readonly path: string } | { readonly host: string; readonly port: number }
  readonly hello: () => Extract<UpMessage, { kind: 'hello' }>
  readonly onMessage: (message: DownMessage) => void
  readonly onConnect: () => void
  readonly onDisconnect: () => void
}
