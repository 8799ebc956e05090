/**
 * Ends all processes of a replica: asks them, waits, then kills them.
 *
 * They are the members of its process group and, where it has one, of its cgroup, which also holds those that left
 * the group. The first process may be long gone: engines leave workers behind that hold memory and GPUs.
 */
import { PlatformError } from '../../domain/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import { type CgroupDirectories, membersOf } from './cgroup.ts'
import type { ProcessIdentity, ProcessTable } from './process-table.ts'

const POLL_INTERVAL_MS = 20
/** A killed process ends at once, unless the kernel is waiting for a device. */
const KILL_TIMEOUT_MS = 10_000

export type ReplicaProcesses = {
  readonly leader: ProcessIdentity | undefined
  readonly cgroup: CgroupDirectories
}

type Means = { readonly table: ProcessTable; readonly clock: Clock }

/** @throws PlatformError `unavailable` if something still lives after being killed. */
export async function endReplica(replica: ReplicaProcesses, graceMs: number, means: Means): Promise<void> {
  if (graceMs > 0) {
    if (!(await signalAll(replica, 'SIGTERM', means))) return
    if (await untilGone(replica, graceMs, means)) return
  }
  const deadline = means.clock.now() + KILL_TIMEOUT_MS
  // More than once, for what was forked while the first signal was on its way.
  while (await signalAll(replica, 'SIGKILL', means)) {
    if (await untilGone(replica, POLL_INTERVAL_MS, means)) return
    if (means.clock.now() >= deadline) {
      throw new PlatformError(
        'unavailable',
        `A process of the replica that ${replica.leader?.pid ?? 'an earlier start'} began was killed and still lives ` +
          `after ${KILL_TIMEOUT_MS / 1000} s: the system is waiting for a device. Try again later.`,
      )
    }
  }
}

/** @returns whether there was anything to signal. */
async function signalAll(
  replica: ReplicaProcesses,
  name: NodeJS.Signals,
  { table }: Means,
): Promise<boolean> {
  const { leader, cgroup } = replica
  const inGroup = leader ? await table.groupMembers(leader) : []
  const outside = (await membersOf(cgroup)).filter((pid) => !inGroup.includes(pid))
  if (leader && inGroup.length > 0) signal(-leader.pid, name)
  for (const pid of outside) signal(pid, name)
  return inGroup.length + outside.length > 0
}

async function untilGone(replica: ReplicaProcesses, timeoutMs: number, means: Means): Promise<boolean> {
  const deadline = means.clock.now() + timeoutMs
  while (await livesOn(replica, means.table)) {
    if (means.clock.now() >= deadline) return false
    await means.clock.sleep(POLL_INTERVAL_MS)
  }
  return true
}

/** Asks the cheap questions first: looking for members of a group means looking at every process there is. */
async function livesOn({ leader, cgroup }: ReplicaProcesses, table: ProcessTable): Promise<boolean> {
  if (cgroup.length > 0 && (await membersOf(cgroup)).length > 0) return true
  if (!leader || !signal(-leader.pid, 0)) return false
  const found = await table.find(leader.pid)
  return found?.startTime === leader.startTime || (await table.groupMembers(leader)).length > 0
}

/** @returns whether such a process or group is there. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code !== 'ESRCH'
  }
}
