/**
 * What one holder of limits has used: a token, or an endpoint.
 *
 * A request is asked about first (`refusal`), then enters, and leaves with the tokens it used. Asking changes
 * nothing, so a request that needs the consent of two accounts enters both or neither. Tokens are charged when they
 * are known: the request that crosses the limit is answered, and those after it wait until the debt is paid.
 */
import { RateBucket } from './rate-bucket.ts'
import type { LimitKind, UsageLimits } from './usage-limits.ts'

export type LimitRefusal = {
  readonly kind: Exclude<LimitKind, 'body'>
  readonly limit: number
  /** When it is worth another try; unknown for concurrency, never for a limit of zero. */
  readonly retryAfterMs: number | undefined
}

export class LimitAccount {
  #limits: UsageLimits
  #requests: RateBucket | undefined
  #tokens: RateBucket | undefined
  #inside = 0
  #insideElsewhere = 0

  constructor(limits: UsageLimits, now: number) {
    this.#limits = limits
    this.#requests = bucketAs(limits.requestsPerMinute, undefined, now)
    this.#tokens = bucketAs(limits.tokensPerMinute, undefined, now)
  }

  get inside(): number {
    return this.#inside
  }

  get limits(): UsageLimits {
    return this.#limits
  }

  changeTo(limits: UsageLimits, now: number): void {
    if (limits === this.#limits) return
    this.#limits = limits
    this.#requests = bucketAs(limits.requestsPerMinute, this.#requests, now)
    this.#tokens = bucketAs(limits.tokensPerMinute, this.#tokens, now)
  }

  /** How many more may be inside, as far as is known. */
  get freePlaces(): number {
    const { concurrentRequests = Number.POSITIVE_INFINITY } = this.#limits
    return concurrentRequests - this.#inside - this.#insideElsewhere
  }

  /** Takes a place for a request that is about to enter. */
  reserve(): void {
    this.#inside++
  }

  giveBack(): void {
    this.#inside--
  }

  /**
   * Why one more request may not enter now; undefined if it may.
   * @param place of whoever keeps count for several gateways, where somebody else does.
   */
  refusal(now: number, place?: 'taken' | 'none'): LimitRefusal | undefined {
    const { concurrentRequests } = this.#limits
    const isFull = place === undefined ? this.freePlaces <= 0 : place === 'none'
    if (concurrentRequests !== undefined && isFull) {
      return { kind: 'concurrency', limit: concurrentRequests, retryAfterMs: undefined }
    }
    return rateRefusal('requests', this.#requests, now) ?? rateRefusal('tokens', this.#tokens, now)
  }

  /** @param place that it has taken already. */
  enter(now: number, place?: 'taken' | 'none'): void {
    if (place !== 'taken') this.#inside++
    this.#requests?.take(1, now)
  }

  leave(tokens: number, now: number): void {
    this.#inside--
    if (tokens > 0) this.#tokens?.take(tokens, now)
  }

  /** Other gateways let in and charged so much since they last said so, and have so many inside. */
  chargedElsewhere(requests: number, tokens: number, insideElsewhere: number, now: number): void {
    if (requests > 0) this.#requests?.take(requests, now)
    if (tokens > 0) this.#tokens?.take(tokens, now)
    this.#insideElsewhere = insideElsewhere
  }

  /** What is left of the rate; undefined where it is not limited. */
  get requests(): RateBucket | undefined {
    return this.#requests
  }

  /** As `requests`. */
  get tokens(): RateBucket | undefined {
    return this.#tokens
  }

  /** Nobody is inside and nothing is used up, so a new account would say the same. */
  isFresh(now: number): boolean {
    const isFull = (bucket: RateBucket | undefined) => bucket === undefined || bucket.msUntilFull(now) === 0
    return this.#inside === 0 && this.#insideElsewhere === 0 && isFull(this.#requests) && isFull(this.#tokens)
  }
}

function bucketAs(perMinute: number | undefined, before: RateBucket | undefined, now: number) {
  if (perMinute === undefined) return undefined
  if (!before) return new RateBucket(perMinute, now)
  before.changeTo(perMinute, now)
  return before
}

function rateRefusal(
  kind: 'requests' | 'tokens',
  bucket: RateBucket | undefined,
  now: number,
): LimitRefusal | undefined {
  if (!bucket || bucket.remaining(now) >= 1) return undefined
  const waitMs = bucket.msUntilOne(now)
  return { kind, limit: bucket.perMinute, retryAfterMs: Number.isFinite(waitMs) ? waitMs : undefined }
}
