/**
 * The typed client of this page: it carries the session's token, and it notices two things for everybody, a token that
 * holds no longer and a Berth that cannot be reached. From every answer it learns what time it is there.
 */
import { ApiError, clientOver } from '@berth/contract/client-over'
import { currentSession, signOut } from '../session/session.ts'
import { learnClock } from '../text/clock.ts'
import { reachable, unreachable } from './connection.ts'
import { routeTable } from './route-table.data.ts'

export { ApiError } from '@berth/contract/client-over'

export const client = clientOver(routeTable, { baseUrl: location.origin, fetch: send })

/** `fetch` with the session's token, for what the table does not list: the endpoints' own routes. */
export async function send(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const session = currentSession()
  const token = session.kind === 'signedIn' ? session.token : undefined
  const headers = new Headers(init.headers)
  if (token) headers.set('authorization', `Bearer ${token}`)

  const response = await reach(input, { ...init, headers })
  if (response.status === 401 && token) await leaveIfRefused(token)
  return response
}

async function reach(input: RequestInfo | URL, init: RequestInit): Promise<Response> {
  const askedAt = Date.now()
  let response: Response
  try {
    response = await fetch(input, init)
  } catch (cause) {
    if (init.signal?.aborted) throw cause
    unreachable()
    throw new Unreachable('Berth cannot be reached. This page tries again by itself.', { cause })
  }
  learnClock(response.headers.get('date'), askedAt, Date.now())
  if (await saysControlIsAway(response)) unreachable()
  else reachable()
  return response
}

export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

/** The gateway stands without the control process and answers for it. Any other refusal is Berth's own, and says why. */
async function saysControlIsAway(response: Response): Promise<boolean> {
  if (response.status !== 503) return false
  const body: { readonly reason?: unknown } = await response
    .clone()
    .json()
    .catch(() => ({}))
  return body.reason === 'control_down' || body.reason === 'control_broke_off'
}

/** A 401 may come from a replica; only Berth's own word ends the session. */
async function leaveIfRefused(token: string): Promise<void> {
  const response = await fetch('/hub/api/whoami-v2', { headers: { authorization: `Bearer ${token}` } })
  const session = currentSession()
  if (response.status !== 401 || session.kind !== 'signedIn' || session.token !== token) return
  signOut('You were signed out: this token has been revoked or has expired.')
}

/** What the server says about one field, by the field's dotted path. */
export function fieldError(error: unknown, field: string): string | undefined {
  if (!(error instanceof ApiError) || error.body.field === undefined) return undefined
  return error.body.field === field || error.body.field.startsWith(`${field}.`) ? error.message : undefined
}
