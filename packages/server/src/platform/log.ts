/**
 * The log: one JSON object per line. A constant message in plain words, then fields with the glossary's keys.
 * Never a secret, a prompt or a completion.
 */
import { existsSync, renameSync, statSync } from 'node:fs'
import pino from 'pino'

export type LogFields = Readonly<Record<string, unknown>>

export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export function createLog(options: {
  readonly name: string
  readonly level: string
  readonly file?: string
  readonly maxBytes?: number
}): Log {
  const destination = pino.destination({ dest: options.file ?? 2, append: true, mkdir: true, sync: true })
  if (options.file) keepSmall(destination, options.file, options.maxBytes ?? LOG_BYTES)
  const logger = pino({ name: options.name, level: options.level, base: { name: options.name } }, destination)
  return {
    debug: (message, fields = {}) => logger.debug(fields, message),
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
  }
}

/** A log that has grown so large is set aside, and begins anew. */
export const LOG_BYTES = 10 * 2 ** 20
/** `.1` is the one before. */
const OLDER_LOGS = 3

function keepSmall(destination: ReturnType<typeof pino.destination>, file: string, maxBytes: number): void {
  let bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  destination.on('write', (written: number) => {
    bytes += written
    if (bytes <= maxBytes) return
    bytes = 0
    try {
      for (let age = OLDER_LOGS - 1; age >= 1; age--) {
        if (existsSync(`${file}.${age}`)) renameSync(`${file}.${age}`, `${file}.${age + 1}`)
      }
      renameSync(file, `${file}.1`)
    } catch {
      // Somebody took the file away, or the directory may not be written: the log goes on where it can.
    }
    destination.reopen()
  })
}

/** For tests, and for code that has nobody to tell. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
