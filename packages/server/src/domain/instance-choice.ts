/**
 * Which of this installation's instance types an endpoint gets.
 *
 * The names of what is here are taken as they are. The managed service's names are understood too, so that a
 * script that says `aws / us-east-1 / intel-icl / x1` deploys unchanged: see `ALIASES`. An instance type can have
 * further names of its own.
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
  const found = exact ?? named({ provider, compute }, offers) ?? aliased({ provider, compute }, offers)
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

/** For an endpoint that does not run on it already. @throws PlatformError `invalid`. */
export function refuseNotOffered({ id, status }: InstanceType): void {
  if (status !== 'not_available') return
  throw new PlatformError(
    'invalid',
    `The instance type ${id} is not offered at the moment. Choose another: see \`berth hardware\`.`,
    { field: 'compute.instanceType', reason: 'not_available' },
  )
}

function aliased({ provider, compute }: Wish, offers: readonly InstanceType[]): InstanceType | undefined {
  const types = ALIASES[provider.vendor]
  if (!types) return undefined
  const isCpu = types.includes(compute.instanceType)
  return offers.find(
    (offer) =>
      offer.vendor === 'local' &&
      (isCpu ? offer.instanceType === 'cpu' : isKindOf(offer.instanceType, compute.instanceType)) &&
      offer.instanceSize === compute.instanceSize,
  )
}

function named({ provider, compute }: Wish, offers: readonly InstanceType[]): InstanceType | undefined {
  const name = `${provider.vendor}/${compute.instanceType}/${compute.instanceSize}`
  return offers.find(({ aliases = [] }) => aliases.includes(name))
}

/** A driver calls a GPU by more words than the managed service: "nvidia-a100-sxm4-80gb" is an "nvidia-a100". */
function isKindOf(local: string, wanted: string): boolean {
  const words = local.split('-')
  return wanted.startsWith('nvidia-') && wanted.split('-').every((word) => words.includes(word))
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
