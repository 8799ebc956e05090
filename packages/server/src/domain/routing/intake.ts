/**
 * How an engine likes to be given requests, and what follows for routing.
 *
 * A replica that is full makes requests wait in the gateway and not inside it: there they can still go to whichever
 * replica is free first, to one that is only starting, or nowhere at all if their client leaves.
 */
import type { RoutingSettings } from '@berth/contract'
import type { RoutingRules } from './choose-replica.ts'

export type Intake = {
  /** Requests that one replica works on at the same time. Null where it fits in as many as its memory holds. */
  readonly room: number | null
  /** It keeps what it has read, so that a prompt is less work where its beginning was read before. */
  readonly keepsPrefixes: boolean
}

/** What is known of a program that Berth does not know. */
export const UNKNOWN_INTAKE: Intake = { room: null, keepsPrefixes: false }

/** What the user asked for, and what suits the engine where nothing was asked. */
export function routingRules(intake: Intake, asked: RoutingSettings | undefined): RoutingRules {
  return {
    policy: asked?.policy ?? (intake.keepsPrefixes ? 'prefix-affinity' : 'least-requests'),
    room: asked?.requestsPerReplica ?? intake.room,
  }
}
