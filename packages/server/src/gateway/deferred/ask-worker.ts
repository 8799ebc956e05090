/** Has the worker that keeps a deferred request answer for it: its answer is passed on as it is. */
import type { Exchange } from '../exchange.ts'
import { toControl } from '../headers.ts'
import type { GatewayLimits } from '../limits.ts'
import * as refusals from '../refusals.ts'
import { relay } from '../relay.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { doorOf } from '../workers/worker-door.ts'

type AskRooms = {
  readonly upstream: Upstream
  readonly limits: GatewayLimits
  /** Undefined where there is only one worker. */
  readonly directory: string | undefined
}

/** @throws PlatformError `not_found` when that worker is gone. */
export async function askWorker(
  exchange: Exchange,
  gatewayId: string,
  { upstream, limits, directory }: AskRooms,
): Promise<void> {
  if (directory === undefined) throw refusals.deferredIsLost()
  const { request } = exchange
  const asked = toControl(request, request.remoteAddress, exchange.id)
  const end = await relay(exchange, {
    upstream,
    to: { socketPath: doorOf(directory, gatewayId) },
    path: request.url,
    // A worker that leaves waits for its connections to end.
    fields: { ...asked, lines: `${asked.lines}connection: close\r\n` },
    fresh: true,
    answerLines: '',
    sandboxed: false,
    limits,
  })
  if (end.kind !== 'answered' && end.kind !== 'client-left') throw refusals.deferredIsLost()
}
