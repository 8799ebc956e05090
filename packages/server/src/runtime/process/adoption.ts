/**
 * Finds again what an earlier control process started, and leaves nothing behind that nobody knows.
 *
 * A replica is taken over if the process that reported itself in its directory still lives. One whose process is
 * gone has ended, and what is left of its group is ended too. A directory without a report is a start that was cut
 * off: it is given up, in an order that holds even if its process is just about to report. Nothing is ever done to
 * a process that is not the one that reported: pids are used again.
 */
import { readdir } from 'node:fs/promises'
import { messageOf } from '../../domain/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import { type Cgroups, removeCgroup } from './cgroup.ts'
import { endReplica } from './end-replica.ts'
import { ENDED_UNWATCHED, exitReason, MACHINE_RESTARTED } from './exit-reason.ts'
import type { ProcessIdentity, ProcessTable } from './process-table.ts'
import {
  ABANDONED_PREFIX,
  type ExitRecord,
  isReplicaName,
  ReplicaDirectory,
  type ReplicaRecord,
} from './replica-directory.ts'

export type AdoptedReplica = {
  readonly record: ReplicaRecord
  readonly directory: ReplicaDirectory
  /** `undefined` if its process was gone before the machine restarted. */
  readonly leader: ProcessIdentity | undefined
  readonly exit: ExitRecord | undefined
}

export type Adopter = {
  readonly directory: string
  readonly table: ProcessTable
  readonly bootId: string
  readonly cgroups: Cgroups
  /** All cgroups that begin so are ours. */
  readonly cgroupPrefix: string
  readonly clock: Clock
  readonly log: Log
}

export async function adoptReplicas(adopter: Adopter): Promise<readonly AdoptedReplica[]> {
  const entries = await readdir(adopter.directory, { withFileTypes: true })
  const ours = entries.filter(
    (entry) => entry.isDirectory() && (isReplicaName(entry.name) || entry.name.startsWith(ABANDONED_PREFIX)),
  )
  const looked = await Promise.all(
    ours.map(async ({ name }) => {
      try {
        return await adopt(name, adopter)
      } catch (error) {
        adopter.log.warn('could not look after a replica directory', { name, error: messageOf(error) })
        return undefined
      }
    }),
  )
  const replicas = looked.filter((replica) => replica !== undefined)
  await endStrays(replicas, adopter)
  return replicas
}

async function adopt(name: string, adopter: Adopter): Promise<AdoptedReplica | undefined> {
  const directory = new ReplicaDirectory(adopter.directory, name)
  if (name.startsWith(ABANDONED_PREFIX)) return endAbandoned(directory, adopter)

  const record = await directory.readRecord()
  if (record?.id !== name) return endAbandoned(await directory.abandon(), adopter)

  const exit = await directory.readExit()
  if (exit) return { record, directory, leader: undefined, exit }
  if (record.bootId !== adopter.bootId) return ended(record, directory, MACHINE_RESTARTED, adopter)

  const leader = adopter.table.parseSelfReport(await directory.readSelfReport(record))
  if (!leader) return endAbandoned(await directory.abandon(), adopter)
  const found = await adopter.table.find(leader.pid)
  if (found?.startTime === leader.startTime) return { record, directory, leader: found, exit: undefined }

  await endReplica({ leader, cgroup: record.cgroup }, 0, adopter)
  const ranOut = await adopter.cgroups.ranOutOfMemory(record.cgroup)
  const reason = exitReason(undefined, { ranOut, limitBytes: record.resources.memoryBytes }, ENDED_UNWATCHED)
  return ended(record, directory, reason, adopter)
}

async function ended(
  record: ReplicaRecord,
  directory: ReplicaDirectory,
  reason: string,
  { clock }: Adopter,
): Promise<AdoptedReplica> {
  const exit = await directory.writeExit({ exitedAt: clock.now(), exitCode: null, reason })
  return { record, directory, leader: undefined, exit }
}

/** The directory has its new name already, so that only what has reported by now runs. */
async function endAbandoned(directory: ReplicaDirectory, adopter: Adopter): Promise<undefined> {
  for (const report of await directory.readAllSelfReports(adopter.bootId)) {
    const leader = adopter.table.parseSelfReport(report)
    if (leader) await endReplica({ leader, cgroup: [] }, 0, adopter)
  }
  await directory.remove()
}

/** Cgroups of ours that belong to no replica: of starts that were cut off, and of removals that were. */
async function endStrays(replicas: readonly AdoptedReplica[], adopter: Adopter): Promise<void> {
  const known = new Set(replicas.flatMap(({ record }) => record.cgroup))
  for (const [name, cgroup] of await adopter.cgroups.existing(adopter.cgroupPrefix)) {
    if (cgroup.some((directory) => known.has(directory))) continue
    try {
      await endReplica({ leader: undefined, cgroup }, 0, adopter)
      await removeCgroup(cgroup, adopter.clock)
    } catch (error) {
      adopter.log.warn('could not remove a cgroup', { name, error: messageOf(error) })
    }
  }
}
