/** Why a replica or a router failed, for the person who will read it: what happened, and the engine's last words. */
import { PlatformError } from '../domain/errors.ts'
import type { ReplicaId } from '../domain/replica.ts'
import type { RunningReplica, RuntimeDriver } from '../runtime/driver.ts'

/** A traceback is this long; the cause of one often stands above it. */
const LOG_LINES_KEPT = 120
const LAST_LINES = 12
const MAX_LINE_LENGTH = 400

export function failureText(what: string, lines: readonly string[]): string {
  const last = lines
    .filter((line) => line.trim() !== '')
    .slice(-LAST_LINES)
    .map((line) => line.slice(0, MAX_LINE_LENGTH))
  return last.length === 0 ? `${what} It printed nothing.` : `${what} Its last lines:\n${last.join('\n')}`
}

export async function lastLines(driver: Pick<RuntimeDriver, 'logs'>, id: ReplicaId): Promise<string[]> {
  const options = { tail: LOG_LINES_KEPT, follow: false, signal: new AbortController().signal }
  return Array.fromAsync(driver.logs(id, options))
}

/** The runtime fetches the image, waits for a GPU or is away, and wants to be asked again: no start that failed. */
const WAITING: ReadonlySet<string | undefined> = new Set(['image_pulling', 'gpu_taken', 'docker_unreachable'])

export const isWaiting = (error: unknown): error is PlatformError =>
  error instanceof PlatformError && WAITING.has(error.reason)

/** @param stuck what a gateway saw of one that does not work on its requests. */
export function whatHappened(
  running: RunningReplica,
  wasReady: boolean,
  startTimeoutMs: number,
  stuck: string | undefined,
): string {
  const what = running.role === 'router' ? 'router' : 'engine'
  if (running.state === 'exited') {
    const after = Math.max(0, running.exitedAt - running.startedAt) / 1_000
    return `The ${what} ${running.reason} ${wasReady ? '' : 'before it was ready, '}after ${after.toFixed(1)} s.`
  }
  if (stuck !== undefined) return `The engine stopped working on its requests: ${stuck}`
  if (wasReady) return `The ${what} stopped answering its health route.`
  return `The ${what} was not ready within ${Math.round(startTimeoutMs / 1_000)} s.`
}
