/** Whether a namespace may have what an endpoint asks for, before it is accepted. What starts later is held against it again. */
import type { Scaling } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import { overQuota, usedAccelerators } from '../domain/quota.ts'
import type { EndpointId } from '../domain/replica.ts'
import type { ControlRooms } from './rooms.ts'

type Asked = {
  readonly namespace: string
  readonly instance: InstanceType
  readonly scaling: Pick<Scaling, 'minReplica'>
  /** Of one that is there: what it has now it gives up for this. */
  readonly endpointId?: EndpointId
}

/** @throws PlatformError `quota_exceeded` with what is used and what may be. */
export async function refuseOverQuota(
  { store, driver }: Pick<ControlRooms, 'store' | 'driver'>,
  { namespace, instance, scaling, endpointId }: Asked,
): Promise<void> {
  if (instance.maxAccelerators === undefined) return
  const [endpoints, replicas, { instanceTypes }] = await Promise.all([
    store.endpoints.list(namespace),
    driver.list(),
    driver.capacity(),
  ])
  const others = replicas.filter((one) => one.state === 'running' && one.endpointId !== endpointId)
  const used = usedAccelerators(instance, endpoints, others, instanceTypes)
  const message = overQuota(instance, namespace, { replicas: Math.max(1, scaling.minReplica), used })
  if (message) throw new PlatformError('quota_exceeded', message, { field: 'compute.instanceSize' })
}
