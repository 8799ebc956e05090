/**
 * Every error that Berth raises on purpose.
 *
 * An error carries what a caller can act on: a `code` from the contract's closed list, a message written for the
 * person who will read it, and details for a program. It knows nothing of HTTP, exit codes or colours: each app
 * at the edge maps the code once. Anything that is not a `PlatformError` is a bug and is reported as `internal`
 * without its message.
 */
import type { ErrorCode } from '@berth/contract'

type ErrorOptions = {
  /** A finer machine-readable cause, for example `hub_gated`. */
  readonly reason?: string
  /** The offending request field, as a dotted path. */
  readonly field?: string
  readonly retryAfterMs?: number
  readonly etaMs?: number
  readonly cause?: unknown
}

export class PlatformError extends Error {
  readonly code: ErrorCode
  readonly reason: string | undefined
  readonly field: string | undefined
  readonly retryAfterMs: number | undefined
  readonly etaMs: number | undefined

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.reason = options.reason
    this.field = options.field
    this.retryAfterMs = options.retryAfterMs
    this.etaMs = options.etaMs
  }
}

/** What happened, in one line, whatever was thrown: for logs and for the text of a status. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
