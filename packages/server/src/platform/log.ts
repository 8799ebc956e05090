/**
 * The log: one JSON object per line. A constant message in plain words, then fields with the glossary's keys.
 * Never a secret, a prompt or a completion.
 */
import { renameSync, statSync } from 'node:fs'
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
}): Log {
  if (options.file) setAsideIfLarge(options.file)
  const destination = pino.destination({ dest: options.file ?? 2, append: true, mkdir: true, sync: true })
  const logger = pino({ name: options.name, level: options.level, base: { name: options.name } }, destination)
  return {
    debug: (message, fields = {}) => logger.debug(fields, message),
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
  }
}

/** A log begins anew at a start when it has grown beyond this; the one before is kept as `.1`. */
export const LOG_BYTES = 10 * 2 ** 20

function setAsideIfLarge(file: string): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  if (size > LOG_BYTES) renameSync(file, `${file}.1`)
}

/** For tests, and for code that has nobody to tell. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
