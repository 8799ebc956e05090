/** What a daemon's machine offers to replicas, and what it cannot do. */
import type { Capacity } from '../driver.ts'
import { localInstanceTypes, reservable } from '../process/local-instance-types.ts'
import type { Gpu, Machine } from '../process/machine.ts'
import type { Daemon } from './daemon.ts'

/** What is read of the daemon's description of itself. */
export type DaemonInfo = {
  readonly NCPU: number
  readonly MemTotal: number
  readonly Architecture?: string
  readonly MemoryLimit?: boolean
  readonly CpuCfsQuota?: boolean
  readonly PidsLimit?: boolean
  readonly Runtimes?: Readonly<Record<string, unknown>>
  /** Since Docker 28.2. Where their descriptions are looked for (`CDISpecDirs`) says nothing: 28 always looks. */
  readonly DiscoveredDevices?: readonly { readonly ID: string }[] | null
}

/** @param machine this one, if the daemon runs on it. The daemon may be given less: a virtual machine, for example. */
export function dockerCapacity(daemon: Daemon, info: DaemonInfo, machine: Machine | undefined): Capacity {
  const offered: Machine = {
    cpus: Math.min(info.NCPU, machine?.cpus ?? info.NCPU),
    memoryBytes: Math.min(info.MemTotal, machine?.memoryBytes ?? info.MemTotal),
    cpuModel: machine?.cpuModel ?? info.Architecture ?? 'unknown',
    gpus: gpusOf(daemon, machine),
    notices: machine?.notices ?? [],
  }
  return {
    instanceTypes: localInstanceTypes(offered),
    total: reservable(offered),
    notices: [...offered.notices, ...notices(daemon, info, machine?.gpus ?? [])],
  }
}

/** Podman ignores a request for GPUs without a word, so it is not asked for any. */
export function gpusOf({ kind }: Daemon, machine: Machine | undefined): readonly Gpu[] {
  return kind === 'podman' ? [] : (machine?.gpus ?? [])
}

function notices(daemon: Daemon, info: DaemonInfo, gpus: readonly Gpu[]): readonly string[] {
  const { name, kind, isLocal, isEncrypted } = daemon
  const hasGpuRuntime =
    'nvidia' in (info.Runtimes ?? {}) ||
    (info.DiscoveredDevices ?? []).some(({ ID }) => ID.startsWith('nvidia.com/gpu='))
  const all: readonly (readonly [boolean, string])[] = [
    [info.MemoryLimit === false, `Here ${name} cannot limit memory, so replicas may use more than theirs.`],
    [
      info.CpuCfsQuota === false,
      `Here ${name} cannot limit processors, so replicas may use more than theirs.`,
    ],
    [info.PidsLimit === false, `Here ${name} cannot limit the number of processes of a replica.`],
    [
      kind === 'docker' && gpus.length > 0 && !hasGpuRuntime,
      `${name} may not be able to give GPUs to replicas: NVIDIA's container toolkit is not set up.`,
    ],
    [
      kind === 'podman' && gpus.length > 0,
      `${name} gives no GPUs to replicas: use Docker for those that need some.`,
    ],
    [
      !isEncrypted && !isLocal,
      `The connection to ${name} is not encrypted: whoever can reach it rules that machine.`,
    ],
    [
      !isLocal,
      `${name} runs on another machine: models have to lie at the same path there, and GPUs are not counted.`,
    ],
  ]
  return all.filter(([applies]) => applies).map(([, text]) => text.charAt(0).toUpperCase() + text.slice(1))
}
