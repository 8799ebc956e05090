/**
 * What a machine offers, cut into instance types: `cpu` x1, x2, x4 … in steps of 2 GiB, and one family for every
 * kind of GPU, with as much of the machine's memory and processors as its share of the GPUs. Free of charge.
 */
import type { InstanceType, Resources } from '../../domain/instance-type.ts'
import type { Machine } from './machine.ts'

const GIB = 2 ** 30
const CPU_STEP_BYTES = 2 * GIB
const GPU_COUNTS = [1, 2, 4, 8]
/** Left to the system and to Berth itself. */
const MIN_UNRESERVED_BYTES = GIB
const UNRESERVED_SHARE = 0.1

/** All that replicas may reserve together. */
export function reservable(machine: Machine): Resources {
  const unreserved = Math.max(MIN_UNRESERVED_BYTES, Math.ceil(machine.memoryBytes * UNRESERVED_SHARE))
  return {
    cpus: machine.cpus,
    memoryBytes: Math.max(0, machine.memoryBytes - unreserved),
    gpus: machine.gpus.length,
  }
}

export function localInstanceTypes(machine: Machine): readonly InstanceType[] {
  return [...cpuTypes(machine), ...gpuTypes(machine)]
}

function cpuTypes(machine: Machine): readonly InstanceType[] {
  const total = reservable(machine)
  const types: InstanceType[] = []
  for (let size = 1; size * CPU_STEP_BYTES <= total.memoryBytes; size *= 2) {
    types.push({
      ...named('cpu', size),
      accelerator: 'cpu',
      architecture: machine.cpuModel,
      cpus: Math.min(size, total.cpus),
      memoryBytes: size * CPU_STEP_BYTES,
      gpus: 0,
      gpuMemoryBytes: 0,
    })
  }
  return types
}

function gpuTypes(machine: Machine): readonly InstanceType[] {
  const total = reservable(machine)
  const kinds = Map.groupBy(machine.gpus, ({ name }) => name)
  return [...kinds].flatMap(([name, gpus]) =>
    GPU_COUNTS.filter((count) => count <= gpus.length).map((count) => {
      const share = count / total.gpus
      return {
        ...named(gpuSlug(name), count),
        accelerator: 'gpu' as const,
        architecture: name,
        cpus: Math.max(1, Math.floor(total.cpus * share)),
        memoryBytes: wholeGibibytes(total.memoryBytes * share),
        gpus: count,
        gpuMemoryBytes: count * Math.min(...gpus.map(({ memoryBytes }) => memoryBytes)),
      }
    }),
  )
}

function named(instanceType: string, size: number) {
  return {
    id: `local-default-${instanceType}-x${size}`,
    vendor: 'local',
    region: 'default',
    instanceType,
    instanceSize: `x${size}`,
    pricePerHour: 0,
  }
}

/** "NVIDIA H200" is `nvidia-h200`, "Tesla T4" is `nvidia-tesla-t4`. */
function gpuSlug(name: string): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  return slug.startsWith('nvidia-') ? slug : `nvidia-${slug}`
}

/** Small machines keep the odd bytes, so that a share is never nothing. */
function wholeGibibytes(bytes: number): number {
  return bytes < GIB ? Math.floor(bytes) : Math.floor(bytes / GIB) * GIB
}
