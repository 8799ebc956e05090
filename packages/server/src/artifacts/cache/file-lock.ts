/**
 * A lock between processes, on a file.
 *
 * Node has no `flock`; SQLite takes the kernel's own file locks, the same way on every platform. So a lock is an
 * empty database with an exclusive transaction open: the kernel frees it when its holder ends, however it ends, and
 * no process id has to be trusted. Lock files are never deleted: whoever waits for a deleted one waits for nothing.
 */
import { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../platform/clock.ts'

const SQLITE_BUSY = 5

export type FileLock = { release(): void }

/** @returns undefined if somebody else holds it, in this process or another. */
export function tryFileLock(file: string): FileLock | undefined {
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    // Nothing is ever written, so no journal file has to appear beside it.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return { release: () => database.close() }
  } catch (error) {
    database.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined
    throw error
  }
}

export async function waitForFileLock(
  file: string,
  options: { readonly clock: Clock; readonly pollMs: number; readonly signal: AbortSignal },
): Promise<FileLock> {
  for (;;) {
    options.signal.throwIfAborted()
    const lock = tryFileLock(file)
    if (lock) return lock
    await options.clock.sleep(options.pollMs, options.signal)
  }
}
