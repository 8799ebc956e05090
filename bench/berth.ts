/** A real Berth for a benchmark: its own processes, its own data directory, gone afterwards. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type Client, createClient } from '@berth/contract'

const PROGRAM = path.resolve(import.meta.dirname, '../packages/cli/bin/berth.js')

export const REPLICA_ID = /^[a-z2-7]{8}-[a-z2-7]{5}$/

/** The port in a replica's record. */
export function portIn(record: string): { port: number } {
  const { address } = JSON.parse(readFileSync(record, 'utf8')) as { address: { port: number } }
  return { port: address.port }
}

export type Berth = {
  readonly url: string
  readonly token: string
  readonly home: string
  readonly client: Client
  readonly controlPid: number
  readonly gatewayPid: number
  /** From spawn until requests were taken. */
  readonly readyMs: number
  stop(): Promise<void>
}

export function newHome(): string {
  return mkdtempSync(path.join(os.tmpdir(), 'berth-bench-'))
}

export async function startBerth(home: string): Promise<Berth> {
  const begun = performance.now()
  const child = spawn(process.execPath, [PROGRAM, 'serve', '--port', '0', '--home', home], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const said = await readyLine(child)
  const readyMs = performance.now() - begun
  const url = /http:\/\/\S+/.exec(said)?.[0]
  if (!url) throw new Error(`berth serve did not start: ${said}`)
  const token = readFileSync(path.join(home, 'token'), 'utf8').trim()
  const gateway = JSON.parse(readFileSync(path.join(home, 'run', 'gateway.json'), 'utf8')) as { pid: number }
  return {
    url,
    token,
    home,
    client: createClient({ baseUrl: url, token }),
    controlPid: child.pid!,
    gatewayPid: gateway.pid,
    readyMs,
    stop: () => stopped(child, home),
  }
}

export function removeHome(home: string): void {
  // Node writes what it compiled when a process ends.
  rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}

async function stopped(child: ChildProcess, home: string): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await ended
  execFileSync(process.execPath, [PROGRAM, 'down', '--home', home], { stdio: 'ignore' })
}

/** The first start builds the console before, and says so. */
function readyLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout!.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
      if (/ready at \S+\n/.test(text)) resolve(text)
    })
    child.once('exit', (code) => reject(new Error(`berth serve ended with ${code}: ${text}`)))
  })
}

export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
