/**
 * One line of JSON for each request, for those who ask for it: who asked for what, and how it went. Never a body, a
 * token, a header or what stands behind the question mark.
 */
import type { Exchange } from './exchange.ts'

const PATH_CHARACTERS = 500

export function accessLine(
  { id, request, noted }: Pick<Exchange, 'id' | 'request' | 'noted'>,
  status: number,
  arrivedAt: number,
  durationMs: number,
): string {
  const query = request.url.indexOf('?')
  const path = query === -1 ? request.url : request.url.slice(0, query)
  return JSON.stringify({
    time: new Date(arrivedAt).toISOString(),
    requestId: id,
    client: request.remoteAddress,
    method: request.method,
    path: path.slice(0, PATH_CHARACTERS),
    status,
    durationMs,
    ...noted,
  })
}
