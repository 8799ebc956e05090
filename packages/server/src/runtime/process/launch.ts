/**
 * How a replica's first process comes to life.
 *
 * A shell waits, and is told what it is to become: then it becomes the engine, with the same pid. It is started ahead
 * of need because to fork this process takes some 10 ms, for which somebody would be waiting.
 *
 * The shell writes down who it is before the engine runs, so that there is no moment at which an engine runs that
 * nobody could find again: a control process that dies anywhere in `start` leaves either a report or no engine. One
 * that waits ends by itself, because nothing more can come from its input.
 *
 * A grandchild moves it into the replica's cgroups while it already begins: the kernel takes some 12 ms for the first
 * move after a pause, which somebody would be waiting for. What cannot be moved is killed.
 *
 * The report is withdrawn by moving the replica's directory away: the shell then finds its report gone and ends.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import type { Socket } from 'node:net'
import path from 'node:path'
import { messageOf, PlatformError } from '../../domain/errors.ts'

export type Launch = {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly directory: string
  /** Where the process reports its identity; in the replica's own directory. */
  readonly selfReportFile: string
  /** `cgroup.procs` files of the cgroups to enter. */
  readonly cgroupProcsFiles: readonly string[]
  /** Both outputs are appended to it. */
  readonly logFile: string
}

export type Launched = ChildProcess & { readonly pid: number }

/** Ends a launch whose report nobody wants any more. */
const LAUNCH_FAILED_EXIT_CODE = 125
/** What every system takes, of one string and of all together: execve(2) of Linux, and `ARG_MAX` of macOS. */
const MAX_STRING_BYTES = 128 * 1024 - 1
const MAX_TOTAL_BYTES = 2 ** 20

export class Launcher {
  #waiting: ChildProcess | undefined
  #isClosed = false

  /** Has a shell wait for the next launch. @returns it, unless there is one or this is closed. */
  prepare(): ChildProcess | undefined {
    if (this.#isClosed || this.#waiting) return undefined
    const shell = startShell()
    const forget = () => {
      if (this.#waiting === shell) this.#waiting = undefined
    }
    this.#waiting = shell.once('exit', forget).once('error', forget)
    return shell
  }

  /** @returns the process once it exists. It leads a session and a process group of its own. */
  async launch(launch: Launch): Promise<Launched> {
    const [program] = launch.command
    refuseImpossible(launch)
    const shell = this.#waiting ?? startShell()
    this.#waiting = undefined
    try {
      if (shell.pid === undefined) await new Promise((_, reject) => shell.once('error', reject))
    } catch (cause) {
      const message = `This machine could not start "${program}": ${messageOf(cause)}`
      throw new PlatformError('unavailable', message, { cause })
    }
    // Whoever closes it early has ended, and its end is what counts.
    shell.stdin?.on('error', () => {}).end(scriptOf(launch))
    return shell as Launched
  }

  close(): void {
    this.#isClosed = true
    this.#waiting?.stdin?.end()
  }
}

/** It has nothing of this process's environment but what the launch itself needs. */
function startShell(): ChildProcess {
  const shell = spawn('/bin/sh', [], {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  })
  // It lives on when this process ends, so it is no reason for this process to stay.
  shell.unref()
  for (const pipe of [shell.stdin, shell.stdout]) (pipe as Socket | null)?.unref()
  return shell
}

/** Resolves when the process has said who it is, so that it can be found again, or has ended. */
export async function reported({ stdout }: Launched): Promise<void> {
  // Until then the shell holds on to it.
  if (stdout && !stdout.closed) await new Promise((resolve) => stdout.resume().once('close', resolve))
}

function refuseImpossible({ command, env }: Launch): void {
  const strings = [...command, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)]
  const lengths = strings.map((text) => Buffer.byteLength(text))
  const total = lengths.reduce((sum, length) => sum + length, 0)
  if (total > MAX_TOTAL_BYTES || lengths.some((length) => length > MAX_STRING_BYTES)) {
    throw new PlatformError(
      'invalid',
      `The command and environment of "${command[0]}" are longer than this system allows.`,
    )
  }
  const badName = Object.keys(env).find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
  if (badName !== undefined) {
    throw new PlatformError(
      'invalid',
      `"${badName}" cannot name an environment variable: use letters, digits and "_", and begin with no digit.`,
    )
  }
  if (strings.some((text) => text.includes('\0'))) {
    throw new PlatformError(
      'invalid',
      `The command or environment of "${command[0]}" holds a NUL character, which no program can be given.`,
    )
  }
}

/** A group, because a shell reads one to its end before it begins: its input can be taken away then. */
function scriptOf({ command, env, directory, selfReportFile, cgroupProcsFiles, logFile }: Launch): string {
  const words = [selfReportFile, ...cgroupProcsFiles, '--', ...command].map(quoted).join(' ')
  // Behind `command` a name that this shell keeps for itself is passed over, and does not end the launch.
  const exports = Object.entries(env).map(([name, value]) => `command export ${name}=${quoted(value)}`)
  return `{
exec </dev/null 2>>${quoted(logFile)} || exit ${LAUNCH_FAILED_EXIT_CODE}
cd -- ${quoted(directory)} || exit ${LAUNCH_FAILED_EXIT_CODE}
set -- ${words}
${LAUNCH_SCRIPT}
${exports.join('\n')}
exec "$@"
}
`
}

// PWD and the like are put there by the shell, not by the spec.
const LAUNCH_SCRIPT = `
if read -r berth_self </proc/$$/stat; then :; else berth_self="$$ $(LC_ALL=C TZ=UTC ps -o lstart= -p $$)"; fi 2>/dev/null
echo "$berth_self" >"$1" && [ -e "$1" ] || exit ${LAUNCH_FAILED_EXIT_CODE}
exec >&2
shift
if [ "$1" != -- ]; then
  ( (
    while [ "$1" != -- ]; do
      if ! echo $$ >"$1" && kill -0 $$; then
        echo "berth: cannot enter the cgroup $1" >&3
        kill -KILL $$
      fi
      shift
    done
  ) 3>&2 2>/dev/null & )
  while [ "$1" != -- ]; do shift; done
fi
shift
unset berth_self PATH PWD OLDPWD SHLVL _`

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** The program that `name` means with this PATH, or `undefined` if nothing there can be run. */
export async function findProgram(name: string, searchPath: string): Promise<string | undefined> {
  const candidates = name.includes('/')
    ? [name]
    : searchPath
        .split(':')
        .filter((folder) => folder !== '')
        .map((folder) => path.join(folder, name))
  for (const candidate of candidates) {
    if (await canRun(candidate)) return path.resolve(candidate)
  }
  return undefined
}

async function canRun(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return (await stat(file)).isFile()
  } catch {
    return false
  }
}
