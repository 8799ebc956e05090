/**
 * What the operating system knows of processes: the one file where Linux and macOS differ.
 *
 * A process is named by its pid together with the moment when the kernel started it, so that a pid which was
 * given to a stranger in the meantime is never taken for ours. A replica's processes are the process group that
 * its first process leads.
 */
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

export type ProcessIdentity = { readonly pid: number; readonly startTime: string }

export type ProcessUsage = { readonly cpuSeconds: number; readonly memoryBytes: number }

export interface ProcessTable {
  /** Changes when the machine restarts, so that no process of before is looked for. */
  bootId(): Promise<string>
  /** Understands what a replica's first process wrote about itself (see `launch.ts`). */
  parseSelfReport(text: string): ProcessIdentity | undefined
  /** The living process with this pid; one that ended and was not collected yet is not alive. */
  find(pid: number): Promise<ProcessIdentity | undefined>
  /** Living members of the group that `leader` leads or led; none if the number belongs to somebody else by now. */
  groupMembers(leader: ProcessIdentity): Promise<readonly number[]>
  usage(pids: readonly number[]): Promise<ProcessUsage>
}

const CLOCK_TICKS_PER_SECOND = 100
const PS_TIMEOUT_MS = 5_000

export function processTableOf(platform: NodeJS.Platform): ProcessTable {
  return platform === 'darwin' ? darwinTable : linuxTable
}

type ProcessEntry = ProcessIdentity & {
  readonly groupId: number
  readonly ended: boolean
  readonly cpuSeconds: number
}

const linuxTable: ProcessTable = {
  bootId: async () => (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
  parseSelfReport: parseLinuxStat,
  find: async (pid) => alive(await readLinuxEntry(pid)),
  groupMembers: async (leader) => {
    const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
    return membersOf(leader, await Promise.all(names.map((name) => readLinuxEntry(Number(name)))))
  },
  usage: async (pids) => {
    const parts = await Promise.all(
      pids.map(async (pid) => ({
        cpuSeconds: (await readLinuxEntry(pid))?.cpuSeconds ?? 0,
        memoryBytes: residentBytes(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')),
      })),
    )
    return sumOf(parts)
  },
}

async function readLinuxEntry(pid: number): Promise<ProcessEntry | undefined> {
  return parseLinuxStat(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''))
}

/** `pid (name) state ppid pgrp …`; the name may hold spaces and brackets, so fields are counted from its end. */
function parseLinuxStat(text: string): ProcessEntry | undefined {
  const nameEnd = text.lastIndexOf(')')
  const fields = text.slice(nameEnd + 2).split(' ')
  const [state, groupId, startTime] = [fields[0], fields[2], fields[19]]
  const pid = Number.parseInt(text, 10)
  if (nameEnd < 0 || !Number.isInteger(pid) || state === undefined || !startTime) return undefined
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  return {
    pid,
    startTime: startTime.trim(),
    groupId: Number(groupId),
    ended: state === 'Z' || state === 'X',
    cpuSeconds: ticks / CLOCK_TICKS_PER_SECOND,
  }
}

function residentBytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}

const PS_COLUMNS = ['pid=', 'pgid=', 'stat=', 'lstart=']

const darwinTable: ProcessTable = {
  bootId: async () => {
    const { stdout } = await run('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid'])
    return stdout.trim()
  },
  // pid and then the words of `ps -o lstart=`, for example "Sat Nov 21 02:01:07 2026".
  parseSelfReport: (text) => {
    const [pid, ...startTime] = text.trim().split(/\s+/)
    return startTime.length === 5 ? { pid: Number(pid), startTime: startTime.join(' ') } : undefined
  },
  find: async (pid) => alive((await readDarwinEntries(['-p', String(pid)]))[0]),
  groupMembers: async (leader) => membersOf(leader, await readDarwinEntries(['-ax'])),
  usage: async (pids) => {
    if (pids.length === 0) return { cpuSeconds: 0, memoryBytes: 0 }
    const stdout = await ps(['-o', 'time=', '-o', 'rss=', '-p', pids.join(',')])
    return sumOf(linesOf(stdout).map(parseDarwinUsage))
  },
}

async function readDarwinEntries(selection: readonly string[]): Promise<readonly ProcessEntry[]> {
  const stdout = await ps([...PS_COLUMNS.flatMap((column) => ['-o', column]), ...selection])
  return linesOf(stdout).map((line) => {
    const [pid, groupId, state = '', ...startTime] = line.split(/\s+/)
    return {
      pid: Number(pid),
      groupId: Number(groupId),
      ended: state.startsWith('Z'),
      startTime: startTime.join(' '),
      cpuSeconds: 0,
    }
  })
}

/** `[[hours:]minutes:]seconds.hundredths kilobytes` */
function parseDarwinUsage(line: string): ProcessUsage {
  const [time = '0', kilobytes = '0'] = line.split(/\s+/)
  const cpuSeconds = time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return { cpuSeconds, memoryBytes: Number(kilobytes) * 1024 }
}

/** `ps` ends with 1 when it found nothing, which is an answer. Its dates depend on language and time zone. */
async function ps(args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run('/bin/ps', args)
    return stdout
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 1) return ''
    throw error
  }
}

const run = (program: string, args: readonly string[]) =>
  promisify(execFile)(program, args, { env: { LC_ALL: 'C', TZ: 'UTC' }, timeout: PS_TIMEOUT_MS })

function membersOf(
  leader: ProcessIdentity,
  entries: readonly (ProcessEntry | undefined)[],
): readonly number[] {
  const members = entries.filter((entry) => entry?.groupId === leader.pid)
  // The kernel gives no new process a pid that is still some group's number, so another leader means another group.
  const isStranger = members.some(
    (entry) => entry?.pid === leader.pid && entry.startTime !== leader.startTime,
  )
  return isStranger ? [] : members.flatMap((entry) => (entry && !entry.ended ? [entry.pid] : []))
}

function alive(entry: ProcessEntry | undefined): ProcessIdentity | undefined {
  return entry && !entry.ended ? { pid: entry.pid, startTime: entry.startTime } : undefined
}

function sumOf(parts: readonly ProcessUsage[]): ProcessUsage {
  return {
    cpuSeconds: parts.reduce((sum, part) => sum + part.cpuSeconds, 0),
    memoryBytes: parts.reduce((sum, part) => sum + part.memoryBytes, 0),
  }
}

function linesOf(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}
