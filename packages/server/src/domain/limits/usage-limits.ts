/** What a token may use, or what may be asked of an endpoint; what is not named is not limited. */
export type UsageLimits = {
  readonly requestsPerMinute?: number
  /** Input and output together. */
  readonly tokensPerMinute?: number
  /** Being answered or held at the same time. */
  readonly concurrentRequests?: number
  /** The body of one request. */
  readonly bodyBytes?: number
}

/** The limits that a request can meet, as metrics and refusals name them. */
export type LimitKind = 'requests' | 'tokens' | 'concurrency' | 'body'
