/** The runtimes that the settings ask for, as one. */
import { PlatformError } from './domain/errors.ts'
import type { Clock } from './platform/clock.ts'
import type { Home } from './platform/home.ts'
import type { Log } from './platform/log.ts'
import { installationId } from './replica-keys.ts'
import type { RuntimeDriver } from './runtime/driver.ts'
import { GpuLedger } from './runtime/gpu-ledger.ts'
import { readGpuMemory } from './runtime/gpu-memory.ts'
import { JoinedDriver, type JoinedDrivers } from './runtime/joined-driver.ts'
import { createProcessDriver } from './runtime/process/process-driver.ts'
import type { Settings } from './settings.ts'

export type RuntimeParts = {
  readonly home: Home
  readonly key: Buffer
  readonly clock: Clock
  readonly log: Log
}

type RuntimeName = Settings['runtimes'][number]

/** Where several runtimes run replicas on one machine. */
type Shared = { readonly gpuLedger: GpuLedger }

/** @throws PlatformError `unavailable` with the way out when Docker is asked for and none answers. */
export async function openRuntimes(
  [first, ...others]: Settings['runtimes'],
  parts: RuntimeParts,
): Promise<RuntimeDriver> {
  if (others.length === 0) return openRuntime(first, parts)
  const opened: RuntimeDriver[] = []
  const shared = { gpuLedger: new GpuLedger(() => readGpuMemory()) }
  try {
    for (const name of [first, ...others]) opened.push(await openRuntime(name, parts, shared))
  } catch (error) {
    for (const driver of opened) driver.close()
    throw error
  }
  return new JoinedDriver(opened as unknown as JoinedDrivers)
}

async function openRuntime(name: RuntimeName, parts: RuntimeParts, shared?: Shared): Promise<RuntimeDriver> {
  if (name === 'process') return openProcesses(parts, shared)
  const driver = await openDocker(parts, shared)
  if (driver) return driver
  throw new PlatformError(
    'unavailable',
    'No Docker or Podman daemon was found. Start one, name it with DOCKER_HOST, or serve with --runtime process.',
    { reason: 'no_docker' },
  )
}

export function openProcesses({ home, clock, log }: RuntimeParts, shared?: Shared): Promise<RuntimeDriver> {
  return createProcessDriver({ directory: home.replicas, logDirectory: home.logs, clock, log, ...shared })
}

/** Undefined where no daemon is found. Loaded only by those who use it. */
export async function openDocker(
  { home, key, clock, log }: RuntimeParts,
  shared?: Shared,
): Promise<RuntimeDriver | undefined> {
  const { findDaemon } = await import('./runtime/docker/find-daemon.ts')
  const connection = await findDaemon(process.env)
  if (!connection) return undefined
  const { createDockerDriver } = await import('./runtime/docker/docker-driver.ts')
  return createDockerDriver({
    connection,
    installationId: installationId(key),
    logDirectory: home.containerLogs,
    clock,
    log,
    ...(shared && { ...shared, mustBeLocal: true }),
  })
}
