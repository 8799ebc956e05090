/** Who may make a call: the token, the namespace in the path, the role. Decides nothing about the call itself. */
import type { Access } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import type { ApiServices, Caller } from './services.ts'

const MAX_TOKEN_LENGTH = 512

/** @throws PlatformError `unauthenticated` without a valid token. */
export async function authenticated(
  services: Pick<ApiServices, 'authenticate'>,
  authorization: string | undefined,
): Promise<Caller> {
  if (authorization === undefined) {
    throw new PlatformError(
      'unauthenticated',
      'This call needs an access token: send it as "Authorization: Bearer <token>".',
    )
  }
  const token = /^bearer +(\S+) *$/i.exec(authorization)?.[1]
  const caller =
    token === undefined || token.length > MAX_TOKEN_LENGTH ? undefined : await services.authenticate(token)
  if (caller) return caller
  throw new PlatformError(
    'unauthenticated',
    'The access token is not valid here: it is unknown, revoked or expired. Create one with "berth token create".',
    { reason: 'invalid_token' },
  )
}

/**
 * A namespace that does not exist and one that is somebody else's are different answers.
 * @throws PlatformError `not_found` or `forbidden`.
 */
export async function admitToNamespace(
  services: Pick<ApiServices, 'namespaceExists'>,
  caller: Caller,
  namespace: string,
): Promise<void> {
  if (caller.namespaces.includes(namespace)) return
  if (!(await services.namespaceExists(namespace))) {
    throw new PlatformError(
      'not_found',
      `There is no namespace "${namespace}". Yours: ${caller.namespaces.join(', ')}.`,
    )
  }
  throw new PlatformError(
    'forbidden',
    `You are not a member of the namespace "${namespace}". Yours: ${caller.namespaces.join(', ')}.`,
    { reason: 'not_a_member' },
  )
}

/** @throws PlatformError `forbidden` when the token may only look. */
export function admitToRole(caller: Caller, access: Access): void {
  if (access !== 'write' || caller.role === 'write') return
  throw new PlatformError(
    'forbidden',
    `The token "${caller.tokenName}" has the role read, and this call changes something: use a token with the role write.`,
    { reason: 'role' },
  )
}
