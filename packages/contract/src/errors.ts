/**
 * Every error code that Berth puts on the wire, and the one shape that carries it.
 *
 * `error` is a string because Hugging Face clients print exactly that field; the rest is for programs.
 * Which HTTP status a code becomes is decided here once, so that server, client and CLI agree.
 */
import { z } from 'zod'

export const HTTP_STATUS = {
  invalid: 400, //            the request can never succeed as written
  already_running: 400, //    resume of something that is not paused; clients look for the words "already running"
  unauthenticated: 401, //    we do not know who asks
  forbidden: 403, //          we know, and the answer is no
  not_found: 404,
  conflict: 409, //           true when asked, no longer true: read again, then retry
  too_large: 413, //          the body is over the limit the message names
  overloaded: 429, //         the waiting line is full; retry after a while
  quota_exceeded: 429,
  unsupported: 501, //        this installation cannot do that
  bad_gateway: 502, //        the replica broke off or answered nonsense
  paused: 503, //             a person stopped the endpoint; only a person starts it again
  waking: 503, //             no replica is ready yet and the caller did not want to wait longer
  endpoint_failed: 503, //    the endpoint could not start; its status says why
  unavailable: 503, //        nothing wrong with the request; retry after a while
  timeout: 504,
  internal: 500,
} as const satisfies Record<string, number>

export type ErrorCode = keyof typeof HTTP_STATUS

export const errorCodes = Object.keys(HTTP_STATUS) as [ErrorCode, ...ErrorCode[]]

/** Codes for which the same request may succeed later without being changed. */
export const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  'conflict',
  'overloaded',
  'bad_gateway',
  'waking',
  'unavailable',
  'timeout',
])

export const ErrorBody = z.object({
  error: z
    .string()
    .meta({ description: 'What went wrong, with which values, and what to do, for a person.' }),
  code: z.enum(errorCodes),
  reason: z
    .string()
    .optional()
    .meta({ description: 'A finer machine-readable cause, for example "hub_gated".' }),
  field: z.string().optional().meta({ description: 'The offending request field, as a dotted path.' }),
  retryable: z.boolean(),
  retryAfterMs: z.number().optional(),
  etaMs: z.number().optional().meta({ description: 'When the endpoint is expected to be ready.' }),
  requestId: z.string().optional(),
})
export type ErrorBody = z.infer<typeof ErrorBody>
