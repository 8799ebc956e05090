/**
 * The door to the store room: what must outlive the process.
 *
 * One small repository per noun. Every write of a record that has a `version` names the version it read; a stale
 * one is a `conflict`. `transaction` gives the same repositories, all or nothing. SQLite and PostgreSQL stand
 * behind it and pass `conformance.ts`.
 */
import type { Actor, TokenLimits, TokenRole } from '@berth/contract'
import type { EndpointRecord, Revision, ScaleTarget } from '../domain/endpoint.ts'
import type { StatusRecord } from '../domain/endpoint-status.ts'
import type { EndpointId } from '../domain/replica.ts'
import type { DecisionRecord, NewDecision } from '../domain/scale/decision-record.ts'
import type { UsageTotal } from '../domain/usage/usage-totals.ts'

export interface Store {
  readonly kind: 'sqlite' | 'postgres'
  readonly namespaces: NamespaceRepository
  readonly endpoints: EndpointRepository
  readonly revisions: RevisionRepository
  readonly scaleTargets: ScaleTargetRepository
  readonly statuses: StatusRepository
  readonly scaleDecisions: ScaleDecisionRepository
  readonly tokens: TokenRepository
  readonly secrets: SecretRepository
  readonly events: EventRepository
  readonly usage: UsageRepository
  /** Runs `body` on repositories that commit together when it returns and not at all when it throws. Does not nest. */
  transaction<Result>(body: (store: Store) => Promise<Result>): Promise<Result>
  close(): Promise<void>
}

export type Namespace = {
  readonly name: string
  readonly kind: 'user' | 'organization'
  readonly createdAt: number
}

export interface NamespaceRepository {
  /** @throws PlatformError `conflict` if the name is taken. */
  create(namespace: Namespace): Promise<void>
  get(name: string): Promise<Namespace | undefined>
  list(): Promise<readonly Namespace[]>
}

export interface EndpointRepository {
  /** @throws PlatformError `conflict` if the namespace has an endpoint of that name. */
  create(endpoint: EndpointRecord): Promise<void>
  /** Writes `endpoint` with `version` raised by one. @throws PlatformError `conflict` if it is not at `expectedVersion`, or gone. */
  save(endpoint: EndpointRecord, expectedVersion: number): Promise<EndpointRecord>
  get(id: EndpointId): Promise<EndpointRecord | undefined>
  find(namespace: string, name: string): Promise<EndpointRecord | undefined>
  /** The latest change first; of every namespace when none is given. */
  list(namespace?: string): Promise<readonly EndpointRecord[]>
  /** Removes the endpoint with its revisions, target, decisions, status and secrets; gone already is success. Events stay. */
  delete(id: EndpointId): Promise<void>
}

export interface RevisionRepository {
  append(revision: Revision): Promise<void>
  get(endpointId: EndpointId, number: number): Promise<Revision | undefined>
  /** Notes which content its containers run, unless that is noted already. A revision that is gone is nothing. */
  noteImage(endpointId: EndpointId, number: number, imageDigest: string): Promise<void>
  /** Newest first. */
  list(endpointId: EndpointId, limit: number): Promise<readonly Revision[]>
}

export interface ScaleTargetRepository {
  set(target: ScaleTarget): Promise<void>
  get(endpointId: EndpointId): Promise<ScaleTarget | undefined>
}

export interface StatusRepository {
  set(status: StatusRecord): Promise<void>
  get(endpointId: EndpointId): Promise<StatusRecord | undefined>
  list(): Promise<readonly StatusRecord[]>
}

export interface ScaleDecisionRepository {
  /** Only the newest `DECISIONS_KEPT` of an endpoint are kept. One about an endpoint that is gone is dropped. */
  append(decision: NewDecision): Promise<void>
  /**
   * Newest first.
   * @param filter `knownAt` leaves out what was decided later, `since` what was decided earlier.
   */
  list(
    endpointId: EndpointId,
    filter: { readonly knownAt?: number; readonly since?: number; readonly limit: number },
  ): Promise<readonly DecisionRecord[]>
}

/** A token as it is kept: its hash and its first characters, never its text. */
export type TokenRecord = {
  readonly id: string
  /** SHA-256 of the text, in hex. */
  readonly hash: string
  readonly prefix: string
  readonly name: string
  readonly user: string
  readonly role: TokenRole
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly limits?: TokenLimits
  /** Made by signing in to the console, for as long as one stays signed in. */
  readonly isSession?: true
}

/** To the minute; null for one that was never used. */
export type ListedToken = TokenRecord & { readonly lastUsedAt: number | null }

export interface TokenRepository {
  create(token: TokenRecord): Promise<void>
  findByHash(hash: string): Promise<TokenRecord | undefined>
  /** Newest first; of every user when none is given. */
  list(user?: string): Promise<readonly ListedToken[]>
  /** Notes when they were last used, unless a later time is there. One that is gone is nothing. */
  used(uses: readonly { readonly id: string; readonly at: number }[]): Promise<void>
  /** @returns whether there was one. */
  revoke(id: string): Promise<boolean>
}

/** Values are encrypted by the room before they are written; whoever reads them gets the clear text. */
export interface SecretRepository {
  set(endpointId: EndpointId, name: string, value: string): Promise<void>
  remove(endpointId: EndpointId, name: string): Promise<void>
  names(endpointId: EndpointId): Promise<readonly string[]>
  /** The clear values, for starting a replica. */
  reveal(endpointId: EndpointId): Promise<Readonly<Record<string, string>>>
}

export type EventRecord = {
  /** Given by the store, growing. */
  readonly sequence: number
  readonly at: number
  readonly actor: Actor
  /** A closed word such as `endpoint.created`, `replica.ready`, `scale.changed`. */
  readonly kind: string
  /** `namespace/name`, or null for what concerns the installation. */
  readonly endpoint: string | null
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

export type EventFilter = {
  readonly endpoint?: string
  readonly namespace?: string
  /** Inclusive both, in milliseconds since the epoch. */
  readonly from?: number
  readonly to?: number
  /** Whole kinds, or their beginnings up to a dot: `replica` for every `replica.ready`. */
  readonly kinds?: readonly string[]
  /** Only those with a smaller number. */
  readonly before?: number
  /** Only those with a greater number, and then the oldest first. */
  readonly after?: number
  readonly limit: number
}

export type EventBounds = {
  /** Kinds as in a filter: which ones these bounds are for, or are not for. */
  readonly only?: readonly string[]
  readonly except?: readonly string[]
  /** Older ones go, in milliseconds since the epoch. */
  readonly before: number
  /** So many of an endpoint stay, the newest; those of no endpoint are counted together. */
  readonly perEndpoint: number
}

export interface EventRepository {
  append(event: Omit<EventRecord, 'sequence'>): Promise<void>
  /** Newest first, unless they are wanted from one on. */
  list(filter: EventFilter): Promise<readonly EventRecord[]>
  /** The last word about an endpoint stays, however old it is: that there was one, and what became of it. */
  prune(bounds: EventBounds): Promise<void>
}

/** What was used, summed up by endpoint, token and period. It outlives the endpoint and the token. */
export interface UsageRepository {
  /**
   * Notes that the batch of this gateway is being added. Numbers of one gateway only grow.
   * @returns false if it, or a later one, was added before: then nothing is to be added.
   */
  claimBatch(batch: {
    readonly gatewayId: string
    readonly sequence: number
    readonly at: number
  }): Promise<boolean>
  /** To what is there already. In one transaction with the claim. */
  add(totals: readonly UsageTotal[]): Promise<void>
  /** Periods that begin in the range, the oldest first. */
  list(filter: {
    readonly endpointId?: EndpointId
    readonly from: number
    readonly to: number
  }): Promise<readonly UsageTotal[]>
  prune(limits: { readonly periodsBefore: number; readonly gatewaysBefore: number }): Promise<void>
}
