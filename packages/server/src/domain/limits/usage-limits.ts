/** What a token may use, or what may be asked of an endpoint; what is not named is not limited. */
export type { UsageLimits } from '@berth/contract'

/** The limits that a request can meet, as metrics and refusals name them. */
export type LimitKind = 'requests' | 'tokens' | 'concurrency' | 'body'
