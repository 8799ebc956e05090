/** The one place of the gateway where an error becomes bytes for a client. */
import type { ErrorBody, ErrorCode, HTTP_STATUS, RETRYABLE } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'

/**
 * The contract's table again, held equal to it by its type: importing the value would load the schema library,
 * which nearly doubles the gateway's memory.
 */
const statusOf: typeof HTTP_STATUS = {
  invalid: 400,
  already_running: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  overloaded: 429,
  quota_exceeded: 429,
  unsupported: 501,
  bad_gateway: 502,
  paused: 503,
  waking: 503,
  endpoint_failed: 503,
  unavailable: 503,
  timeout: 504,
  internal: 500,
}

/** The same, for the codes worth a second try; a test holds it equal to the contract. */
export const retryable: typeof RETRYABLE = new Set<ErrorCode>([
  'conflict',
  'overloaded',
  'bad_gateway',
  'waking',
  'unavailable',
  'timeout',
])

export type ErrorResponse = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: ErrorBody
}

/** A bug's message may hold a path or a secret, so only a `PlatformError` speaks for itself. */
export function toErrorResponse(thrown: unknown, requestId: string): ErrorResponse {
  const error =
    thrown instanceof PlatformError
      ? thrown
      : new PlatformError(
          'internal',
          `Something went wrong in the gateway. Quote request ${requestId} when you report it.`,
        )
  const { code, message, reason, field, retryAfterMs, etaMs } = error
  return {
    status: statusOf[code],
    headers: {
      ...(code === 'unauthenticated' ? { 'www-authenticate': 'Bearer realm="berth"' } : {}),
      ...(retryAfterMs === undefined
        ? {}
        : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) }),
    },
    body: {
      error: message,
      code,
      ...(reason === undefined ? {} : { reason }),
      ...(field === undefined ? {} : { field }),
      retryable: retryable.has(code),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(etaMs === undefined ? {} : { etaMs }),
      requestId,
    },
  }
}
