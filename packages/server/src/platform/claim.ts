/**
 * A claim on a data directory: one process at a time.
 *
 * The claim is a lock of the operating system on a file (taken through SQLite, which locks on every platform), so
 * it ends with its process however that ends, and nothing stale is ever left.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { messageOf, PlatformError } from '../domain/errors.ts'

export type Claim = { release(): void }

/** @throws PlatformError `conflict` when another process holds it, `unavailable` when the directory cannot be written. */
export function claimDirectory(lockFile: string): Claim {
  const holderFile = `${lockFile}.pid`
  let lock: DatabaseSync | undefined
  try {
    mkdirSync(path.dirname(lockFile), { recursive: true, mode: 0o700 })
    lock = new DatabaseSync(lockFile)
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    writeFileSync(holderFile, String(process.pid))
  } catch (cause) {
    lock?.close()
    throw isBusy(cause) ? taken(lockFile, holderFile) : unwritable(path.dirname(lockFile), cause)
  }
  const held = lock
  return { release: () => held.close() }
}

function taken(lockFile: string, holderFile: string): PlatformError {
  const home = path.dirname(path.dirname(lockFile))
  const holder = readIfThere(holderFile)
  return new PlatformError(
    'conflict',
    `Berth already serves ${home}${holder ? ` (process ${holder})` : ''}. Stop it with \`berth down\`, or choose another directory with --home.`,
    { reason: 'already_serving' },
  )
}

function unwritable(directory: string, cause: unknown): PlatformError {
  return new PlatformError(
    'unavailable',
    `The data directory cannot be written: ${directory}: ${messageOf(cause)}. Make it writable, or choose another with --home.`,
    { reason: 'home_not_writable', cause },
  )
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return undefined
  }
}

const isBusy = (error: unknown): boolean => /locked|busy/i.test(messageOf(error))
