/**
 * One Docker or Podman daemon: how it is reached, what it is, and its refusals in words for a person.
 */
import { lookup } from 'node:dns/promises'
import type { IncomingMessage } from 'node:http'
import Docker, { type ContainerInspectInfo } from 'dockerode'
import { messageOf, PlatformError } from '../../domain/errors.ts'

export type DockerConnection =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: number; readonly tls?: DockerTls }

/** Contents, not files. */
export type DockerTls = { readonly ca?: string; readonly cert?: string; readonly key?: string }

export type DaemonKind = 'docker' | 'podman'

export type Daemon = {
  readonly docker: Docker
  readonly kind: DaemonKind
  /** As Go names it: "amd64", "arm64". */
  readonly architecture: string
  /** For a person: "the Docker daemon at /var/run/docker.sock". */
  readonly name: string
  /** Whether it runs on this machine and sees its files. */
  readonly isLocal: boolean
  readonly isEncrypted: boolean
  /** The address of its machine at which replicas are published, where they are not reached at their own. */
  readonly publishOn: string
}

const LOOPBACK = '127.0.0.1'

/** @throws PlatformError `unavailable` if no daemon answers. */
export async function connectDaemon(connection: DockerConnection): Promise<Daemon> {
  const docker = new Docker(clientOptions(connection))
  const where = 'socketPath' in connection ? connection.socketPath : `${connection.host}:${connection.port}`
  try {
    const [{ Components = [], Arch }, address] = await Promise.all([docker.version(), addressOf(connection)])
    const kind = Components.some(({ Name }) => /podman/i.test(Name)) ? 'podman' : 'docker'
    return {
      docker,
      kind,
      architecture: Arch,
      name: `the ${kind === 'podman' ? 'Podman' : 'Docker'} daemon at ${where}`,
      isLocal: address === LOOPBACK,
      isEncrypted: 'socketPath' in connection || connection.tls !== undefined,
      publishOn: address,
    }
  } catch (cause) {
    throw new PlatformError('unavailable', unreachable(where, cause), { reason: 'docker_unreachable', cause })
  }
}

function clientOptions(connection: DockerConnection): Docker.DockerOptions {
  if ('socketPath' in connection) return { socketPath: connection.socketPath }
  const { host, port, tls } = connection
  return { host, port, protocol: tls ? 'https' : 'http', ...tls }
}

async function addressOf(connection: DockerConnection): Promise<string> {
  if ('socketPath' in connection) return LOOPBACK
  const { address } = await lookup(connection.host, { family: 4 })
  return address.startsWith('127.') ? LOOPBACK : address
}

function unreachable(where: string, cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'EACCES') {
    return `The Docker daemon at ${where} may not be used by this user. Add it to the group "docker", or use a rootless daemon.`
  }
  return `No Docker daemon answers at ${where}: ${messageOf(cause).trim()}. Start it, or name another one.`
}

/** Of an answer of the daemon; `undefined` if it did not come from the daemon at all. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined
}

/** Of a container that is not there any more, or that is being removed. */
export function isGone(error: unknown): boolean {
  const status = statusOf(error)
  return status === 404 || status === 409
}

const AWAY: readonly unknown[] = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'EHOSTUNREACH',
  'ETIMEDOUT',
]

/** Whether nothing was said at all: the daemon restarts, or is gone. */
export function isAway(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'code' in error && AWAY.includes(error.code)
}

export const awayError = (name: string, cause: unknown): PlatformError =>
  new PlatformError('unavailable', `Waiting for ${name}, which does not answer: ${messageOf(cause)}.`, {
    reason: 'docker_unreachable',
    cause,
  })

/** The daemon's own words, without what the client puts around them. */
export function daemonMessage(error: unknown): string {
  return messageOf(error)
    .replace(/^\(HTTP code \d+\) [^-]*- /, '')
    .trim()
}

/** Passes on what is there, `undefined` for what is not. */
export async function ifThere<Result>(answer: Promise<Result>): Promise<Result | undefined> {
  try {
    return await answer
  } catch (error) {
    if (statusOf(error) === 404) return undefined
    throw error
  }
}

export function inspectIfThere(docker: Docker, container: string): Promise<ContainerInspectInfo | undefined> {
  return ifThere(docker.getContainer(container).inspect())
}

type Request = {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly query: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

/** An answer as it comes, not collected first: a log may be long. */
export function openStream(
  docker: Docker,
  { method, path, query, signal }: Request,
): Promise<IncomingMessage> {
  const options = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined))
  return new Promise((resolve, reject) => {
    docker.modem.dial(
      {
        method,
        path: `${path}?`,
        options: { _query: options },
        isStream: true,
        abortSignal: signal,
        statusCodes: { 200: true, 404: 'not there', 500: 'server error' },
      },
      (error, answer) => (error ? reject(error) : resolve(answer as IncomingMessage)),
    )
  })
}

type Refusal = {
  readonly words: RegExp
  readonly code: 'invalid' | 'unavailable'
  readonly reason: string
  readonly advice: string
}

const NO_FREE_NETWORK = /address pool|fully subnetted/i

export const isOutOfNetworks = (error: unknown): boolean =>
  statusOf(error) !== undefined && NO_FREE_NETWORK.test(daemonMessage(error))

/** What daemons say when a container cannot be made or started, and what a person can do about it. */
const REFUSALS: readonly Refusal[] = [
  {
    words: /executable file not found|exec: "|no such file or directory: unknown|stat .*: no such file/i,
    code: 'invalid',
    reason: 'program_missing',
    advice: 'Name a program that is in the image.',
  },
  {
    words: /could not select device driver|nvidia-container|unresolvable CDI devices/i,
    code: 'invalid',
    reason: 'gpu_unavailable',
    advice: "Install NVIDIA's container toolkit on the daemon's machine.",
  },
  {
    words: /bind source path does not exist|statfs .*: no such file/i,
    code: 'invalid',
    reason: 'model_path_missing',
    advice: "The model has to lie at this path on the daemon's machine.",
  },
  {
    words: NO_FREE_NETWORK,
    code: 'unavailable',
    reason: 'no_free_network',
    advice: `Every endpoint has a network of its own: give the daemon more addresses ("default-address-pools").`,
  },
]

/** A known refusal as a `PlatformError`; everything else as it is. */
export function refusalOf(error: unknown, what: string): unknown {
  const message = daemonMessage(error)
  const known = statusOf(error) === undefined ? undefined : REFUSALS.find(({ words }) => words.test(message))
  if (!known) return error
  const { code, reason, advice } = known
  return new PlatformError(code, `${what} could not be started: ${message}. ${advice}`, {
    reason,
    cause: error,
  })
}
