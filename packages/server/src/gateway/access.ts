/** Who asks, and whether they may call an endpoint. Tokens are compared by hash and never kept. */
import { hash } from 'node:crypto'
import { PlatformError } from '../domain/errors.ts'
import type { RoutedEndpoint, TokenGrant } from '../link/messages.ts'
import type { HeaderFields } from './http1/field-lines.ts'

/** What came with the request: no token, one we know, or one we do not (any more). */
export type Caller =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'known'; readonly grant: TokenGrant }
  | { readonly kind: 'rejected'; readonly reason: string }

export function callerOf(
  headers: HeaderFields,
  grantOf: (hash: string) => TokenGrant | undefined,
  now: number,
): Caller {
  const token = tokenIn(headers)
  if (token === undefined) return { kind: 'anonymous' }
  if (token === '') {
    return { kind: 'rejected', reason: 'The Authorization header must be "Bearer" and a token.' }
  }
  const grant = grantOf(hash('sha256', token, 'hex'))
  if (!grant) return { kind: 'rejected', reason: 'This token is unknown or was revoked.' }
  if (grant.expiresAt !== null && grant.expiresAt <= now) {
    return {
      kind: 'rejected',
      reason: `This token expired at ${new Date(grant.expiresAt).toISOString()}. Make a new one.`,
    }
  }
  return { kind: 'known', grant }
}

const BEARER = /^bearer +[^ ]+ *$/i

/** Empty for a header that holds no bearer token. Anthropic's clients say `x-api-key` instead. */
function tokenIn({ authorization, 'x-api-key': apiKey }: HeaderFields): string | undefined {
  if (authorization === undefined) return apiKey
  return BEARER.test(authorization) ? authorization.slice('bearer '.length).replaceAll(' ', '') : ''
}

/** @throws PlatformError `unauthenticated` or `forbidden` unless `caller` may call `endpoint`. */
export function requireAccess(endpoint: RoutedEndpoint, caller: Caller): void {
  if (mayCall(endpoint, caller)) return
  switch (caller.kind) {
    case 'anonymous':
      throw new PlatformError(
        'unauthenticated',
        `Endpoint "${endpoint.namespace}/${endpoint.name}" is ${endpoint.access}: send a token in the Authorization header.`,
      )
    case 'rejected':
      throw new PlatformError('unauthenticated', caller.reason)
    case 'known':
      throw new PlatformError(
        'forbidden',
        `Endpoint "${endpoint.namespace}/${endpoint.name}" is private, and ${caller.grant.user} does not belong to namespace "${endpoint.namespace}".`,
      )
    default:
      caller satisfies never
  }
}

export function mayCall(endpoint: RoutedEndpoint, caller: Caller): boolean {
  switch (endpoint.access) {
    case 'public':
      return true
    case 'authenticated':
      return caller.kind === 'known'
    case 'private':
      return caller.kind === 'known' && caller.grant.namespaces.includes(endpoint.namespace)
    default:
      return endpoint.access satisfies never
  }
}

/** Whose share a request is taken from where requests wait; callers without a token share one. */
export const holderOf = (caller: Caller) => (caller.kind === 'known' ? caller.grant.tokenId : '')
