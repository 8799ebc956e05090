/** Why a replica failed, for the person who will read it: what happened, and the engine's last words. */
import type { RunningReplica } from '../runtime/driver.ts'

const LAST_LINES = 12
const MAX_LINE_LENGTH = 400

export function failureText(what: string, lines: readonly string[]): string {
  const last = lines
    .filter((line) => line.trim() !== '')
    .slice(-LAST_LINES)
    .map((line) => line.slice(0, MAX_LINE_LENGTH))
  return last.length === 0 ? `${what} It printed nothing.` : `${what} Its last lines:\n${last.join('\n')}`
}

/** @param stuck what a gateway saw of one that does not work on its requests. */
export function whatHappened(
  running: RunningReplica,
  wasReady: boolean,
  startTimeoutMs: number,
  stuck: string | undefined,
): string {
  if (running.state === 'exited') {
    const after = Math.max(0, running.exitedAt - running.startedAt) / 1_000
    return `The engine ${running.reason} ${wasReady ? '' : 'before it was ready, '}after ${after.toFixed(1)} s.`
  }
  if (stuck !== undefined) return `The engine stopped working on its requests: ${stuck}`
  if (wasReady) return 'The engine stopped answering its health route.'
  return `The engine was not ready within ${Math.round(startTimeoutMs / 1_000)} s.`
}
