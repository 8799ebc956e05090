/** The runtime that the settings ask for. */
import { PlatformError } from './domain/errors.ts'
import type { Clock } from './platform/clock.ts'
import type { Home } from './platform/home.ts'
import type { Log } from './platform/log.ts'
import { installationId } from './replica-keys.ts'
import type { RuntimeDriver } from './runtime/driver.ts'
import { createProcessDriver } from './runtime/process/process-driver.ts'
import type { Settings } from './settings.ts'

export type RuntimeParts = {
  readonly home: Home
  readonly key: Buffer
  readonly clock: Clock
  readonly log: Log
}

/** @throws PlatformError `unavailable` with the way out when Docker is asked for and none answers. */
export async function openRuntime(name: Settings['runtime'], parts: RuntimeParts): Promise<RuntimeDriver> {
  const { home, clock, log } = parts
  if (name === 'process') {
    return createProcessDriver({ directory: home.replicas, logDirectory: home.logs, clock, log })
  }
  const driver = await openDocker(parts)
  if (driver) return driver
  throw new PlatformError(
    'unavailable',
    'No Docker or Podman daemon was found. Start one, name it with DOCKER_HOST, or serve with --runtime process.',
    { reason: 'no_docker' },
  )
}

/** Undefined where no daemon is found. Loaded only by those who use it. */
export async function openDocker({
  home,
  key,
  clock,
  log,
}: RuntimeParts): Promise<RuntimeDriver | undefined> {
  const { findDaemon } = await import('./runtime/docker/find-daemon.ts')
  const connection = await findDaemon(process.env)
  if (!connection) return undefined
  const { createDockerDriver } = await import('./runtime/docker/docker-driver.ts')
  return createDockerDriver({
    connection,
    installationId: installationId(key),
    logDirectory: home.logs,
    clock,
    log,
  })
}
