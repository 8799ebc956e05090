/** How an endpoint wants to be scaled, with the price of its hardware and what a replica is believed to carry. */
import { artifactBytes } from '../domain/artifact.ts'
import type { EndpointRecord } from '../domain/endpoint.ts'
import { PlatformError } from '../domain/errors.ts'
import { chooseInstance } from '../domain/instance-choice.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import { scaleSpecOf } from '../domain/scale/asked-scaling.ts'
import type { CapacityProfile } from '../domain/scale/capacity-profile.ts'
import { priorProfile } from '../domain/scale/prior-profile.ts'
import type { ScaleSpec } from '../domain/scale/scale-spec.ts'
import type { AutoscaleRooms } from './rooms.ts'

/** Before the first start was seen. */
const USUAL_START_MS = 30_000

const NO_INSTANCE = { cpus: 1, gpus: 0, pricePerHour: 0 }

export async function learnSpec(
  rooms: Pick<AutoscaleRooms, 'store' | 'driver'>,
  endpoint: EndpointRecord,
  startMs: number | undefined,
): Promise<ScaleSpec> {
  const { scaling } = endpoint.spec.compute
  const { instanceTypes } = await rooms.driver.capacity()
  const instance = instanceOf(endpoint, instanceTypes)
  const profile = await profileOf(rooms, endpoint, instance, startMs ?? USUAL_START_MS)
  return scaleSpecOf(scaling, { pricePerHour: instance.pricePerHour, profile })
}

/** Hardware that is not offered any more has no price and still runs. */
function instanceOf(endpoint: EndpointRecord, offers: readonly InstanceType[]) {
  try {
    return chooseInstance(endpoint.spec, offers)
  } catch (error) {
    if (error instanceof PlatformError) return NO_INSTANCE
    throw error
  }
}

async function profileOf(
  { store }: Pick<AutoscaleRooms, 'store'>,
  { id, generation, spec }: EndpointRecord,
  instance: Pick<InstanceType, 'cpus' | 'gpus'>,
  startMs: number,
): Promise<CapacityProfile> {
  const { measure } = spec.compute.scaling
  const revision = measure && 'slo' in measure ? await store.revisions.get(id, generation) : undefined
  const weightBytes = revision ? artifactBytes(revision.artifact) : 0
  return priorProfile({ weightBytes, instance, image: revision?.image ?? spec.model.image, startMs })
}
