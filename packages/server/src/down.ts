/** `berth down`: stops whatever of a data directory still runs, also when the control process was killed. */
import { readFile, rm } from 'node:fs/promises'
import { PlatformError } from './domain/errors.ts'
import { livingGateway, signalProcess } from './gateway-process.ts'
import { claimDirectory } from './platform/claim.ts'
import { systemClock } from './platform/clock.ts'
import { homeAt } from './platform/home.ts'
import { silentLog } from './platform/log.ts'
import { createProcessDriver } from './runtime/process/process-driver.ts'

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
    const gateway = await livingGateway(home)
    if (gateway) signalProcess(gateway.pid, 'SIGKILL')
    await rm(home.gatewayRecord, { force: true })
    const driver = await createProcessDriver({
      directory: home.replicas,
      logDirectory: home.logs,
      clock: systemClock,
      log: silentLog,
    })
    const replicas = await driver.list()
    await Promise.all(replicas.map(({ id }) => driver.stop(id, { graceMs: REPLICA_GRACE_MS })))
    driver.close()
    const running = replicas.filter((replica) => replica.state === 'running').length
    return { control, gateway: gateway !== undefined, replicas: running }
  } finally {
    claim.release()
  }
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
