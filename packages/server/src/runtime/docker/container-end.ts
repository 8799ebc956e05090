/** How a container ended, from what the daemon remembers of it. */
import os from 'node:os'
import type { ContainerInspectInfo } from 'dockerode'
import { exitReason } from '../process/exit-reason.ts'
import type { ReplicaIdentity } from './container-labels.ts'

export type ContainerEnd = {
  readonly exitedAt: number
  readonly exitCode: number | null
  readonly reason: string
}

type State = Pick<ContainerInspectInfo['State'], 'ExitCode' | 'OOMKilled' | 'Error' | 'FinishedAt'>

/** Exit codes above it are a signal's number plus this, as in a shell. */
const SIGNAL_BASE = 128

const SIGNALS = new Map(
  Object.entries(os.constants.signals).map(([name, number]) => [number as number, name as NodeJS.Signals]),
)

export function containerEnd(state: State, { resources, startedAt }: ReplicaIdentity): ContainerEnd {
  const signal = SIGNALS.get(state.ExitCode - SIGNAL_BASE) ?? null
  const end = { code: signal ? null : state.ExitCode, signal }
  const memory = { ranOut: state.OOMKilled, limitBytes: resources.memoryBytes }
  const reason = exitReason(end, memory, 'ended')
  const finishedAt = Date.parse(state.FinishedAt)
  return {
    // The year 1 for a container that never ran.
    exitedAt: finishedAt > 0 ? finishedAt : startedAt,
    exitCode: end.code,
    reason: state.Error ? `${reason} (${state.Error})` : reason,
  }
}
