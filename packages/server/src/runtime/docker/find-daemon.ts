/**
 * Where the daemon of this machine is: what the `docker` command would use, then the usual places of Docker and
 * Podman. Whether it answers is found out by connecting.
 */
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { PlatformError } from '../../domain/errors.ts'
import type { DockerConnection, DockerTls } from './daemon.ts'

type Environment = Readonly<Record<string, string | undefined>>

const PLAIN_PORT = 2375
const TLS_PORT = 2376

/**
 * @returns `undefined` if nothing is set and no socket is there.
 * @throws PlatformError `invalid` if `DOCKER_HOST` cannot be used, or its certificates cannot be read.
 */
export async function findDaemon(env: Environment): Promise<DockerConnection | undefined> {
  const host = env['DOCKER_HOST']
  if (host) return connectionTo(host, env)
  for (const socketPath of socketsOf(env)) {
    if (await isSocket(socketPath)) return { socketPath }
  }
  return undefined
}

/** Those of a user before those of the machine: who has one of his own means it. */
function socketsOf(env: Environment): readonly string[] {
  const run = env['XDG_RUNTIME_DIR']
  const home = env['HOME']
  return [
    ...(run ? [path.join(run, 'docker.sock'), path.join(run, 'podman', 'podman.sock')] : []),
    ...(home ? [path.join(home, '.docker', 'run', 'docker.sock')] : []),
    '/var/run/docker.sock',
    '/run/podman/podman.sock',
  ]
}

async function connectionTo(dockerHost: string, env: Environment): Promise<DockerConnection> {
  const url = URL.canParse(dockerHost) ? new URL(dockerHost) : undefined
  if (url?.protocol === 'unix:') return { socketPath: url.pathname }
  if (url?.protocol !== 'tcp:' || url.hostname === '') {
    throw new PlatformError(
      'invalid',
      `DOCKER_HOST is "${dockerHost}", which cannot be used. It has to look like unix:///var/run/docker.sock or ` +
        'tcp://host:2376.',
    )
  }
  const tls = env['DOCKER_TLS_VERIFY'] ? await readCertificates(env) : undefined
  const port = Number(url.port) || (tls ? TLS_PORT : PLAIN_PORT)
  return { host: url.hostname, port, ...(tls ? { tls } : {}) }
}

async function readCertificates(env: Environment): Promise<DockerTls> {
  const directory = env['DOCKER_CERT_PATH'] ?? path.join(env['HOME'] ?? '/', '.docker')
  const read = (name: string) => readFile(path.join(directory, name), 'utf8')
  try {
    const [ca, cert, key] = await Promise.all([read('ca.pem'), read('cert.pem'), read('key.pem')])
    return { ca, cert, key }
  } catch (cause) {
    throw new PlatformError(
      'invalid',
      `DOCKER_TLS_VERIFY is set, and the certificates cannot be read from ${directory}: it has to hold ca.pem, ` +
        'cert.pem and key.pem. Name another directory with DOCKER_CERT_PATH.',
      { cause },
    )
  }
}

async function isSocket(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isSocket(),
    () => false,
  )
}
