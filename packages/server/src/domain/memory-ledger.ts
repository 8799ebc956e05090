/**
 * The memory ledger: what is reserved, what is left, and by how much something does not fit.
 *
 * Memory and GPUs are reserved for a replica from its start to its end, whatever it uses of them. CPU is not:
 * replicas share it when the machine is full.
 */
import type { Resources } from './instance-type.ts'

/** Why `asked` does not fit beside `reserved`, worded for a person, or `undefined` if it does. */
export function shortage(
  asked: Resources,
  reserved: readonly Resources[],
  total: Resources,
  what = 'one more replica',
): string | undefined {
  const missing = (of: (resources: Resources) => number) =>
    of(asked) - (of(total) - reserved.reduce((sum, resources) => sum + of(resources), 0))

  const memory = missing((resources) => resources.memoryBytes)
  const gpus = missing((resources) => resources.gpus)
  const short = [
    ...(memory > 0 ? [`${gibibytes(memory)} of memory`] : []),
    ...(gpus > 0 ? [`${gpus} GPU${gpus > 1 ? 's' : ''}`] : []),
  ]
  if (short.length === 0) return undefined
  const needs = `${gibibytes(asked.memoryBytes)}${asked.gpus > 0 ? ` and ${asked.gpus} GPU` : ''}`
  return (
    `Waiting for hardware: ${what} needs ${needs}, and ${short.join(' and ')} of that is taken. ` +
    `Pause or delete an endpoint, or choose a smaller instance.`
  )
}

/** How many more replicas that need `asked` each could start beside `reserved`. */
export function freeReplicas(asked: Resources, reserved: readonly Resources[], total: Resources): number {
  const room = (of: (resources: Resources) => number) =>
    of(asked) === 0
      ? Number.POSITIVE_INFINITY
      : (of(total) - reserved.reduce((sum, resources) => sum + of(resources), 0)) / of(asked)
  const memory = room((resources) => resources.memoryBytes)
  const gpus = room((resources) => resources.gpus)
  return Math.max(0, Math.floor(Math.min(memory, gpus)))
}

export const GIBIBYTE = 2 ** 30

export function gibibytes(bytes: number): string {
  return `${(bytes / GIBIBYTE).toFixed(bytes % GIBIBYTE === 0 ? 0 : 1)} GiB`
}
