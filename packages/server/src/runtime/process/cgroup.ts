/**
 * Holds replicas to their memory and CPU, where this machine lets us.
 *
 * Version 2 and version 1 of Linux cgroups differ in file names and in how many directories one replica needs;
 * `Dialect` is that difference. Whether cgroups may be used at all is found out by doing it once, with a process
 * that enters one: owners, mounts and delegation are too many rules to predict. Without them replicas still run,
 * and `notice` says what is missing.
 */
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { messageOf } from '../../domain/errors.ts'
import type { Resources } from '../../domain/instance-type.ts'
import type { Clock } from '../../platform/clock.ts'
import type { ProcessUsage } from './process-table.ts'

const CPU_PERIOD_US = 100_000
const PROBE_TIMEOUT_MS = 2_000
const REMOVE_ATTEMPTS = 40
const REMOVE_PAUSE_MS = 25

/** The directories that are one replica's cgroup: one in version 2, one for each controller in version 1. */
export type CgroupDirectories = readonly string[]

export type Cgroups = {
  /** Why limits are not enforced, for a person; `undefined` if they are. */
  readonly notice: string | undefined
  /** Where the cgroup of this name is or would be; nothing where there are none. */
  directoriesOf(name: string): CgroupDirectories
  create(directories: CgroupDirectories, limits: Resources): Promise<void>
  usage(directories: CgroupDirectories): Promise<ProcessUsage | undefined>
  ranOutOfMemory(directories: CgroupDirectories): Promise<boolean>
  /** Names of all cgroups here that begin with `prefix`, with their directories. */
  existing(prefix: string): Promise<ReadonlyMap<string, CgroupDirectories>>
}

export const procsFile = (directory: string) => path.join(directory, 'cgroup.procs')

/** Processes in the cgroup, those included that left the replica's process group. */
export async function membersOf(directories: CgroupDirectories): Promise<readonly number[]> {
  const lists = await Promise.all(
    directories.map((directory) => readFile(procsFile(directory), 'utf8').catch(() => '')),
  )
  return [...new Set(lists.flatMap((list) => list.split('\n').filter(Boolean).map(Number)))]
}

/** A cgroup can be removed a moment after its last process ended, so it is tried for a second. */
export async function removeCgroup(directories: CgroupDirectories, clock: Clock): Promise<void> {
  for (const directory of directories) {
    for (let attempt = 0; attempt < REMOVE_ATTEMPTS; attempt++) {
      const busy = await rmdir(directory).then(
        () => false,
        (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
      )
      if (!busy) break
      await clock.sleep(REMOVE_PAUSE_MS)
    }
  }
}

/** Looks for a place where cgroups may be made and tries it out. */
export async function findCgroups(prefix: string, platform: NodeJS.Platform, clock: Clock): Promise<Cgroups> {
  if (platform !== 'linux') {
    return without('This system has no cgroups, so memory and CPU limits of replicas are not enforced.')
  }
  const failures: string[] = []
  for (const dialect of await dialectsHere()) {
    try {
      await tryOut(dialect, `${prefix}probe-${process.pid}`, clock)
      return enforcing(dialect)
    } catch (error) {
      failures.push(messageOf(error))
    }
  }
  return without(
    'No cgroup with memory and CPU control may be written here, so memory and CPU limits of replicas are not ' +
      `enforced. Run as root or in a delegated systemd scope to have them.${failures[0] ? ` (${failures[0]})` : ''}`,
  )
}

type Dialect = {
  /** Where a replica's directories are made. */
  readonly parents: readonly string[]
  limits(directories: CgroupDirectories, resources: Resources): readonly Limit[]
  usage(directories: CgroupDirectories): Promise<ProcessUsage>
  readonly oomCountFile: string
}

type Limit = {
  readonly file: string
  readonly value: string
  /** A kernel without swap accounting has no such file. */
  readonly optional?: boolean
}

function enforcing(dialect: Dialect): Cgroups {
  const directoriesOf = (name: string) => directoriesIn(dialect, name)
  return {
    notice: undefined,
    directoriesOf,
    create: (directories, limits) => create(dialect, directories, limits),
    usage: (directories) => dialect.usage(directories).catch(() => undefined),
    ranOutOfMemory: async (directories) => {
      const counts = await readNumbers(path.join(directories[0] ?? '', dialect.oomCountFile)).catch(
        () => undefined,
      )
      return (counts?.get('oom_kill') ?? 0) > 0
    },
    existing: async (prefix) => {
      const names = await Promise.all(dialect.parents.map((parent) => readdir(parent)))
      const ours = names.flat().filter((name) => name.startsWith(prefix))
      return new Map(ours.map((name) => [name, directoriesOf(name)]))
    },
  }
}

const without = (notice: string): Cgroups => ({
  notice,
  directoriesOf: () => [],
  create: async () => {},
  usage: async () => undefined,
  ranOutOfMemory: async () => false,
  existing: async () => new Map(),
})

const directoriesIn = (dialect: Dialect, name: string): CgroupDirectories =>
  dialect.parents.map((parent) => path.join(parent, name))

async function create(dialect: Dialect, directories: CgroupDirectories, resources: Resources): Promise<void> {
  await Promise.all(directories.map((directory) => mkdir(directory, { recursive: true })))
  // In order: version 1 refuses a limit of memory and swap together that is below the one of memory.
  for (const { file, value, optional } of dialect.limits(directories, resources)) {
    await writeFile(file, value).catch((error: unknown) => {
      if (!optional) throw error
    })
  }
}

const PROBE_LIMITS: Resources = { cpus: 1, memoryBytes: 64 * 2 ** 20, gpus: 0 }

async function tryOut(dialect: Dialect, name: string, clock: Clock): Promise<void> {
  const directories = directoriesIn(dialect, name)
  try {
    await create(dialect, directories, PROBE_LIMITS)
    const enter = 'for procs; do echo $$ >"$procs" || exit 1; done'
    await promisify(execFile)('/bin/sh', ['-c', enter, 'berth-probe', ...directories.map(procsFile)], {
      timeout: PROBE_TIMEOUT_MS,
    })
  } finally {
    await removeCgroup(directories, clock)
  }
}

/** Every place worth trying, best first: beside our own cgroup, so that limits set on us hold for replicas too. */
async function dialectsHere(): Promise<readonly Dialect[]> {
  const [mounts, memberships] = await Promise.all([
    readFile('/proc/self/mounts', 'utf8').catch(() => ''),
    readFile('/proc/self/cgroup', 'utf8').catch(() => ''),
  ])
  const mountOf = (wanted: (type: string, options: readonly string[]) => boolean) =>
    mounts
      .split('\n')
      .map((line) => line.split(' '))
      .find(([, , type = '', options = '']) => wanted(type, options.split(',')))?.[1]
  const ownPath = (controller: string) =>
    memberships
      .split('\n')
      .map((line) => line.split(':'))
      .find(([, controllers = '']) => controllers.split(',').includes(controller))?.[2] ?? '/'

  const unified = mountOf((type) => type === 'cgroup2')
  const [memory, cpu, cpuacct] = ['memory', 'cpu', 'cpuacct'].map((controller) => {
    const mount = mountOf((type, options) => type === 'cgroup' && options.includes(controller))
    return mount && [path.join(mount, ownPath(controller)), mount]
  })
  return [
    ...(unified ? selfAndParents(ownPath('')).map((own) => version2(path.join(unified, own))) : []),
    ...(memory && cpu && cpuacct
      ? [0, 1].map((i) => version1([memory[i] ?? '', cpu[i] ?? '', cpuacct[i] ?? '']))
      : []),
  ]
}

/** `/a/b` is `/a/b`, `/a` and `/`. */
function selfAndParents(cgroup: string): readonly string[] {
  const parts = cgroup.split('/').filter(Boolean)
  return Array.from(
    { length: parts.length + 1 },
    (_, up) => `/${parts.slice(0, parts.length - up).join('/')}`,
  )
}

const quotaUs = (cpus: number) => Math.max(1_000, Math.round(cpus * CPU_PERIOD_US))

const version2 = (parent: string): Dialect => ({
  parents: [parent],
  oomCountFile: 'memory.events',
  limits: ([directory = ''], resources) => [
    { file: path.join(directory, 'memory.max'), value: String(resources.memoryBytes) },
    { file: path.join(directory, 'memory.swap.max'), value: '0', optional: true },
    // An engine that lost one of its workers is no engine: all of it ends, and is replaced.
    { file: path.join(directory, 'memory.oom.group'), value: '1', optional: true },
    { file: path.join(directory, 'cpu.max'), value: `${quotaUs(resources.cpus)} ${CPU_PERIOD_US}` },
  ],
  usage: async ([directory = '']) => {
    const [cpu, current, memory] = await Promise.all([
      readNumbers(path.join(directory, 'cpu.stat')),
      readFile(path.join(directory, 'memory.current'), 'utf8'),
      readNumbers(path.join(directory, 'memory.stat')),
    ])
    return {
      cpuSeconds: (cpu.get('usage_usec') ?? 0) / 1e6,
      memoryBytes: Math.max(0, Number(current) - (memory.get('inactive_file') ?? 0)),
    }
  },
})

/** @param parents for the controllers memory, cpu and cpuacct. */
const version1 = (parents: readonly [string, string, string]): Dialect => ({
  parents,
  oomCountFile: 'memory.oom_control',
  limits: ([memory = '', cpu = ''], { memoryBytes, cpus }) => [
    { file: path.join(memory, 'memory.limit_in_bytes'), value: String(memoryBytes) },
    { file: path.join(memory, 'memory.memsw.limit_in_bytes'), value: String(memoryBytes), optional: true },
    { file: path.join(cpu, 'cpu.cfs_period_us'), value: String(CPU_PERIOD_US) },
    { file: path.join(cpu, 'cpu.cfs_quota_us'), value: String(quotaUs(cpus)) },
  ],
  usage: async ([memory = '', , account = '']) => {
    const [cpu, current, pages] = await Promise.all([
      readFile(path.join(account, 'cpuacct.usage'), 'utf8'),
      readFile(path.join(memory, 'memory.usage_in_bytes'), 'utf8'),
      readNumbers(path.join(memory, 'memory.stat')),
    ])
    return {
      cpuSeconds: Number(cpu) / 1e9,
      memoryBytes: Math.max(0, Number(current) - (pages.get('total_inactive_file') ?? 0)),
    }
  },
})

/** Reads a file of `name number` lines. */
async function readNumbers(file: string): Promise<ReadonlyMap<string, number>> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter(Boolean)
  return new Map(
    lines.map((line) => {
      const [name = '', value] = line.split(' ')
      return [name, Number(value)]
    }),
  )
}
