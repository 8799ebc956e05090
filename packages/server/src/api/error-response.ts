/** The one place where an error becomes an HTTP response. */
import { type ErrorBody, HTTP_STATUS, RETRYABLE } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'

export type ErrorResponse = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: ErrorBody
}

/** A bug's message may hold a path or a secret, so only a `PlatformError` speaks for itself. */
export function toErrorResponse(thrown: unknown, requestId: string): ErrorResponse {
  const known = asPlatformError(thrown) ?? unexplained(requestId)
  const { code, message, reason, field, retryAfterMs, etaMs } = known
  return {
    status: HTTP_STATUS[code],
    headers: {
      ...(code === 'unauthenticated' && { 'www-authenticate': challenge(reason) }),
      ...(retryAfterMs !== undefined && {
        'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))),
      }),
    },
    body: {
      error: message,
      code,
      ...(reason !== undefined && { reason }),
      ...(field !== undefined && { field }),
      retryable: RETRYABLE.has(code),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      ...(etaMs !== undefined && { etaMs }),
      requestId,
    },
  }
}

/** Whether `thrown` is a bug or a broken promise of ours, which belongs in the log. */
export function isOurFault(thrown: unknown): boolean {
  return (asPlatformError(thrown)?.code ?? 'internal') === 'internal'
}

/** The web framework's own refusals are worded for a person too; everything else unknown is a bug. */
function asPlatformError(thrown: unknown): PlatformError | undefined {
  if (thrown instanceof PlatformError) return thrown
  if (!isFrameworkRefusal(thrown)) return undefined
  const code = thrown.statusCode === 413 ? 'too_large' : 'invalid'
  return new PlatformError(code, thrown.message, { cause: thrown })
}

function isFrameworkRefusal(thrown: unknown): thrown is Error & { code: string; statusCode: number } {
  return (
    thrown instanceof Error &&
    'code' in thrown &&
    typeof thrown.code === 'string' &&
    thrown.code.startsWith('FST_') &&
    'statusCode' in thrown &&
    typeof thrown.statusCode === 'number' &&
    thrown.statusCode >= 400 &&
    thrown.statusCode < 500
  )
}

const unexplained = (requestId: string) =>
  new PlatformError('internal', `Something went wrong here. Quote request ${requestId} when you report it.`)

/** RFC 6750: `error` only when a token was presented. */
const challenge = (reason: string | undefined) =>
  reason === 'invalid_token' ? 'Bearer realm="berth", error="invalid_token"' : 'Bearer realm="berth"'
