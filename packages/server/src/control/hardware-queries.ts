/** The hardware of this installation, with what a namespace uses of it. */
import type { ComputeOffer, QuotaList, VendorList } from '@berth/contract'
import type { InstanceType } from '../domain/instance-type.ts'
import { freeReplicas, GIBIBYTE } from '../domain/memory-ledger.ts'
import { acceleratorsOf, usedAccelerators } from '../domain/quota.ts'
import type { ControlRooms } from './rooms.ts'

export async function listVendors(rooms: ControlRooms, namespace: string | undefined): Promise<VendorList> {
  const { instanceTypes, total } = await rooms.driver.capacity()
  const endpoints = namespace === undefined ? [] : await rooms.store.endpoints.list(namespace)
  const running = (await rooms.driver.list()).filter((replica) => replica.state === 'running')
  const reserved = running.map((replica) => replica.resources)
  const offers = instanceTypes.map((type) => {
    const free = freeReplicas(type, reserved, total)
    const used = Math.ceil(usedAccelerators(type, endpoints, running, instanceTypes))
    return { type, offer: offerOf(type, { free, used, instanceTypes }) }
  })
  const vendors = Map.groupBy(offers, ({ type }) => type.vendor)
  return {
    vendors: [...vendors].map(([name, ofVendor]) => ({
      name,
      status: 'available',
      regions: [...Map.groupBy(ofVendor, ({ type }) => type.region)].map(([region, ofRegion]) => ({
        name: region,
        label:
          ofRegion.find(({ type }) => type.regionLabel)?.type.regionLabel ??
          (region === 'default' ? 'This machine' : region),
        status: 'available',
        computes: ofRegion.map(({ offer }) => offer),
      })),
    })),
  }
}

export async function listQuotas(rooms: ControlRooms, namespace: string): Promise<QuotaList> {
  const { vendors } = await listVendors(rooms, namespace)
  return {
    vendors: vendors.map(({ name, regions }) => {
      const computes = regions.flatMap((region) => region.computes)
      const types = Map.groupBy(computes, (compute) => compute.instanceType)
      return {
        name,
        quotas: [...types].map(([instanceType, sizes]) => ({
          architecture: sizes[0]!.architecture,
          instanceType,
          ...sizes[0]!.quota,
        })),
      }
    }),
  }
}

/** Clients hide what needs more accelerators than the quota leaves, so the quota is what the machine has. */
function offerOf(
  type: InstanceType,
  { free, used, instanceTypes }: { free: number; used: number; instanceTypes: readonly InstanceType[] },
): ComputeOffer {
  const sizes = instanceTypes.filter((other) => other.instanceType === type.instanceType)
  const most = type.maxAccelerators ?? Math.max(...sizes.map(acceleratorsOf))
  const isLimited = type.accelerator !== 'cpu' || type.maxAccelerators !== undefined
  return {
    id: type.id,
    accelerator: type.accelerator,
    instanceType: type.instanceType,
    instanceSize: type.instanceSize,
    architecture: type.architecture,
    numAccelerators: acceleratorsOf(type),
    numCpus: type.cpus,
    memoryGb: type.memoryBytes / GIBIBYTE,
    gpuMemoryGb: type.gpus > 0 ? Math.round(type.gpuMemoryBytes / GIBIBYTE) : null,
    pricePerHour: type.pricePerHour,
    status: statusOf(type, free),
    freeReplicas: free,
    // CPUs are shared between replicas, so what is used of them is never in the way of one more.
    quota: { maxAccelerators: isLimited ? most : most + used, usedAccelerators: used },
  }
}

function statusOf({ status = 'available' }: InstanceType, free: number): ComputeOffer['status'] {
  return status === 'available' && free === 0 ? 'low_availability' : status
}
