/**
 * What a replica is.
 *
 * A replica is one running copy of one revision of an endpoint. This module holds its shape and the phases it
 * passes through, nothing else: starting and stopping belong to `runtime/`, deciding belongs to `replica-plan.ts`.
 *
 *     starting ──probe passes──▶ ready ──no longer wanted──▶ draining ──▶ (gone)
 *         │                        │
 *         └──exits or times out────┴──exits──▶ failed ──▶ (gone)
 */
export type ReplicaId = string & { readonly brand: 'ReplicaId' }
export type EndpointId = string & { readonly brand: 'EndpointId' }

export type ReplicaPhase = 'starting' | 'ready' | 'draining' | 'failed'

export type Replica = {
  readonly id: ReplicaId
  /** The number of the revision that it was started from. */
  readonly revision: number
  readonly phase: ReplicaPhase
  /** When it entered this phase, in milliseconds since the epoch. */
  readonly phaseSince: number
  /** Requests it is serving now, as the gateways count them. */
  readonly inFlight: number
}

/** Where a replica answers. */
export type ReplicaAddress = { readonly host: string; readonly port: number }
