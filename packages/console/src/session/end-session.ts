/** Tells Berth that somebody signs out, so that a token which only this console has ends with its use. */
import { routeTable } from '../api/route-table.data.ts'

/** Nobody waits for it: where Berth is away, such a token ends by itself within a week. */
export function endSession(token: string): void {
  fetch(routeTable.signOut.path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    // The tab may close at once.
    keepalive: true,
  }).catch(() => {})
}
