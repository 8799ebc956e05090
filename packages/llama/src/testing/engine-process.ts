/** Starts the real program for a test, on a free port, and makes sure that it is gone afterwards. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export const GUIDE = fileURLToPath(new URL('../../assets/guide.gguf', import.meta.url))
const PROGRAM = fileURLToPath(new URL('../llama-main.ts', import.meta.url))
const START_LIMIT_MS = 15_000

export type EngineProcess = {
  readonly url: string
  readonly child: ChildProcess
  /** Everything it has logged. */
  readonly log: () => string
  readonly post: (path: string, body: object, init?: RequestInit) => Promise<Response>
  readonly get: (path: string) => Promise<Response>
  readonly stop: () => Promise<void>
}

export async function startEngine(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<EngineProcess> {
  const child = spawn(process.execPath, [PROGRAM, '--port', '0', ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (log += String(text)))
  const exited = once(child, 'exit')
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await exited
    }
  }
  try {
    await until(
      () => {
        if (child.exitCode !== null) throw new Error(`the engine ended with ${child.exitCode}: ${log}`)
        return log.includes('ready:')
      },
      () => `the engine did not get ready: ${log}`,
      START_LIMIT_MS,
    )
  } catch (cause) {
    await stop()
    throw cause
  }
  const url = /listening on (\S+)/.exec(log)?.[1] as string
  return {
    url,
    child,
    log: () => log,
    post: (path, body, init) => fetch(url + path, { method: 'POST', body: JSON.stringify(body), ...init }),
    get: (path) => fetch(url + path),
    stop,
  }
}

/** Runs the program to its end. */
export async function runEngine(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)))
  const [code] = await once(child, 'close')
  return { code, output }
}

/** Asks again and again until it is so. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  complaint: () => string,
  limitMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(complaint())
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** The events of a stream, as they come; `[DONE]` is one of them. */
export async function* eventsOf(response: Response): AsyncGenerator<string> {
  let buffered = ''
  for await (const text of (response.body as ReadableStream).pipeThrough(new TextDecoderStream())) {
    buffered += text
    const events = buffered.split('\n\n')
    buffered = events.pop() as string
    for (const event of events) yield event.replace(/^data: /, '')
  }
}
