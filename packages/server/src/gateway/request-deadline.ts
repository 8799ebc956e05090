/** How long a request may take, from its arrival to the end of its answer, as its caller or its limits say. Pure. */
import { PlatformError } from '../domain/errors.ts'

/** A week, which is the longest that limits of tokens and endpoints may say too. */
export const LONGEST_REQUEST_SECONDS = 7 * 24 * 3_600

/** A header's number of seconds; NaN for what is none. */
export const secondsIn = (header: string) =>
  /^\d{1,9}(\.\d{1,9})?$/.test(header) ? Number(header) : Number.NaN

/** @throws PlatformError `invalid` for a header that is no such number of seconds. */
export function requestMsIn(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const seconds = secondsIn(header)
  if (seconds > 0 && seconds <= LONGEST_REQUEST_SECONDS) return seconds * 1_000
  throw new PlatformError(
    'invalid',
    `X-Request-Timeout is "${header}": it must be a number of seconds above 0 and up to ${LONGEST_REQUEST_SECONDS}.`,
    { field: 'X-Request-Timeout' },
  )
}

/** What replicas are told is left. */
export const secondsLeft = (ms: number) => (Math.max(1, Math.ceil(ms)) / 1_000).toFixed(3)

/** @param of whose limit it is, in words. */
export const isOutOfTime = (ms: number, of: string) =>
  new PlatformError('timeout', `The request was not answered to its end within ${ms / 1_000} s, ${of}.`, {
    reason: 'deadline',
  })
