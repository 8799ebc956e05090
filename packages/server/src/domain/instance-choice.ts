/**
 * Which of this installation's instance types an endpoint gets.
 *
 * The names of what is here are taken as they are. The managed service's names are understood too, so that a
 * script that says `aws / us-east-1 / intel-icl / x1` deploys unchanged: see `ALIASES`.
 */
import type { Compute, Provider } from '@berth/contract'
import { PlatformError } from './errors.ts'
import type { InstanceType } from './instance-type.ts'

/** Vendor → the managed service's CPU types, each the local `cpu` type of the same size. GPUs keep their names. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  aws: ['intel-spr', 'intel-icl', 'intel-spr-overcommitted', 'amd-milan', 'amd-genoa'],
  azure: ['intel-xeon'],
  gcp: ['intel-spr'],
}

type Wish = {
  readonly provider: Provider
  readonly compute: Pick<Compute, 'accelerator' | 'instanceType' | 'instanceSize'>
}

/** @throws PlatformError `invalid` that says what there is instead. */
export function chooseInstance({ provider, compute }: Wish, offers: readonly InstanceType[]): InstanceType {
  const exact = offers.find(
    (offer) =>
      offer.vendor === provider.vendor &&
      offer.region === provider.region &&
      offer.instanceType === compute.instanceType &&
      offer.instanceSize === compute.instanceSize,
  )
  const found = exact ?? aliased({ provider, compute }, offers)
  if (!found)
    throw new PlatformError('invalid', unknownInstance({ provider, compute }, offers), {
      field: 'compute.instanceType',
    })
  if (found.accelerator !== compute.accelerator) {
    throw new PlatformError(
      'invalid',
      `compute.accelerator is "${compute.accelerator}", and ${compute.instanceType} is a ${found.accelerator} instance.`,
      { field: 'compute.accelerator' },
    )
  }
  return found
}

function aliased({ provider, compute }: Wish, offers: readonly InstanceType[]): InstanceType | undefined {
  const types = ALIASES[provider.vendor]
  if (!types) return undefined
  const localType = types.includes(compute.instanceType) ? 'cpu' : compute.instanceType
  return offers.find(
    (offer) =>
      offer.vendor === 'local' &&
      offer.instanceType === localType &&
      offer.instanceSize === compute.instanceSize,
  )
}

function unknownInstance({ provider, compute }: Wish, offers: readonly InstanceType[]): string {
  const asked = `${provider.vendor} / ${provider.region} / ${compute.instanceType} / ${compute.instanceSize}`
  const here = offers.map(
    (offer) => `${offer.vendor} / ${offer.region} / ${offer.instanceType} / ${offer.instanceSize}`,
  )
  const aliases = Object.entries(ALIASES).map(([vendor, types]) => `${vendor} ${types[0]}`)
  return (
    `There is no hardware "${asked}" here. There is: ${here.join(', ') || 'none'}. ` +
    `(Names such as ${aliases.join(', ')} stand for the local cpu type of the same size.)`
  )
}
