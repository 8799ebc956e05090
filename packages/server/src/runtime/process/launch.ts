/**
 * How a replica's first process comes to life.
 *
 * A shell of a dozen lines goes first and then becomes the engine, with the same pid. It writes down who it is
 * before the engine runs, so that there is no moment at which an engine runs that nobody could find again: a
 * control process that dies anywhere in `start` leaves either a report or no engine.
 *
 * A grandchild moves it into the replica's cgroups while it already begins: the kernel takes some 12 ms for the first
 * move after a pause, which somebody would be waiting for. What cannot be moved is killed.
 *
 * The report is withdrawn by moving the replica's directory away: the shell then finds its report gone and ends.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
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
  readonly logFd: number
}

/** Ends a launch whose report nobody wants any more. */
const LAUNCH_FAILED_EXIT_CODE = 125

// PWD and the like are put there by the shell, not by the spec.
const LAUNCH_SCRIPT = `
if read -r berth_self </proc/$$/stat; then :; else berth_self="$$ $(LC_ALL=C TZ=UTC ps -o lstart= -p $$)"; fi 2>/dev/null
echo "$berth_self" >"$1" && [ -e "$1" ] || exit ${LAUNCH_FAILED_EXIT_CODE}
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
unset berth_self PWD OLDPWD SHLVL _
exec "$@"
`

/** @returns the process once it exists. It leads a session and a process group of its own. */
export async function launchProcess(launch: Launch): Promise<ChildProcess & { readonly pid: number }> {
  const { command, env, directory, logFd } = launch
  const args = [launch.selfReportFile, ...launch.cgroupProcsFiles, '--', ...command]
  try {
    const child = spawn('/bin/sh', ['-c', LAUNCH_SCRIPT, 'berth-launch', ...args], {
      cwd: directory,
      env,
      stdio: ['ignore', logFd, logFd],
      detached: true,
    })
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
    // It lives on when this process ends, so it is no reason for this process to stay.
    child.unref()
    const { pid } = child
    if (pid === undefined) throw new Error('the system named no process id')
    return Object.assign(child, { pid })
  } catch (cause) {
    const tooLong = cause instanceof Error && 'code' in cause && cause.code === 'E2BIG'
    throw new PlatformError(
      tooLong ? 'invalid' : 'unavailable',
      tooLong
        ? `The command and environment of "${command[0]}" are longer than this system allows.`
        : `This machine could not start "${command[0]}": ${messageOf(cause)}`,
      { cause },
    )
  }
}

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
