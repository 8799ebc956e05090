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

const openAiTypeOf: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  413: 'invalid_request_error',
  429: 'rate_limit_error',
}

/**
 * Who reads the error. Clients of Hugging Face print `error` as it is, so it is a string; those of OpenAI look for a
 * `message` inside it, and show a string as JSON. Everything else is at the same place in both.
 */
export type ErrorDialect = 'berth' | 'openai'

type OpenAiError = {
  readonly message: string
  /** The family of the error, in OpenAI's words. */
  readonly type: string
  readonly param: string | null
  readonly code: ErrorCode
}

type WireError = Omit<ErrorBody, 'error'> & { readonly error: string | OpenAiError }

export type ErrorResponse = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: WireError
}

/** Below `/v1/`, at the gateway's own root or below an endpoint's, speak OpenAI's clients. */
export function dialectOf(url: string | undefined): ErrorDialect {
  return url !== undefined && /^(?:\/e\/[^/?]+\/[^/?]+)?\/v1(?:[/?]|$)/.test(url) ? 'openai' : 'berth'
}

/** A bug's message may hold a path or a secret, so only a `PlatformError` speaks for itself. */
export function toErrorResponse(
  thrown: unknown,
  requestId: string,
  dialect: ErrorDialect = 'berth',
): ErrorResponse {
  const error =
    thrown instanceof PlatformError
      ? thrown
      : new PlatformError(
          'internal',
          `Something went wrong in the gateway. Quote request ${requestId} when you report it.`,
        )
  const { code, message, reason, field, retryAfterMs, etaMs } = error
  const isRetryable = retryable.has(code)
  return {
    status: statusOf[code],
    headers: {
      ...(code === 'unauthenticated' ? { 'www-authenticate': 'Bearer realm="berth"' } : {}),
      ...(retryAfterMs === undefined
        ? {}
        : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) }),
      // OpenAI's clients try every 409, 429 and 5xx again unless they are told that it is of no use.
      ...(dialect === 'openai' ? { 'x-should-retry': String(isRetryable) } : {}),
    },
    body: {
      error:
        dialect === 'openai'
          ? { message, type: openAiTypeOf[statusOf[code]] ?? 'server_error', param: field ?? null, code }
          : message,
      code,
      ...(reason === undefined ? {} : { reason }),
      ...(field === undefined ? {} : { field }),
      retryable: isRetryable,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(etaMs === undefined ? {} : { etaMs }),
      requestId,
    },
  }
}
