/** How many accelerators of a kind a namespace may use, and what of it is used. GPUs count, or vCPUs where there are none. */
import type { EndpointRecord } from './endpoint.ts'
import type { InstanceType } from './instance-type.ts'
import type { EndpointId } from './replica.ts'

/** With a role it is no replica, and has no accelerators. */
type Running = { readonly endpointId: EndpointId; readonly role?: unknown }

export const acceleratorsOf = ({ accelerator, cpus, gpus }: InstanceType): number =>
  accelerator === 'cpu' ? cpus : gpus

/**
 * What the replicas of a namespace use of `type`'s kind, in whatever size. What sleeps or is paused uses nothing.
 *
 * @param endpoints of the namespace.
 * @param offers to know the sizes by.
 */
export function usedAccelerators(
  type: InstanceType,
  endpoints: readonly EndpointRecord[],
  running: readonly Running[],
  offers: readonly InstanceType[],
): number {
  return endpoints
    .flatMap((endpoint) => {
      const offer = offers.find(({ id }) => id === endpoint.spec.compute.id)
      const isSameKind = offer?.vendor === type.vendor && offer.instanceType === type.instanceType
      const count = running.filter(
        ({ endpointId, role }) => endpointId === endpoint.id && role === undefined,
      ).length
      return isSameKind ? [count * acceleratorsOf(offer)] : []
    })
    .reduce((sum, used) => sum + used, 0)
}

/** Why `replicas` more of `type` are more than the namespace may have, worded for a person, or `undefined`. */
export function overQuota(
  type: InstanceType,
  namespace: string,
  { replicas, used }: { readonly replicas: number; readonly used: number },
): string | undefined {
  const { maxAccelerators: most, accelerator, vendor, instanceType } = type
  if (most === undefined) return undefined
  const needed = replicas * acceleratorsOf(type)
  if (used + needed <= most) return undefined
  const what = accelerator === 'cpu' ? 'vCPUs' : 'GPUs'
  return (
    `The namespace "${namespace}" may use ${most} ${what} of ${vendor}/${instanceType}: ${used} are in use, and ${needed} more are needed. ` +
    'Pause an endpoint that holds some, choose a smaller instance, or ask for a larger quota.'
  )
}
