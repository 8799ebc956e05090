/** When an endpoint has been idle for so long that its last replica may stop. */
import type { EndpointState, Scaling } from '@berth/contract'

export type IdleFacts = {
  readonly scaling: Scaling
  readonly state: EndpointState
  /** Requests on a replica or waiting for one. */
  readonly active: number
  readonly lastActivityAt: number
}

const MS_PER_MINUTE = 60_000

/**
 * @returns when the last replica may stop, or `undefined` while it may not. Idle time counts from the last
 *   activity, and becoming ready is one: a start never counts as idleness.
 */
export function idleDeadline({ scaling, state, active, lastActivityAt }: IdleFacts): number | undefined {
  const timeout = scaling.scaleToZeroTimeout
  if (scaling.minReplica > 0 || timeout === null || timeout === undefined) return undefined
  if (active > 0 || (state !== 'running' && state !== 'updateFailed')) return undefined
  return lastActivityAt + timeout * MS_PER_MINUTE
}

/** "15 minutes", "90 seconds": an idle time as people say it. */
export function minutesInWords(minutes: number): string {
  if (minutes < 2) return `${Math.round(minutes * 600) / 10} seconds`
  return `${Math.round(minutes * 10) / 10} minutes`
}
