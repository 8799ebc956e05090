/** How an endpoint wants to be scaled, and which of such wishes make no sense. */
import type { CapacityProfile } from './capacity-profile.ts'
import type { WarmHours } from './warm-hours.ts'

export type ScaleSpec = {
  readonly min: number
  readonly max: number
  readonly measure: ScaleMeasure
  /** Without a request for so long, and `min` 0: zero replicas. Null is never. */
  readonly idleTimeoutMs: number | null
  /** Minimum counts by weekday and hour. */
  readonly warmHours: readonly WarmHours[]
  readonly cost: { readonly perReplicaHour: number; readonly ceilingPerHour: number } | null
}

export type ScaleMeasure =
  | {
      readonly kind: 'pendingRequests'
      /** Requests without a status that one replica may have. */
      readonly perReplica: number
      /** Never more than one replica per step up, as the managed service does it. */
      readonly oneAtATime: boolean
    }
  | { readonly kind: 'hardwareUsage'; readonly percent: number; readonly oneAtATime: boolean }
  | { readonly kind: 'slo'; readonly slo: LatencySlo; readonly profile: CapacityProfile }

/** What is promised to the caller, and for which share of the requests. */
export type LatencySlo = {
  /** Until the first token: a fixed part and a part for each prompt token. */
  readonly firstTokenMs: number
  readonly firstTokenMsPerPromptToken: number
  /** Mean time between the tokens of one answer. */
  readonly interTokenMs: number
  /** 0.95: of a hundred requests, ninety-five. */
  readonly attainment: number
}

export const DEFAULT_PENDING_PER_REPLICA = 1.5
export const DEFAULT_HARDWARE_PERCENT = 80

/** The most replicas any decision asks for, whatever the specification says. */
export const REPLICA_LIMIT = 10_000

/** @returns why the endpoint cannot be scaled so, in a sentence; undefined when it can. */
export function scaleSpecRefusal(spec: ScaleSpec): string | undefined {
  const { min, max, measure, idleTimeoutMs, warmHours, cost } = spec
  if (!Number.isInteger(min) || min < 0) return `The minimum is ${min}; it must be a whole number from 0.`
  if (!Number.isInteger(max) || max < 1) return `The maximum is ${max}; it must be a whole number from 1.`
  if (max > REPLICA_LIMIT) return `The maximum is ${max}; more than ${REPLICA_LIMIT} are not supported.`
  if (min > max) return `The minimum (${min}) is larger than the maximum (${max}).`
  if (idleTimeoutMs !== null && !(idleTimeoutMs > 0)) return 'The idle time must be above zero, or null.'
  const warmest = Math.max(0, ...warmHours.map((hours) => hours.minReplicas))
  if (warmest > max) return `A schedule asks for ${warmest} replicas; the maximum is ${max}.`
  if (cost && cost.perReplicaHour * Math.max(1, min) > cost.ceilingPerHour) {
    return (
      `${Math.max(1, min)} replica(s) cost ${cost.perReplicaHour * Math.max(1, min)} an hour, ` +
      `above the ceiling of ${cost.ceilingPerHour}: raise the ceiling or choose smaller hardware.`
    )
  }
  return measureRefusal(measure)
}

function measureRefusal(measure: ScaleMeasure): string | undefined {
  switch (measure.kind) {
    case 'pendingRequests':
      return measure.perReplica > 0
        ? undefined
        : `The threshold is ${measure.perReplica} pending requests per replica; it must be above 0.`
    case 'hardwareUsage':
      return measure.percent > 0 && measure.percent <= 100
        ? undefined
        : `The threshold is ${measure.percent} %; it must be above 0 and at most 100.`
    case 'slo': {
      const { firstTokenMs, firstTokenMsPerPromptToken, interTokenMs, attainment } = measure.slo
      if (!(firstTokenMs > 0) || !(firstTokenMsPerPromptToken >= 0) || !(interTokenMs > 0)) {
        return 'The times of a latency objective must be above zero.'
      }
      if (!(attainment > 0 && attainment < 1)) {
        return `The attainment is ${attainment}; it must be between 0 and 1: 0.95 is ninety-five of a hundred.`
      }
      return undefined
    }
    default:
      return measure satisfies never
  }
}
