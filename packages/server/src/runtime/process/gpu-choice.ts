/** Which GPUs a replica gets. */
import { PlatformError } from '../../domain/errors.ts'
import type { ReplicaSpec } from '../driver.ts'
import type { Gpu } from './machine.ts'

/**
 * The lowest GPUs that nobody holds; `null` on a machine without any, where there is nothing to hide.
 * @throws PlatformError `invalid` if the machine has too few, `unavailable` if too few are free now.
 */
export function chooseGpus(
  { endpoint, resources }: ReplicaSpec,
  gpus: readonly Gpu[],
  held: readonly number[],
): readonly number[] | null {
  if (resources.gpus > gpus.length) {
    throw new PlatformError(
      'invalid',
      `Endpoint "${endpoint}" needs ${resources.gpus} GPUs per replica and this machine has ${gpus.length}. ` +
        'Choose an instance type that this machine offers.',
    )
  }
  if (gpus.length === 0) return null
  const free = gpus.map(({ index }) => index).filter((index) => !held.includes(index))
  if (free.length < resources.gpus) {
    throw new PlatformError(
      'unavailable',
      `Endpoint "${endpoint}" needs ${resources.gpus} GPUs for one more replica, and ${free.length} of ` +
        `${gpus.length} are free. Pause an endpoint that holds some.`,
    )
  }
  return free.slice(0, resources.gpus)
}
