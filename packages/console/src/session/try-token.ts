/** Asks Berth whether a token holds, before anything is kept. */
import { routeTable } from '../api/route-table.data.ts'

/** @returns why it cannot be used, or undefined when it can. */
export async function tryToken(token: string): Promise<string | undefined> {
  if (token === '') return 'Paste an access token.'
  // What no header can carry is no token, and `fetch` would speak of headers.
  if (!/^[\x21-\x7e]+$/.test(token))
    return 'This is not an access token: it contains spaces or unusual characters.'
  try {
    const response = await fetch(routeTable.whoami.path, { headers: { authorization: `Bearer ${token}` } })
    if (response.ok) return undefined
    if (response.status === 401)
      return 'Berth does not know this token. It may have been revoked or have expired.'
    const body: { readonly error?: unknown } = await response.json()
    return typeof body.error === 'string' ? body.error : `Berth answered ${response.status}.`
  } catch {
    return 'Berth cannot be reached. Is it running?'
  }
}
