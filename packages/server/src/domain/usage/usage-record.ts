/** What one request of an endpoint used and how long it took, as the gateway that passed it on saw it. */
import type { EndpointId, ReplicaId } from '../replica.ts'

export type UsageRecord = {
  readonly requestId: string
  readonly endpointId: EndpointId
  /** Who answered; null when no replica was reached. */
  readonly replicaId: ReplicaId | null
  /** Whose token it came with; null for a caller without one. */
  readonly tokenId: string | null
  readonly arrivedAt: number
  /** As the client saw it; 499 when the client left before the end. */
  readonly status: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** The part of the input that the engine did not have to compute again. */
  readonly cachedTokens: number
  /** The engine did not say how many tokens there were, so they were counted from outside. */
  readonly isEstimated: boolean
  /** From arrival to the end of the answer. */
  readonly durationMs: number
  /** Waiting for a replica. */
  readonly heldMs: number
  /** From the replica's getting the request to the first token of a stream; null for what is no stream. */
  readonly firstTokenMs: number | null
  /** Mean time between tokens of a stream; null below two. */
  readonly interTokenMs: number | null
  /** The adapter that was asked for, with what it was then; absent for the model itself. */
  readonly adapter?: { readonly name: string; readonly hash: string } | undefined
  /** Who answered in place of a replica of the endpoint; absent where one did, or nobody. */
  readonly via?: 'cache' | 'fallback' | 'external' | undefined
  /** The endpoint that was asked, where this one answered as its fallback. */
  readonly insteadOf?: EndpointId | undefined
}

/** The client closed the connection before it had its answer; nginx's number, which log readers know. */
export const CLIENT_LEFT_STATUS = 499
