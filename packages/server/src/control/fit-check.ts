/**
 * Whether what is about to be accepted fits on its hardware, before anything is fetched or started.
 *
 * What is certain refuses: weights and KV cache alone that are more than there is. What only the estimate of the
 * engine's own part makes too large is let through with a warning, since that part is the uncertain one.
 */
import type { Image } from '@berth/contract'
import type { Artifact } from '../domain/artifact.ts'
import { PlatformError } from '../domain/errors.ts'
import { hardwareOf } from '../domain/fit/judge-fit.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import { fitOn, roomFor, shapeOf } from './model-fit.ts'
import type { ControlRooms } from './rooms.ts'

export type FitQuestion = {
  readonly engine: string
  readonly artifact: Artifact
  readonly image: Image
  readonly args: readonly string[]
  readonly instance: InstanceType
  readonly token: string | undefined
}

/**
 * @returns a warning for the person who deploys, or `undefined`.
 * @throws PlatformError `invalid` that says by how much, and the smallest changes that would make it fit.
 */
export async function refuseMisfit(
  rooms: Pick<ControlRooms, 'engine' | 'models'>,
  { engine, artifact, image, args, instance, token }: FitQuestion,
): Promise<string | undefined> {
  const sizing = rooms.engine(engine, instance.runtime)?.sizing
  if (!sizing) return undefined
  const options = token ? { token } : {}
  const weighed = await rooms.models.weigh(artifact, options)
  const card = weighed?.gguf ? { config: undefined } : await rooms.models.describe(artifact, options)
  const shape = shapeOf(card, weighed)
  if (!shape) return undefined
  const fit = fitOn(instance, sizing, shape, roomFor(sizing, shape, { image, args }))
  if (fit.fits) return undefined
  const { bytesPerDevice } = hardwareOf(instance)
  const { weightBytes, kvBytes } = fit.estimate
  if (weightBytes + kvBytes <= bytesPerDevice) return fit.message
  throw new PlatformError('invalid', `On ${instance.instanceType}/${instance.instanceSize}: ${fit.message}`, {
    field: 'compute.instanceSize',
    reason: 'does_not_fit',
  })
}
