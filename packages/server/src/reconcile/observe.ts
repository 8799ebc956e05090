/** What a replica is doing, from what the runtime says, what the prober saw and what was asked of it. */
import type { Replica } from '../domain/replica.ts'
import type { RunningReplica } from '../runtime/driver.ts'
import type { Probe } from './prober.ts'

export type Sight = {
  readonly running: RunningReplica
  readonly probe: Probe | undefined
  /** Since when it is asked to finish; undefined when it is not. */
  readonly drainingSince: number | undefined
  readonly drained: boolean
  /** Since when it is known not to work on its requests; undefined when it is not. */
  readonly stuckSince: number | undefined
}

export function observe({ running, probe, drainingSince, drained, stuckSince }: Sight): Replica {
  const { id, revision } = running
  const gone = running.state === 'exited'
  // One that drains would never be drained.
  if (stuckSince !== undefined && !gone)
    return { id, revision, phase: 'failed', phaseSince: stuckSince, inFlight: 0 }
  if (drainingSince !== undefined) {
    return { id, revision, phase: 'draining', phaseSince: drainingSince, inFlight: gone || drained ? 0 : 1 }
  }
  if (gone) return { id, revision, phase: 'failed', phaseSince: running.exitedAt, inFlight: 0 }
  if (probe?.state === 'ready') return { id, revision, phase: 'ready', phaseSince: probe.since, inFlight: 0 }
  if (probe?.state === 'unhealthy')
    return { id, revision, phase: 'failed', phaseSince: probe.since, inFlight: 0 }
  // The start deadline of an adopted replica counts from when we found it: we cannot know what it did before.
  const since = Math.max(running.startedAt, probe?.trackedSince ?? 0)
  return { id, revision, phase: 'starting', phaseSince: since, inFlight: 0 }
}
