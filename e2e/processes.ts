/** What runs on this machine for one Berth home, as the kernel sees it: for killing on purpose and for finding orphans. */
import { readdir, readFile, readlink } from 'node:fs/promises'

export type RunningProcess = {
  readonly pid: number
  readonly role: 'control' | 'gateway' | 'launcher' | 'engine' | 'other'
  readonly command: string
}

/**
 * Every live process whose working directory is in `home`, or whose command line or environment names it.
 * Reads /proc, so elsewhere than on Linux it finds nothing.
 */
export async function processesOf(home: string): Promise<readonly RunningProcess[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(pids.filter((pid) => pid !== process.pid).map((pid) => inspect(pid, home)))
  return found.filter((one) => one !== undefined)
}

async function inspect(pid: number, home: string): Promise<RunningProcess | undefined> {
  const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
  const [commandLine, environment, directory, stat] = await Promise.all([
    read('cmdline'),
    read('environ'),
    readlink(`/proc/${pid}/cwd`).catch(() => ''),
    read('stat'),
  ])
  const isZombie = /\) Z /.test(stat)
  const command = commandLine.replaceAll('\0', ' ').trim()
  const belongs = directory.startsWith(home) || commandLine.includes(home) || environment.includes(home)
  return belongs && !isZombie && command ? { pid, role: roleOf(command), command } : undefined
}

function roleOf(command: string): RunningProcess['role'] {
  // The shell that becomes an engine, and its helper, carry the engine's whole command line for a few milliseconds.
  if (command.includes(' berth-launch ')) return 'launcher'
  if (command.includes('gateway-main')) return 'gateway'
  if (/echo-main|llama-main|llama-server/.test(command)) return 'engine'
  if (/berth\.js serve/.test(command)) return 'control'
  return 'other'
}
