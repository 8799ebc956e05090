/** Exchanges the code of a sign-in link for a token. */
import { routeTable } from '../api/route-table.data.ts'

export async function exchangeCode(
  code: string,
): Promise<{ readonly token: string } | { readonly refusal: string }> {
  try {
    const response = await fetch(routeTable.signIn.path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code }),
    })
    const body: { readonly token?: unknown; readonly error?: unknown } = await response.json()
    if (typeof body.token === 'string') return { token: body.token }
    return { refusal: typeof body.error === 'string' ? body.error : `Berth answered ${response.status}.` }
  } catch {
    return { refusal: 'Berth cannot be reached. Is it running?' }
  }
}
