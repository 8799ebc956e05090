/**
 * Looks at this machine with Berth's eyes: each finding says what is there, or what is missing and how to get it.
 *
 * It changes nothing: the runtime driver that is asked for capacity gets a directory of its own, so that it never
 * touches the replicas of a server that runs.
 */
import { constants } from 'node:fs'
import { access, mkdtemp, readFile, rm, stat, statfs } from 'node:fs/promises'
import { request } from 'node:http'
import { findPackageJSON } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Environment, ServeSettings } from './serve-settings.ts'
import { bytes } from './table.ts'

export type Finding = {
  /** note: worth knowing, nothing is broken. missing: Berth cannot run without it. */
  readonly level: 'fine' | 'note' | 'missing'
  readonly about: string
  readonly message: string
  readonly remedy?: string
}

const OLDEST_NODE_MAJOR = 24
const LITTLE_DISK_BYTES = 5e9
const TOO_LITTLE_DISK_BYTES = 5e8
const PROBE_TIMEOUT_MS = 2_000

export async function examineMachine(settings: ServeSettings, env: Environment): Promise<readonly Finding[]> {
  const findings = await Promise.all([
    examineNode(process.versions.node),
    examineHome(settings.home),
    examineDisk(settings.home),
    examinePort(settings),
    examineCertificate(settings),
    examineHardware(),
    examineLlama(settings.home, env),
    examineToolkit(),
    examineVllm(env),
    examineDocker(env),
  ])
  return findings.flat()
}

export function examineNode(version: string): Finding {
  if (Number.parseInt(version, 10) >= OLDEST_NODE_MAJOR)
    return { level: 'fine', about: 'node', message: version }
  return {
    level: 'missing',
    about: 'node',
    message: `${version} is too old: Berth needs ${OLDEST_NODE_MAJOR} or later`,
    remedy: 'Run `npm ci` in the Berth repository, or install Node from https://nodejs.org.',
  }
}

async function examineHome(home: string): Promise<Finding> {
  const directory = await nearestExisting(home)
  try {
    await access(directory, constants.W_OK)
    if (!(await stat(directory)).isDirectory()) throw new Error(`${directory} is a file`)
  } catch (error) {
    return {
      level: 'missing',
      about: 'home',
      message: `${home} cannot be written: ${messageOf(error)}`,
      remedy: 'Choose another data directory with --home or BERTH_HOME.',
    }
  }
  const isThere = directory === home
  return {
    level: 'fine',
    about: 'home',
    message: isThere ? home : `${home} (made by the first \`berth serve\`)`,
  }
}

async function examineDisk(home: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearestExisting(home))
  const free = bavail * bsize
  const message = `${bytes(free)} free for models in ${home}`
  if (free >= LITTLE_DISK_BYTES) return { level: 'fine', about: 'disk', message }
  return {
    level: free < TOO_LITTLE_DISK_BYTES ? 'missing' : 'note',
    about: 'disk',
    message: `only ${message}`,
    remedy: 'Free some space, or put the data directory on another disk with --home or BERTH_HOME.',
  }
}

async function examinePort({ host, port }: ServeSettings): Promise<Finding> {
  const error = await bindError(host, port)
  if (!error) return { level: 'fine', about: 'port', message: `${host}:${port} is free` }
  if (error.code === 'EADDRINUSE' && (await answersReady(host, port))) {
    return { level: 'fine', about: 'port', message: `Berth already answers on ${host}:${port}` }
  }
  return {
    level: 'missing',
    about: 'port',
    message: error.code === 'EADDRINUSE' ? `${host}:${port} is taken by another program` : error.message,
    remedy: 'Choose another with --port or BERTH_PORT (and --host), or stop what uses it.',
  }
}

/** As the server that runs here, or ran last, has left it. */
async function examineCertificate({ acme, home }: ServeSettings): Promise<readonly Finding[]> {
  if (!acme) return []
  const { homeAt } = await import('@berth/server/platform/home')
  const text = await readFile(homeAt(home).certificateStatus, 'utf8').catch(() => undefined)
  return [certificateFinding(acme.names, text === undefined ? undefined : JSON.parse(text), Date.now())]
}

type CertificateFacts = {
  readonly expiresAt: number | null
  readonly nextOrderAt: number
  readonly failure: { readonly message: string } | null
}

export function certificateFinding(
  names: readonly string[],
  status: CertificateFacts | undefined,
  now: number,
): Finding {
  const about = 'certificate'
  const listed = names.join(', ')
  if (!status) return { level: 'note', about, message: `${listed}: ordered by the first \`berth serve\`` }
  const { expiresAt, nextOrderAt, failure } = status
  const isServed = expiresAt !== null && expiresAt > now
  const life =
    expiresAt === null
      ? 'none yet'
      : `${isServed ? 'expires' : 'expired'} ${new Date(expiresAt).toISOString()}`
  if (!failure) return { level: isServed ? 'fine' : 'note', about, message: `${listed}: ${life}` }
  return {
    level: isServed ? 'note' : 'missing',
    about,
    message: `${listed}: ${life}; the last order failed: ${failure.message}`,
    remedy: `Each name must lead here, and port 443 of it to the port of \`berth serve\`. The next try is at ${new Date(nextOrderAt).toISOString()}, or soon after a restart.`,
  }
}

async function examineHardware(): Promise<readonly Finding[]> {
  const [{ createProcessDriver }, { systemClock }, { silentLog }] = await Promise.all([
    import('@berth/server/runtime/process/process-driver'),
    import('@berth/server/platform/clock'),
    import('@berth/server/platform/log'),
  ])
  const directory = await mkdtemp(path.join(tmpdir(), 'berth-doctor-'))
  try {
    const driver = await createProcessDriver({
      directory: path.join(directory, 'replicas'),
      logDirectory: path.join(directory, 'logs'),
      clock: systemClock,
      log: silentLog,
    })
    try {
      return hardwareFindings(await driver.capacity())
    } finally {
      driver.close()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

type Capacity = {
  readonly instanceTypes: readonly {
    readonly accelerator: string
    readonly architecture: string
    readonly instanceType: string
    readonly instanceSize: string
  }[]
  readonly total: { readonly cpus: number; readonly memoryBytes: number; readonly gpus: number }
  readonly notices: readonly string[]
}

export function hardwareFindings({ instanceTypes, total, notices }: Capacity): readonly Finding[] {
  const named = instanceTypes.map(({ instanceType, instanceSize }) => `${instanceType}/${instanceSize}`)
  const gpu = instanceTypes.find(({ accelerator }) => accelerator === 'gpu')
  const machine: Finding = {
    level: 'fine',
    about: 'machine',
    message: `${total.cpus} CPUs, ${bytes(total.memoryBytes)} of memory for replicas`,
  }
  const instances: Finding =
    named.length > 0
      ? { level: 'fine', about: 'instances', message: named.join(', ') }
      : {
          level: 'missing',
          about: 'instances',
          message: `${bytes(total.memoryBytes)} of memory is too little for one replica`,
          remedy: 'Give this machine or container at least 4 GB of memory.',
        }
  return [
    machine,
    instances,
    gpu
      ? { level: 'fine', about: 'gpu', message: `${total.gpus} × ${gpu.architecture}` }
      : {
          level: 'note',
          about: 'gpu',
          message: 'no NVIDIA GPU (nvidia-smi): models run on the CPU',
        },
    ...notices.map((notice): Finding => ({ level: 'note', about: 'limits', message: notice })),
  ]
}

async function examineLlama(home: string, env: Environment): Promise<Finding> {
  const [{ findLlamaServer }, { homeAt }] = await Promise.all([
    import('@berth/server/engines/find-llama-server'),
    import('@berth/server/platform/home'),
  ])
  try {
    const found = await findLlamaServer({
      setting: env['BERTH_LLAMA_SERVER'] || undefined,
      path: env['PATH'],
      cacheDirectory: homeAt(home).cache,
    })
    if (found)
      return { level: 'fine', about: 'llama.cpp', message: `llama-server ${found.version} at ${found.path}` }
  } catch (error) {
    return { level: 'missing', about: 'llama.cpp', message: messageOf(error) }
  }
  if (hasEmbeddedEngine()) {
    return {
      level: 'fine',
      about: 'llama.cpp',
      message: 'the embedded engine (no llama-server on PATH; install one for more speed and features)',
    }
  }
  return {
    level: 'missing',
    about: 'llama.cpp',
    message: `no llama-server on PATH, and no embedded engine for ${process.platform} on ${process.arch}`,
    remedy:
      'Install llama.cpp (https://github.com/ggml-org/llama.cpp) or set BERTH_LLAMA_SERVER to its llama-server.',
  }
}

/** Only where one was asked for: without it vLLM runs in containers. */
async function examineVllm(env: Environment): Promise<Finding | readonly Finding[]> {
  const { vllmProgram } = await import('@berth/server/engines/vllm-program')
  try {
    const program = await vllmProgram(env['BERTH_VLLM'])
    return program === undefined ? [] : { level: 'fine', about: 'vllm', message: program }
  } catch (error) {
    return { level: 'missing', about: 'vllm', message: messageOf(error) }
  }
}

async function examineToolkit(): Promise<Finding> {
  const { findOnnxProgram, INSTALL_COMMAND } = await import('@berth/server/engines/onnx-program')
  if (findOnnxProgram() !== undefined) {
    return {
      level: 'fine',
      about: 'toolkit',
      message: 'embeddings, reranking and other tasks of ONNX models',
    }
  }
  return {
    level: 'note',
    about: 'toolkit',
    message: 'not installed: embeddings, reranking and other tasks of ONNX models need it, or Docker',
    remedy: `Run \`${INSTALL_COMMAND}\` in the Berth repository (330 MB).`,
  }
}

/** node-llama-cpp's compiled part comes in a package per platform, which npm leaves out where it does not fit. */
function hasEmbeddedEngine(): boolean {
  const system = { darwin: 'mac', win32: 'win', linux: 'linux' }[process.platform as string]
  const names = [`${system}-${process.arch}`, `${system}-${process.arch}-metal`]
  return names.some((name) => isInstalled(`@node-llama-cpp/${name}`))
}

function isInstalled(name: string): boolean {
  try {
    return findPackageJSON(name, import.meta.url) !== undefined
  } catch {
    return false
  }
}

async function examineDocker(env: Environment): Promise<Finding> {
  const socket = env['DOCKER_HOST']?.replace(/^unix:\/\//, '') || '/var/run/docker.sock'
  const answers = await answersOk({ socketPath: socket, path: '/_ping' })
  return answers
    ? { level: 'fine', about: 'docker', message: `answers at ${socket}` }
    : {
        level: 'note',
        about: 'docker',
        message: `does not answer at ${socket}; replicas run as plain processes`,
      }
}

const answersReady = (host: string, port: number) => answersOk({ host, port, path: '/readyz' })

function answersOk(target: {
  host?: string
  port?: number
  socketPath?: string
  path: string
}): Promise<boolean> {
  return new Promise((resolve) => {
    const asking = request({ ...target, timeout: PROBE_TIMEOUT_MS }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    asking.on('timeout', () => asking.destroy())
    asking.on('error', () => resolve(false))
    asking.end()
  })
}

function bindError(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', resolve)
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

async function nearestExisting(directory: string): Promise<string> {
  try {
    await stat(directory)
    return directory
  } catch {
    const parent = path.dirname(directory)
    return parent === directory ? directory : await nearestExisting(parent)
  }
}

const messageOf = (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown))
