/** Who pulls a private image. */
import type { Image } from '@berth/contract'

export type RegistryLogin = { readonly username: string; readonly password: string }

/** The secret with the password: no environment variable can have this name, so no engine is given it. */
export const REGISTRY_PASSWORD = 'registry:password'

export function registryLogin(
  image: Image,
  secrets: Readonly<Record<string, string>>,
): RegistryLogin | undefined {
  const username = image.custom?.credentials?.username
  const password = secrets[REGISTRY_PASSWORD]
  return username !== undefined && password !== undefined ? { username, password } : undefined
}
