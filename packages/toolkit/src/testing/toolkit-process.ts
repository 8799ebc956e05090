/** Starts the real program for a test, on a free port, with a random model, and makes sure that both are gone afterwards. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { BertHead } from '../../../../tools/onnx/bert-model.ts'
import { writeRandomBert } from '../../../../tools/onnx/random-bert.ts'

const PROGRAM = fileURLToPath(new URL('../toolkit-main.ts', import.meta.url))

export type ToolkitProcess = {
  readonly url: string
  readonly pid: number
  readonly post: (route: string, body: unknown, init?: RequestInit) => Promise<Response>
  readonly get: (route: string) => Promise<Response>
  /** With SIGTERM. @returns the exit code. */
  readonly end: () => Promise<number | null>
  readonly stop: () => Promise<void>
}

export async function startToolkit(
  args: readonly string[],
  head?: BertHead,
  env: Readonly<Record<string, string>> = {},
): Promise<ToolkitProcess> {
  const directory = await mkdtemp(path.join(tmpdir(), 'berth-toolkit-'))
  writeRandomBert(directory, head)
  const child = spawn(process.execPath, [PROGRAM, '--model-id', directory, '--port', '0', ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(child, 'exit')
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await exited
    }
    await rm(directory, { recursive: true, force: true, maxRetries: 10 })
  }
  let url = ''
  const log: string[] = []
  for await (const line of createInterface({ input: child.stderr })) {
    log.push(line)
    url = /listening on (\S+)/.exec(line)?.[1] ?? url
    if (line.includes('ready:')) break
  }
  if (!log.at(-1)?.includes('ready:')) {
    await stop()
    throw new Error(`the toolkit did not get ready:\n${log.join('\n')}`)
  }
  child.stderr.resume()
  return {
    url,
    pid: child.pid!,
    post: (route, body, init) =>
      fetch(url + route, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
        ...init,
      }),
    get: (route) => fetch(url + route),
    end: async () => {
      child.kill('SIGTERM')
      const [code] = await exited
      return code
    },
    stop,
  }
}

/** Runs the program to its end. */
export async function runToolkit(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)))
  const [code] = await once(child, 'close')
  return { code, output }
}
