/**
 * The password for a private image: taken out of what is asked before anything is written down.
 *
 * It is kept with the endpoint's secrets, under a name that no environment variable can have, so that no engine is
 * ever given it.
 */
import type { Image } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import { REGISTRY_PASSWORD } from '../domain/registry-login.ts'
import type { Secrets } from './endpoint-spec.ts'

/**
 * @param before what the endpoint has now: an empty password means that one, for the same user.
 * @returns the image without it, and what is to be written to the secrets.
 * @throws PlatformError `invalid` for a user without a password.
 */
export function withoutPassword(
  image: Image,
  before: Image | undefined,
): { readonly image: Image; readonly secrets: Secrets } {
  const credentials = image.custom?.credentials
  const earlier = before?.custom?.credentials
  if (!image.custom || !credentials) {
    return { image, secrets: earlier ? { [REGISTRY_PASSWORD]: null } : {} }
  }
  const { username, password } = credentials
  const stripped = { custom: { ...image.custom, credentials: { username, password: '' } } }
  if (password !== '') return { image: stripped, secrets: { [REGISTRY_PASSWORD]: password } }
  if (earlier?.username === username) return { image: stripped, secrets: {} }
  throw new PlatformError(
    'invalid',
    `model.image.custom.credentials.password is empty, and none is kept for "${username}": send it, or leave the credentials out.`,
    { field: 'model.image.custom.credentials.password' },
  )
}
