/** From the scaling that an endpoint asks for to what the judgement is given. */
import type { Scaling } from '@berth/contract'
import type { CapacityProfile } from './capacity-profile.ts'
import {
  DEFAULT_HARDWARE_PERCENT,
  DEFAULT_PENDING_PER_REPLICA,
  type ScaleMeasure,
  type ScaleSpec,
} from './scale-spec.ts'

const MS_PER_MINUTE = 60_000

type Facts = {
  /** Of one replica; 0 for hardware without a price. */
  readonly pricePerHour: number
  readonly profile: CapacityProfile
}

export function scaleSpecOf(scaling: Scaling, { pricePerHour, profile }: Facts): ScaleSpec {
  const { minReplica, maxReplica, scaleToZeroTimeout, schedules = [], maxCostPerHour } = scaling
  return {
    min: minReplica,
    max: maxReplica,
    measure: measureOf(scaling, profile),
    idleTimeoutMs: scaleToZeroTimeout ? scaleToZeroTimeout * MS_PER_MINUTE : null,
    warmHours: schedules.map(({ minReplica: minReplicas, ...hours }) => ({ ...hours, minReplicas })),
    cost:
      maxCostPerHour && pricePerHour > 0
        ? { perReplicaHour: pricePerHour, ceilingPerHour: maxCostPerHour }
        : null,
  }
}

/** Nothing asked for means pending requests: they can be counted for every engine, on every hardware. */
function measureOf({ measure, strict = false }: Scaling, profile: CapacityProfile): ScaleMeasure {
  if (measure && 'slo' in measure) {
    const { firstTokenMs, firstTokenMsPerInputToken, interTokenMs, attainment } = measure.slo
    const slo = {
      firstTokenMs,
      firstTokenMsPerPromptToken: firstTokenMsPerInputToken,
      interTokenMs,
      attainment,
    }
    return { kind: 'slo', slo, profile }
  }
  if (measure && 'hardwareUsage' in measure) {
    const percent = measure.hardwareUsage ?? DEFAULT_HARDWARE_PERCENT
    return { kind: 'hardwareUsage', percent, oneAtATime: strict }
  }
  const perReplica = measure?.pendingRequests ?? DEFAULT_PENDING_PER_REPLICA
  return { kind: 'pendingRequests', perReplica, oneAtATime: strict }
}
