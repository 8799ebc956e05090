/**
 * A real Berth for a test: `berth serve` on a free port with a home of its own, and everything of it gone afterwards.
 *
 * `stop` is part of every test that uses it: it ends Berth as a person would and fails when anything is left running.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import {
  type Client,
  createClient,
  type Endpoint,
  type EndpointState,
  type EndpointWithStatus,
  type Image,
} from '@berth/contract'
import { processesOf, type RunningProcess } from './processes.ts'
import { until } from './until.ts'

export const REPOSITORY_ROOT = path.join(import.meta.dirname, '..')
export const BERTH = path.join(REPOSITORY_ROOT, 'packages/cli/bin/berth.js')
const START_DEADLINE_MS = 60_000
const STOP_DEADLINE_MS = 60_000
const STATE_DEADLINE_MS = 60_000
const LINES_OF_A_COMPLAINT = 40

export class Berth {
  readonly home: string
  readonly #env: NodeJS.ProcessEnv
  #control: ChildProcess | undefined
  #output = ''
  #url = ''
  #token = ''
  #namespace = ''

  private constructor(home: string, env: NodeJS.ProcessEnv) {
    this.home = home
    this.#env = env
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<Berth> {
    const home = await mkdtemp(path.join(tmpdir(), 'berth-e2e-'))
    const own = Object.entries(process.env).filter(([name]) => !/^(BERTH|HF|VITEST|NODE_OPTIONS)/.test(name))
    const berth = new Berth(home, {
      ...Object.fromEntries(own),
      // The embedded engine, so that a run means the same on every machine.
      BERTH_LLAMA_SERVER: 'off',
      NO_COLOR: '1',
      ...env,
      BERTH_HOME: home,
    })
    try {
      await berth.startControl()
    } catch (cause) {
      const { output } = berth
      await berth.stop().catch(() => {})
      throw new Error(`Berth did not start. It printed:\n${output}`, { cause })
    }
    return berth
  }

  get url(): string {
    return this.#url
  }
  get token(): string {
    return this.#token
  }
  get namespace(): string {
    return this.#namespace
  }
  /** What `berth serve` has printed so far, stdout and stderr. */
  get output(): string {
    return this.#output
  }
  get client(): Client {
    return createClient({ baseUrl: this.#url, token: this.#token })
  }
  get controlPid(): number {
    return this.#control!.pid!
  }

  /** Starts the control process; what an earlier one left running is adopted. */
  async startControl(): Promise<void> {
    const child = spawn(process.execPath, [BERTH, 'serve', '--port', '0'], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#control = child
    const listen = (data: Buffer) => {
      this.#output += data
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    await until(
      'Berth to be ready',
      async () => {
        if (child.exitCode !== null) return true
        await this.#readRecord()
        return await isReady(this.#url)
      },
      START_DEADLINE_MS,
    )
    if (child.exitCode !== null) throw new Error(`berth serve ended with exit code ${child.exitCode}`)
    // A gateway that has just lost the control process before this one may not have noticed yet.
    this.#namespace = await until(
      'the control process to answer',
      async () => (await this.client.whoami()).name,
      START_DEADLINE_MS,
    )
  }

  /** Finds the gateway's address again, after another process took its place. */
  async #readRecord(): Promise<void> {
    const record: { url: string } = JSON.parse(
      await readFile(path.join(this.home, 'run', 'gateway.json'), 'utf8'),
    )
    this.#url = record.url
    this.#token = (await readFile(path.join(this.home, 'token'), 'utf8')).trim()
  }

  async processes(role: RunningProcess['role']): Promise<readonly RunningProcess[]> {
    return (await processesOf(this.home)).filter((one) => one.role === role)
  }

  /** kill -9. */
  async kill(role: 'control' | 'gateway' | 'engine'): Promise<void> {
    const victims = role === 'control' ? [{ pid: this.controlPid }] : await this.processes(role)
    if (victims.length === 0) throw new Error(`there is no ${role} to kill`)
    const ended = role === 'control' ? once(this.#control!, 'exit') : undefined
    for (const { pid } of victims) process.kill(pid, 'SIGKILL')
    await ended
  }

  /** Runs the `berth` command line against this installation. */
  async cli(...args: string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
    return await promisify(execFile)(process.execPath, [BERTH, ...args], { env: this.#env })
  }

  /** Ends it with Ctrl-C's signal, and `berth down` for what a killed control process left. */
  async stop(): Promise<void> {
    const control = this.#control
    const endedByItself = control !== undefined && control.exitCode !== null
    if (control && control.exitCode === null && control.signalCode === null) {
      const ended = once(control, 'exit')
      control.kill('SIGINT')
      await Promise.race([ended, until('Berth to end', () => control.exitCode !== null, STOP_DEADLINE_MS)])
    }
    const wasKilled = control?.signalCode === 'SIGKILL'
    if (wasKilled) await this.cli('down')
    const orphans = await processesOf(this.home)
    for (const { pid } of orphans) process.kill(pid, 'SIGKILL')
    const gatewayLog = await readFile(path.join(this.home, 'logs', 'gateway.log'), 'utf8').catch(() => '')
    await rm(this.home, { recursive: true, force: true, maxRetries: 5 })
    const complaints = [
      ...(control && !wasKilled && control.exitCode !== 0 ? [`it ended with ${control.exitCode}`] : []),
      ...(endedByItself ? ['it ended by itself'] : []),
      ...orphans.map(({ pid, command }) => `left running: ${pid} ${command}`),
    ]
    if (complaints.length === 0) return
    throw new Error(
      `Berth did not end well: ${complaints.join('; ')}. It printed:\n${tail(this.#output)}\nIts gateway's log:\n${tail(gatewayLog)}`,
    )
  }

  /** Creates an endpoint and waits until it runs. */
  async deploy(endpoint: Endpoint, deadlineMs?: number): Promise<EndpointWithStatus> {
    await this.client.createEndpoint({ params: { namespace: this.#namespace }, body: endpoint })
    return await this.reach(endpoint.name, 'running', deadlineMs)
  }

  /** All of them, and waits until their engines are gone. */
  async deleteEndpoints(): Promise<void> {
    const { items } = await this.client.listEndpoints({ params: { namespace: this.#namespace } })
    for (const { name } of items) {
      await this.client.deleteEndpoint({ params: { namespace: this.#namespace, name } })
    }
    await until('every engine to be gone', async () => (await this.processes('engine')).length === 0)
  }

  async endpoint(name: string): Promise<EndpointWithStatus> {
    return await this.client.getEndpoint({ params: { namespace: this.#namespace, name } })
  }

  /** Waits until the endpoint's newest change is in this state. */
  async reach(
    name: string,
    state: EndpointState,
    deadlineMs = STATE_DEADLINE_MS,
  ): Promise<EndpointWithStatus> {
    let last: EndpointWithStatus | undefined
    return await until(
      `${name} to be ${state}`,
      async () => {
        last = await this.endpoint(name)
        const { status } = last
        return status.state === state && status.observedGeneration === status.generation && last
      },
      deadlineMs,
    ).catch(async (cause: Error) => {
      throw new Error(
        `${cause.message}: it is ${last?.status.state}: ${last?.status.errorMessage ?? last?.status.message}`,
        { cause },
      )
    })
  }

  async chat(name: string, content: string, more: object = {}, init: RequestInit = {}): Promise<Response> {
    return await fetch(`${this.#url}/e/${this.#namespace}/${name}/v1/chat/completions`, {
      method: 'POST',
      ...init,
      headers: {
        authorization: `Bearer ${this.#token}`,
        'content-type': 'application/json',
        ...(init.headers as Record<string, string> | undefined),
      },
      body: JSON.stringify({ model: 'dummy', messages: [{ role: 'user', content }], ...more }),
    })
  }
}

/** Ready means: the gateway serves, and the control process that it is connected to answers. */
async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`)
  const { control } = (await response.json()) as { readonly control?: string }
  return response.ok && control === 'connected'
}

const tail = (text: string) => text.split('\n').slice(-LINES_OF_A_COMPLAINT).join('\n')

/** An endpoint on the smallest hardware of this machine. */
export function endpointOf(
  name: string,
  image: Image,
  changes: {
    readonly repository?: string
    readonly scaling?: Partial<Endpoint['compute']['scaling']>
    readonly type?: Endpoint['type']
    readonly size?: string
  } = {},
): Endpoint {
  return {
    name,
    type: changes.type ?? 'private',
    provider: { vendor: 'local', region: 'default' },
    compute: {
      accelerator: 'cpu',
      instanceType: 'cpu',
      instanceSize: changes.size ?? 'x1',
      scaling: { minReplica: 1, maxReplica: 1, scaleToZeroTimeout: null, ...changes.scaling },
    },
    model: { repository: changes.repository ?? 'berth/guide', framework: 'custom', image },
  }
}
