/** What a caller is told about its rates: in OpenAI's headers, which its client library may already read. Pure. */
import type { LimitAccount } from '../domain/limits/limit-account.ts'
import type { RateBucket } from '../domain/limits/rate-bucket.ts'

type Rate = { readonly limit: number; readonly remaining: number; readonly resetMs: number }

const OF_REQUESTS = [
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
]
const OF_TOKENS = ['x-ratelimit-limit-tokens', 'x-ratelimit-remaining-tokens', 'x-ratelimit-reset-tokens']
const OF_BOTH = [...OF_REQUESTS, ...OF_TOKENS]
const OF_NONE: readonly string[] = []

/** How far they were used up when a request came: numbers until the answer begins, since many wait for theirs. */
export class Rates {
  readonly #requests: Rate | undefined
  readonly #tokens: Rate | undefined

  constructor(requests: Rate | undefined, tokens: Rate | undefined) {
    this.#requests = requests
    this.#tokens = tokens
  }

  /** Fields of an answer: `name: value`, ended by CRLF each. */
  get lines(): string {
    return (
      (this.#requests ? linesOfRequests(this.#requests) : '') +
      (this.#tokens ? linesOfTokens(this.#tokens) : '')
    )
  }

  /** Their names, in lower case. */
  get names(): readonly string[] {
    if (this.#requests) return this.#tokens ? OF_BOTH : OF_REQUESTS
    return this.#tokens ? OF_TOKENS : OF_NONE
  }
}

export const NO_RATES = new Rates(undefined, undefined)

const linesOfRequests = ({ limit, remaining, resetMs }: Rate) =>
  `x-ratelimit-limit-requests: ${limit}\r\nx-ratelimit-remaining-requests: ${remaining}\r\nx-ratelimit-reset-requests: ${asDuration(resetMs)}\r\n`

const linesOfTokens = ({ limit, remaining, resetMs }: Rate) =>
  `x-ratelimit-limit-tokens: ${limit}\r\nx-ratelimit-remaining-tokens: ${remaining}\r\nx-ratelimit-reset-tokens: ${asDuration(resetMs)}\r\n`

/** Of two limits the headers tell the one that will be reached first. */
export function ratesOf(limited: readonly { readonly account: LimitAccount }[], now: number): Rates {
  let requests: RateBucket | undefined
  let tokens: RateBucket | undefined
  for (const { account } of limited) {
    requests = nearer(requests, account.requests, now)
    tokens = nearer(tokens, account.tokens, now)
  }
  return requests || tokens ? new Rates(rateOf(requests, now), rateOf(tokens, now)) : NO_RATES
}

function rateOf(bucket: RateBucket | undefined, now: number): Rate | undefined {
  if (!bucket) return undefined
  return { limit: bucket.perMinute, remaining: bucket.remaining(now), resetMs: bucket.msUntilFull(now) }
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
