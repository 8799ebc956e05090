/** What the end of one attempt means: for its replica, and for whether another may be asked. */
import type { ClaimEnd } from '../domain/routing/claim.ts'
import type { Exchange } from './exchange.ts'
import * as refusals from './refusals.ts'
import { errorOf, type RelayEnd } from './relay-end.ts'
import type { Lease } from './running-lease.ts'
import type { EndpointRooms, Visit } from './serve-endpoint.ts'

const STOPPED_WORKING = 'it stopped working on its requests'

type Failure = Exclude<RelayEnd, { kind: 'answered' | 'client-left' | 'declined' }>

export function tellWhoFailed(
  end: Failure,
  { endpoint }: Visit,
  { replica }: Lease,
  { suspect }: EndpointRooms,
): void {
  switch (end.kind) {
    case 'broke':
      if (!end.reused) suspect(endpoint.id, replica.id, end.reason)
      return
    case 'broke-off':
    case 'unreachable':
      suspect(endpoint.id, replica.id, end.reason)
      return
    case 'silent':
      suspect(endpoint.id, replica.id, 'it sent nothing for too long')
      return
    case 'out-of-time':
    case 'too-large':
    case 'unfit':
    case 'given-up':
      return
    default:
      end satisfies never
  }
}

/** @throws PlatformError unless another replica may be asked. */
export function throwUnlessAgain(
  end: Failure,
  { exchange, endpoint }: Visit,
  { limits }: EndpointRooms,
  broken: number,
): void {
  switch (end.kind) {
    case 'out-of-time':
    case 'too-large':
    case 'unfit':
      throw errorOf(end, exchange)
    case 'broke-off':
      throw refusals.replicaBroke(endpoint, end.reason, limits.retryAfterMs)
    case 'silent':
      throw refusals.replicaWasSilent(endpoint, limits.replicaSilenceMs)
    case 'unreachable':
    case 'broke':
    case 'given-up': {
      if (broken < limits.brokenAttempts && exchange.body.replayable) return
      const reason = end.kind === 'given-up' ? STOPPED_WORKING : end.reason
      throw refusals.replicaBroke(endpoint, reason, limits.retryAfterMs)
    }
    default:
      end satisfies never
  }
}

/** What the replica's next requests should know of this one. */
export function claimEndOf(end: RelayEnd | undefined, { response }: Exchange): ClaimEnd {
  switch (end?.kind) {
    case 'answered':
      return { status: response.statusCode }
    case undefined:
    case 'client-left':
    case 'out-of-time':
    case 'declined':
    case 'too-large':
    case 'unfit':
      return 'left'
    case 'broke':
      return end.reused ? 'left' : 'failed'
    case 'unreachable':
    case 'broke-off':
    case 'silent':
    case 'given-up':
      return 'failed'
    default:
      return end satisfies never
  }
}
