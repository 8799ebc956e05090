/** What a caller is told about its rates: in OpenAI's headers, which its client library may already read. Pure. */
import type { LimitAccount } from '../domain/limits/limit-account.ts'
import type { RateBucket } from '../domain/limits/rate-bucket.ts'

/** Fields of an answer: `name: value`, ended by CRLF each, and their names. */
export type Rates = { readonly lines: string; readonly names: readonly string[] }

const OF_REQUESTS = [
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
]
const OF_TOKENS = ['x-ratelimit-limit-tokens', 'x-ratelimit-remaining-tokens', 'x-ratelimit-reset-tokens']
const OF_BOTH = [...OF_REQUESTS, ...OF_TOKENS]
export const NO_RATES: Rates = { lines: '', names: [] }

/** Of two limits the headers tell the one that will be reached first. */
export function ratesOf(limited: readonly { readonly account: LimitAccount }[], now: number): Rates {
  let requests: RateBucket | undefined
  let tokens: RateBucket | undefined
  for (const { account } of limited) {
    requests = nearer(requests, account.requests, now)
    tokens = nearer(tokens, account.tokens, now)
  }
  const ofRequests = requests ? linesOf(OF_REQUESTS, requests, now) : ''
  if (!tokens) return requests ? { lines: ofRequests, names: OF_REQUESTS } : NO_RATES
  return {
    lines: ofRequests + linesOf(OF_TOKENS, tokens, now),
    names: requests ? OF_BOTH : OF_TOKENS,
  }
}

function linesOf([limit, remaining, reset]: readonly string[], bucket: RateBucket, now: number): string {
  return `${limit}: ${bucket.perMinute}\r\n${remaining}: ${bucket.remaining(now)}\r\n${reset}: ${asDuration(bucket.msUntilFull(now))}\r\n`
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
