/**
 * Runs replicas as plain processes on this machine.
 *
 * Each replica is a process group with a directory (`replica-directory.ts`), a log file and, where the machine
 * lets us, a cgroup. Engines outlive this process: the next driver object on the same directory takes them over
 * (`adoption.ts`), and there is no moment in a start at which one could be lost (`launch.ts`). At most one driver
 * may use a directory at a time; the lock of the control process sees to that.
 */
import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { messageOf, PlatformError } from '../../domain/errors.ts'
import type { ReplicaId } from '../../domain/replica.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type {
  Capacity,
  LogOptions,
  OutputLine,
  OutputOptions,
  ReplicaSpec,
  ReplicaStats,
  RunningReplica,
  RuntimeDriver,
} from '../driver.ts'
import { GpuLedger } from '../gpu-ledger.ts'
import { readGpuMemory } from '../gpu-memory.ts'
import { GuardedDriver } from '../guarded-driver.ts'
import { type Adopter, adoptReplicas } from './adoption.ts'
import { type CgroupDirectories, type Cgroups, findCgroups, procsFile, removeCgroup } from './cgroup.ts'
import { endReplica } from './end-replica.ts'
import { ENDED_ADOPTED, exitReason, type ProcessEnd } from './exit-reason.ts'
import { FreePorts } from './free-port.ts'
import { GpuUses } from './gpu-use.ts'
import { findProgram, Launcher, reported } from './launch.ts'
import { localInstanceTypes, reservable } from './local-instance-types.ts'
import { discoverMachine, KnownMachine, type Machine } from './machine.ts'
import { type ProcessIdentity, type ProcessUsage, processTableOf } from './process-table.ts'
import {
  type ExitRecord,
  isReplicaName,
  newLaunchToken,
  ReplicaDirectory,
  type ReplicaRecord,
} from './replica-directory.ts'
import { replicaCommand, replicaEnvironment, searchPathOf } from './replica-environment.ts'
import { ReplicaLogs } from './replica-logs.ts'

export type ProcessDriverOptions = {
  /** One directory per replica is made in it. */
  readonly directory: string
  /** `<replica id>.log` and its older parts are kept here. */
  readonly logDirectory: string
  readonly clock: Clock
  readonly log: Log
  /** Found out by default. */
  readonly discover?: () => Promise<Machine>
  /** Found out by default. */
  readonly cgroups?: Cgroups
  /** Shared with other runtimes on this machine; one of its own by default. */
  readonly gpuLedger?: GpuLedger
}

/** Also takes over what an earlier driver on the same directory left running. */
export async function createProcessDriver(options: ProcessDriverOptions): Promise<RuntimeDriver> {
  const directory = path.resolve(options.directory)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const cgroupPrefix = `berth-${createHash('sha256').update(directory).digest('hex').slice(0, 8)}-`
  const table = processTableOf(process.platform)
  const [bootId, cgroups] = await Promise.all([
    table.bootId(),
    options.cgroups ?? findCgroups(cgroupPrefix, process.platform, options.clock),
  ])
  const driver = new ProcessDriver({
    ...options,
    directory,
    table,
    bootId,
    cgroups,
    cgroupPrefix,
    machine: new KnownMachine(options.discover ?? (() => discoverMachine()), options.clock),
    logs: new ReplicaLogs(options.logDirectory, options.clock),
    gpuLedger: options.gpuLedger ?? new GpuLedger(() => readGpuMemory()),
  })
  await driver.adopt()
  return new GuardedDriver(driver, options.clock)
}

type Parts = Adopter & {
  readonly machine: KnownMachine
  readonly logs: ReplicaLogs
  readonly gpuLedger: GpuLedger
}

/** A replica as this object knows it. */
type Entry = {
  readonly record: ReplicaRecord
  readonly directory: ReplicaDirectory
  /** The first process; unknown while it is being launched and for one that ended before we came. */
  leader: ProcessIdentity | undefined
  /** Whether its end has to be looked for: the system tells only a parent, and only once. */
  isWatched: boolean
  /** What the parent was told, once it was. */
  end: ProcessEnd | undefined
  exit: ExitRecord | undefined
  /** Set once somebody takes care of its end. */
  ending: Promise<void> | undefined
}

const HOST = '127.0.0.1'
const WATCH_INTERVAL_MS = 1_000
/** To prepare a launch stops this process for some 10 ms, at a time at which nobody should wait for it. */
const PREPARE_FIRST_MS = 2_000
const PREPARE_NEXT_MS = 300

class ProcessDriver implements RuntimeDriver {
  readonly name = 'process'
  readonly #parts: Parts
  readonly #ports = new FreePorts()
  readonly #launcher = new Launcher()
  readonly #entries = new Map<ReplicaId, Entry>()
  readonly #listeners = new Set<(id: ReplicaId) => void>()
  readonly #closed = new AbortController()
  readonly #gpuUses: GpuUses
  #isWatching = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.#gpuUses = new GpuUses(parts.clock)
    parts.gpuLedger.join(() => this.#holders().flatMap(({ record }) => record.gpuIndexes ?? []))
  }

  async adopt(): Promise<void> {
    for (const replica of await adoptReplicas(this.#parts)) {
      this.#entries.set(replica.record.id, { ...replica, isWatched: true, end: undefined, ending: undefined })
    }
    await this.#pruneLogs()
    void this.#watch()
    this.#prepareLaunch(PREPARE_FIRST_MS)
  }

  close(): void {
    this.#closed.abort()
    this.#launcher.close()
  }

  #prepareLaunch(inMs: number): void {
    const { signal } = this.#closed
    this.#parts.clock.sleep(inMs, signal).then(
      () => this.#launcher.prepare(),
      () => {},
    )
  }

  async start(spec: ReplicaSpec): Promise<void> {
    if (this.#entries.has(spec.id)) return
    if (!isReplicaName(spec.id)) {
      throw new PlatformError('invalid', `"${spec.id}" cannot name a replica: use a-z, 0-9 and hyphens.`)
    }
    const program = await programOf(spec)
    const entry = await this.#newEntry(spec)
    try {
      await this.#launch(entry, spec, program)
    } catch (error) {
      if (this.#entries.get(spec.id) === entry) {
        this.#entries.delete(spec.id)
        await this.#remove(entry)
      }
      throw error
    }
    this.#prepareLaunch(PREPARE_NEXT_MS)
    void this.#watch()
  }

  async stop(id: ReplicaId, { graceMs }: { readonly graceMs: number }): Promise<void> {
    const entry = this.#entries.get(id)
    if (!entry) return
    await endReplica(processesOf(entry), graceMs, this.#parts)
    this.#entries.delete(id)
    await this.#remove(entry)
    await this.#pruneLogs()
  }

  async list(): Promise<readonly RunningReplica[]> {
    await this.#lookAtAdopted()
    // One that is being launched is not accepted yet.
    return [...this.#entries.values()].filter(({ leader, exit }) => leader || exit).map(asRunningReplica)
  }

  logs(id: ReplicaId, options: LogOptions): AsyncIterable<string> {
    return this.#parts.logs.lines(id, options, () => this.#isRunning(id))
  }

  output(id: ReplicaId, options: OutputOptions): AsyncIterable<OutputLine> {
    return this.#parts.logs.output(id, options, () => this.#isRunning(id))
  }

  #isRunning(id: ReplicaId): boolean {
    const entry = this.#entries.get(id)
    return entry !== undefined && !entry.exit
  }

  async stats(id: ReplicaId): Promise<ReplicaStats | undefined> {
    const entry = this.#entries.get(id)
    if (!entry?.leader || entry.exit) return undefined
    const [usage, gpus] = await Promise.all([
      this.#usage(entry, entry.leader),
      this.#gpuUses.of(entry.record.gpuIndexes ?? []),
    ])
    return usage && { ...usage, ...(gpus.length > 0 && { gpus }) }
  }

  async #usage({ record }: Entry, leader: ProcessIdentity): Promise<ProcessUsage | undefined> {
    const { table, cgroups } = this.#parts
    if (record.cgroup.length > 0) return cgroups.usage(record.cgroup)
    const members = await table.groupMembers(leader)
    return members.length > 0 ? table.usage(members) : undefined
  }

  async capacity(): Promise<Capacity> {
    const machine = await this.#parts.machine.current()
    const { notice } = this.#parts.cgroups
    return {
      instanceTypes: localInstanceTypes(machine),
      total: reservable(machine),
      notices: [...machine.notices, ...(notice ? [notice] : [])],
    }
  }

  /** Processes end with everything that was made for them. */
  async keepOnly(): Promise<void> {}

  /** A start has nothing that is worth keeping. */
  async prepare(): Promise<void> {}

  onChange(listener: (id: ReplicaId) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #holders(): readonly Entry[] {
    return [...this.#entries.values()].filter(({ exit }) => !exit)
  }

  /** Claims the id, a port and GPUs. */
  async #newEntry(spec: ReplicaSpec): Promise<Entry> {
    const { machine, gpuLedger } = this.#parts
    const { gpus } = await machine.current()
    const taken = new Set(this.#holders().map(({ record }) => record.address.port))
    const port = await this.#ports.next(HOST, taken)
    return gpuLedger.grant(spec, gpus, (gpuIndexes) => this.#claim(spec, port, gpuIndexes))
  }

  #claim(spec: ReplicaSpec, port: number, gpuIndexes: readonly number[] | null): Entry {
    const { clock, bootId, directory, cgroupPrefix, cgroups } = this.#parts
    const record: ReplicaRecord = {
      id: spec.id,
      endpointId: spec.endpointId,
      endpoint: spec.endpoint,
      revision: spec.revision,
      resources: spec.resources,
      address: { host: HOST, port },
      startedAt: clock.now(),
      bootId,
      launchToken: newLaunchToken(),
      cgroup: cgroups.directoriesOf(`${cgroupPrefix}${spec.id}`),
      gpuIndexes,
      ...(spec.role && { role: spec.role }),
    }
    const entry: Entry = {
      record,
      directory: new ReplicaDirectory(directory, spec.id),
      leader: undefined,
      isWatched: false,
      end: undefined,
      exit: undefined,
      ending: undefined,
    }
    this.#entries.set(spec.id, entry)
    return entry
  }

  async #launch(entry: Entry, spec: ReplicaSpec, program: string): Promise<void> {
    const { record, directory } = entry
    const { logs } = this.#parts
    await Promise.all([
      logs.open(record.id).then((handle) => handle.close()),
      directory.create(record),
      this.#parts.cgroups.create(record.cgroup, record.resources),
    ])
    const child = await this.#launcher.launch({
      command: replicaCommand(spec, record, program),
      env: replicaEnvironment(spec, record, directory),
      directory: directory.workPath,
      selfReportFile: directory.selfReportFile(record),
      cgroupProcsFiles: record.cgroup.map(procsFile),
      logFile: logs.fileOf(record.id),
    })
    const end = new Promise<ProcessEnd>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
    await reported(child)
    entry.leader = await this.#identify(entry, child.pid)
    void end.then((how) => this.#ended(entry, how))
    if (this.#entries.get(record.id) === entry) return
    // It was stopped before it was there: a start that took too long for its caller.
    await endReplica(processesOf(entry), 0, this.#parts)
    throw new PlatformError('unavailable', `Replica ${record.id} was stopped while it was being started.`)
  }

  /** One that ended within a millisecond is known by its own report. */
  async #identify({ directory, record }: Entry, pid: number): Promise<ProcessIdentity> {
    const { table } = this.#parts
    const found = await table.find(pid)
    return found ?? table.parseSelfReport(await directory.readSelfReport(record)) ?? { pid, startTime: '' }
  }

  /** @param end what its parent was told; nothing for one that somebody else started. */
  #ended(entry: Entry, end: ProcessEnd | undefined): Promise<void> {
    entry.end ??= end
    entry.ending ??= this.#settle(entry).catch((error: unknown) => {
      // Tried again at the next look.
      entry.isWatched = true
      entry.ending = undefined
      this.#warn('could not settle the end of a replica', error, entry)
    })
    return entry.ending
  }

  async #settle(entry: Entry): Promise<void> {
    const { cgroups, clock } = this.#parts
    const { id, cgroup, resources } = entry.record
    await endReplica(processesOf(entry), 0, this.#parts)
    const memory = { ranOut: await cgroups.ranOutOfMemory(cgroup), limitBytes: resources.memoryBytes }
    const reason = exitReason(entry.end, memory, ENDED_ADOPTED)
    const exit = { exitedAt: clock.now(), exitCode: entry.end?.code ?? null, reason }
    entry.exit = await entry.directory.writeExit(exit).catch((error: unknown) => {
      // A full disk: then it is forgotten at the next start, but not now.
      this.#warn('could not write down how a replica ended', error, entry)
      return exit
    })
    for (const listener of this.#listeners) listener(id)
  }

  async #remove(entry: Entry): Promise<void> {
    const moved = await entry.directory.abandon().catch(ignoreMissing)
    await moved?.remove()
    await removeCgroup(entry.record.cgroup, this.#parts.clock)
  }

  /** One loop while anything runs: ends that nobody tells us of, and logs that grow too long. */
  async #watch(): Promise<void> {
    if (this.#isWatching) return
    this.#isWatching = true
    const { signal } = this.#closed
    while (!signal.aborted && [...this.#entries.values()].some(({ exit }) => !exit)) {
      try {
        await this.#lookAtAdopted()
        for (const id of this.#entries.keys()) await this.#parts.logs.rotate(id)
      } catch (error) {
        this.#warn('could not look after the replicas', error)
      }
      await this.#parts.clock.sleep(WATCH_INTERVAL_MS, signal).catch(() => {})
    }
    this.#isWatching = false
  }

  async #lookAtAdopted(): Promise<void> {
    const watched = [...this.#entries.values()].filter(({ isWatched, exit }) => isWatched && !exit)
    await Promise.all(
      watched.map(async (entry) => {
        const found = await this.#parts.table.find(entry.leader?.pid ?? 0)
        if (found?.startTime !== entry.leader?.startTime) await this.#ended(entry, undefined)
      }),
    )
  }

  #warn(message: string, error: unknown, entry?: Entry): void {
    this.#parts.log.warn(message, { replica: entry?.record.id, error: messageOf(error) })
  }

  async #pruneLogs(): Promise<void> {
    await this.#parts.logs.prune((id) => this.#entries.has(id as ReplicaId))
  }
}

async function programOf(spec: ReplicaSpec): Promise<string> {
  const [name] = spec.plan.command
  if (!name)
    throw new PlatformError('invalid', `The plan of endpoint "${spec.endpoint}" names no program to start.`)
  const program = await findProgram(name, searchPathOf(spec))
  if (program !== undefined) return program
  const where = name.includes('/') ? 'is no program on this machine' : "is not on this machine's PATH"
  throw new PlatformError(
    'invalid',
    `Endpoint "${spec.endpoint}" starts "${name}", which ${where}. Install it, or name another program.`,
    { reason: 'program_missing' },
  )
}

const processesOf = ({ leader, record }: Entry): { leader: typeof leader; cgroup: CgroupDirectories } => ({
  leader,
  cgroup: record.cgroup,
})

function asRunningReplica({ record, exit }: Entry): RunningReplica {
  const { id, endpointId, endpoint, revision, resources, startedAt, address, role } = record
  const replica = { id, endpointId, endpoint, revision, resources, startedAt, ...(role && { role }) }
  return exit ? { ...replica, state: 'exited', ...exit } : { ...replica, state: 'running', address }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
