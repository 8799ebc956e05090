/** Runs the real `berth` command as a child process, away from this machine's settings. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { text } from 'node:stream/consumers'

export const LAUNCHER = path.join(import.meta.dirname, '..', '..', 'bin', 'berth.js')

/** Shared by all runs, since every test has a data directory of its own. */
const COMPILED = path.join(import.meta.dirname, '../../../../node_modules/.cache/berth-compiled')

export type RunOptions = {
  readonly home: string
  readonly url?: string
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string>>
}
export type Ran = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export async function runBerth(args: readonly string[], options: RunOptions): Promise<Ran> {
  return await startBerth(args, options).ended
}

export function startBerth(
  args: readonly string[],
  { home, url, stdin = '', env = {} }: RunOptions,
): { readonly child: ChildProcess; readonly ended: Promise<Ran> } {
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      BERTH_HOME: home,
      NODE_COMPILE_CACHE: COMPILED,
      ...(url ? { BERTH_URL: url, BERTH_TOKEN: 'berth_test' } : {}),
      ...env,
    },
  })
  // A command that ends without reading its input closes the pipe, which is no concern of the test.
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  const ended = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]).then(
    ([[code, signal], stdout, stderr]) => ({ code, signal, stdout, stderr }),
  )
  return { child, ended }
}
