/** What a caller is told about its rates: in OpenAI's headers, which its client library may already read. Pure. */
import type { LimitAccount } from '../domain/limits/limit-account.ts'
import type { RateBucket } from '../domain/limits/rate-bucket.ts'

/** Of two limits the headers tell the one that will be reached first. */
export function rateHeaders(
  limited: readonly { readonly account: LimitAccount }[],
  now: number,
): Readonly<Record<string, string>> {
  let requests: RateBucket | undefined
  let tokens: RateBucket | undefined
  for (const { account } of limited) {
    requests = nearer(requests, account.requests, now)
    tokens = nearer(tokens, account.tokens, now)
  }
  const headers: Record<string, string> = {}
  if (requests) {
    headers['x-ratelimit-limit-requests'] = String(requests.perMinute)
    headers['x-ratelimit-remaining-requests'] = String(requests.remaining(now))
    headers['x-ratelimit-reset-requests'] = asDuration(requests.msUntilFull(now))
  }
  if (tokens) {
    headers['x-ratelimit-limit-tokens'] = String(tokens.perMinute)
    headers['x-ratelimit-remaining-tokens'] = String(tokens.remaining(now))
    headers['x-ratelimit-reset-tokens'] = asDuration(tokens.msUntilFull(now))
  }
  return headers
}

function nearer(
  one: RateBucket | undefined,
  other: RateBucket | undefined,
  now: number,
): RateBucket | undefined {
  if (!one || !other) return one ?? other
  return other.remaining(now) < one.remaining(now) ? other : one
}

/** As OpenAI writes it: `120ms`, `8.64s`, `6m0s`. */
export function asDuration(ms: number): string {
  if (ms < 1_000) return `${ms}ms`
  const minutes = Math.floor(ms / 60_000)
  return `${minutes > 0 ? `${minutes}m` : ''}${(ms % 60_000) / 1_000}s`
}
