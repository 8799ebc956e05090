/** The hardware one can choose, flat, the cheapest and smallest first. Pure. */
import type { ComputeOffer, VendorList } from '@berth/contract'
import type { Instance } from '../../form/endpoint-draft.ts'

export type InstanceOffer = ComputeOffer & {
  readonly vendor: string
  readonly region: string
  readonly regionLabel: string
}

/** Where something runs and on what. */
export type Place = Instance & { readonly vendor: string; readonly region: string }

export const isAt = (place: Place, offer: InstanceOffer): boolean =>
  offer.vendor === place.vendor &&
  offer.region === place.region &&
  offer.instanceType === place.instanceType &&
  offer.instanceSize === place.instanceSize

export function instancesOf(hardware: VendorList | undefined): readonly InstanceOffer[] {
  const offers = hardware?.vendors.flatMap((vendor) =>
    vendor.regions.flatMap((region) =>
      region.computes.map((offer) => ({
        ...offer,
        vendor: vendor.name,
        region: region.name,
        regionLabel: region.label,
      })),
    ),
  )
  return (offers ?? []).toSorted((a, b) => a.pricePerHour - b.pricePerHour || a.memoryGb - b.memoryGb)
}

/** Why none of it can be had now; undefined when it can. */
export function instanceRefusal({ status, quota }: InstanceOffer): string | undefined {
  if (status === 'not_available') return 'None is left.'
  if (status === 'deprecated') return 'It is no longer offered.'
  if (status === 'reserved') return 'It is kept for others.'
  if (quota.maxAccelerators > 0 && quota.usedAccelerators >= quota.maxAccelerators) {
    return `All ${quota.maxAccelerators} that you may use are in use.`
  }
  return undefined
}
