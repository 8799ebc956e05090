/** What a container uses now, from the daemon's figures. */
import type { ContainerStats } from 'dockerode'
import type { ReplicaStats } from '../driver.ts'

const NANOSECONDS_PER_SECOND = 1e9

/** The page cache that can be given back at once is not counted: every model file that was read lies in it. */
export function containerUse(stats: ContainerStats | undefined): ReplicaStats | undefined {
  const { usage, stats: details } = stats?.memory_stats ?? {}
  // All zero or missing for a container that ended just now.
  if (!stats || !usage) return undefined
  // Named differently by version 1 and version 2 of cgroups.
  const { total_inactive_file, inactive_file } = (details ?? {}) as Partial<Record<string, number>>
  return {
    cpuSeconds: stats.cpu_stats.cpu_usage.total_usage / NANOSECONDS_PER_SECOND,
    memoryBytes: Math.max(0, usage - (total_inactive_file ?? inactive_file ?? 0)),
  }
}
