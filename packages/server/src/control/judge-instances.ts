/** Every instance type held against a plan, and which of them is the one to take. */
import type { InstanceFit } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import { changeInWords, type Fit, type FitChange, hardwareOf } from '../domain/fit/judge-fit.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import { fitOn } from './model-fit.ts'
import type { EnginePlan } from './plan-engine.ts'

/** By `planKey`: the plan, or why there is none. */
export type Plans = ReadonlyMap<string, EnginePlan | PlatformError>

const WITH_GPU = 'gpu'

/** Instance types with the same key are served by the same engine with the same settings. */
export const planKey = ({ gpus, runtime = '' }: Pick<InstanceType, 'gpus' | 'runtime'>): string =>
  `${gpus > 0 ? WITH_GPU : 'cpu'} ${runtime}`

export const isOfGpus = (key: string): boolean => key.startsWith(WITH_GPU)

export function instanceFit(
  instance: InstanceType,
  plan: EnginePlan | undefined,
  free: boolean,
): InstanceFit {
  const { devices, bytesPerDevice } = hardwareOf(instance)
  const { id, vendor, region, accelerator, instanceType, instanceSize, pricePerHour } = instance
  const common = {
    ...{ id, vendor, region, accelerator, instanceType, instanceSize, pricePerHour },
    ...{ devices, bytesPerDevice, free },
  }
  const fit =
    plan?.shape && plan.room && plan.engine.sizing
      ? fitOn(instance, plan.engine.sizing, plan.shape, plan.room)
      : undefined
  if (!fit) {
    const message = 'How much memory it needs is not known before it runs.'
    return { ...common, fits: null, estimate: null, spareBytes: null, changes: [], message }
  }
  return { ...common, ...fitView(fit) }
}

function fitView(fit: Fit): Pick<InstanceFit, 'fits' | 'estimate' | 'spareBytes' | 'changes' | 'message'> {
  const { estimate } = fit
  if (fit.fits) return { fits: true, estimate, spareBytes: fit.spareBytes, changes: [], message: 'It fits.' }
  const changes = fit.changes.map((change) => ({
    kind: change.kind,
    value: changeValue(change),
    message: changeInWords(change),
  }))
  return { fits: false, estimate, spareBytes: -fit.shortBytes, changes, message: fit.message }
}

function changeValue(change: FitChange): number | string {
  switch (change.kind) {
    case 'context':
      return change.contextTokens
    case 'concurrency':
      return change.concurrency
    case 'kvDtype':
      return change.kvDtype
    case 'weights':
      return change.weightBytes
    case 'devices':
      return change.devices
    case 'memory':
      return change.bytesPerDevice
    default:
      return change satisfies never
  }
}

/** Above so many parameters, answers on processors are too slow for somebody who waits. */
const SLOW_ON_PROCESSORS_PARAMETERS = 4e9

/**
 * The smallest that fits, where a model that is slow on processors prefers a GPU. What can be run here goes before
 * what cannot, what is free before what is taken, cheap before dear.
 */
export function suggest(
  fits: readonly InstanceFit[],
  instances: readonly InstanceType[],
  plans: Plans,
): InstanceType | undefined {
  const planOf = (of: string): EnginePlan | PlatformError | undefined => {
    const instance = instances.find(({ id }) => id === of)
    return instance && plans.get(planKey(instance))
  }
  const rank = ({ id, accelerator, free, pricePerHour, devices, bytesPerDevice }: InstanceFit): number[] => {
    const plan = planOf(id)
    if (!plan || plan instanceof PlatformError) return [1]
    const isSlow = accelerator === 'cpu' && (plan.shape?.parameters ?? 0) > SLOW_ON_PROCESSORS_PARAMETERS
    return [
      0,
      Number(!plan.isHere),
      Number(isSlow),
      pricePerHour,
      Number(accelerator === 'gpu'),
      devices * bytesPerDevice,
      Number(!free),
    ]
  }
  const offered = new Set(instances.filter(({ status }) => status !== 'not_available').map(({ id }) => id))
  const [best] = fits
    .filter(({ id, fits: fit }) => fit !== false && offered.has(id))
    .toSorted((a, b) => compared(rank(a), rank(b)))
  const found = instances.find(({ id }) => id === best?.id)
  const plan = found && planOf(found.id)
  return plan && !(plan instanceof PlatformError) ? found : undefined
}

function compared(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index])
  return at === -1 ? 0 : a[at]! - (b[at] ?? 0)
}
