/** `berth down`: stops whatever of a data directory still runs, also when the control process was killed. */
import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { PlatformError } from './domain/errors.ts'
import { livingGateways } from './gateway-record.ts'
import { signalProcess } from './gateway-workers.ts'
import { openDocker, openProcesses } from './open-runtime.ts'
import { claimDirectory } from './platform/claim.ts'
import { systemClock } from './platform/clock.ts'
import { type Home, homeAt } from './platform/home.ts'
import { silentLog } from './platform/log.ts'
import { loadKey } from './store/secret-box.ts'

export type DownReport = { readonly control: boolean; readonly gateway: boolean; readonly replicas: number }

const CONTROL_STOP_MS = 20_000
const REPLICA_GRACE_MS = 3_000
const POLL_MS = 50

/** @returns what was stopped. */
export async function down(directory: string): Promise<DownReport> {
  const home = homeAt(directory)
  const control = await stopControl(home.lockFile)
  const claim = claimDirectory(home.lockFile)
  try {
    const gateways = await livingGateways(home.gateways)
    for (const { pid } of gateways) signalProcess(pid, 'SIGKILL')
    await rm(home.gatewayRecord, { force: true })
    const replicas = await stopReplicas(home)
    return { control, gateway: gateways.length > 0, replicas }
  } finally {
    claim.release()
  }
}

/** Of both runtimes, since either may have served the directory. @returns how many still ran. */
async function stopReplicas(home: Home): Promise<number> {
  const key = existsSync(home.database)
    ? await loadKey({ file: home.keyFile, env: process.env['BERTH_KEY'] })
    : undefined
  const parts = { home, clock: systemClock, log: silentLog }
  const drivers = [
    await openProcesses({ ...parts, key: key ?? Buffer.alloc(0) }),
    // A daemon that is not there any more runs nothing of ours.
    key && (await openDocker({ ...parts, key }).catch(() => undefined)),
  ]
  let running = 0
  for (const driver of drivers) {
    if (!driver) continue
    const replicas = await driver.list()
    running += replicas.filter((replica) => replica.state === 'running').length
    await Promise.all(replicas.map(({ id }) => driver.stop(id, { graceMs: REPLICA_GRACE_MS })))
    await driver.keepOnly(new Set())
    driver.close()
  }
  return running
}

/** Asks a control process that serves the directory to stop, and waits until it let go of it. */
async function stopControl(lockFile: string): Promise<boolean> {
  if (!isHeld(lockFile)) return false
  const pid = Number(await readFile(`${lockFile}.pid`, 'utf8').catch(() => ''))
  if (Number.isInteger(pid) && pid > 1) signalProcess(pid, 'SIGTERM')
  const deadline = systemClock.now() + CONTROL_STOP_MS
  while (isHeld(lockFile)) {
    if (systemClock.now() >= deadline) {
      throw new PlatformError(
        'timeout',
        `The control process ${pid} did not stop within ${CONTROL_STOP_MS / 1_000} s. End it with: kill -9 ${pid}`,
      )
    }
    await systemClock.sleep(POLL_MS)
  }
  return true
}

function isHeld(lockFile: string): boolean {
  try {
    claimDirectory(lockFile).release()
    return false
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'conflict') return true
    throw error
  }
}
