/** How sending a request on came to its end, and what its caller is told of ends that are nobody else's matter. */
import type { PlatformError } from '../domain/errors.ts'
import { ClientLeft, type Exchange } from './exchange.ts'
import * as refusals from './refusals.ts'

export type RelayEnd =
  | { readonly kind: 'answered' }
  | { readonly kind: 'client-left' }
  /** The request's own time was over. */
  | { readonly kind: 'out-of-time' }
  /** No connection came about: nothing was sent. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** The connection broke before the answer began; a reused one may just have been closed as idle. */
  | { readonly kind: 'broke'; readonly reason: string; readonly reused: boolean }
  /** The answer began and did not end. The client has been told as far as possible. */
  | { readonly kind: 'broke-off'; readonly reason: string }
  | { readonly kind: 'silent' }
  /** The replica was given up before the answer began. */
  | { readonly kind: 'given-up' }
  /** It was answered, and a better answer may be had. */
  | { readonly kind: 'declined'; readonly status: number }
  /** It answered, and what it said is not to be given. */
  | { readonly kind: 'unfit'; readonly why: PlatformError }
  /** The request's body is larger than it may be. */
  | { readonly kind: 'too-large' }

/** Ends for which nobody who was asked is to blame, and which another would not change. */
type FinalEnd = Extract<RelayEnd, { kind: 'out-of-time' | 'too-large' | 'unfit' }>

export function errorOf(end: FinalEnd, exchange: Exchange): Error {
  switch (end.kind) {
    case 'out-of-time':
      return exchange.outOfTime ?? new ClientLeft()
    case 'too-large':
      return refusals.bodyTooLarge(exchange.body.limitBytes)
    case 'unfit':
      return end.why
    default:
      return end satisfies never
  }
}
