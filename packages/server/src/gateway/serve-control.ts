/** Everything that is not for an endpoint goes to the control process, on its Unix socket. */
import { PlatformError } from '../domain/errors.ts'
import type { Exchange } from './exchange.ts'
import { toControl } from './headers.ts'
import type { GatewayLimits } from './limits.ts'
import { relay } from './relay.ts'
import type { Upstream } from './upstream/upstream.ts'

type ControlRooms = {
  readonly upstream: Upstream
  readonly limits: GatewayLimits
  readonly controlSocket: string
}

/** @throws PlatformError `unavailable` while it is down. */
export async function serveControl(
  exchange: Exchange,
  { upstream, limits, controlSocket }: ControlRooms,
): Promise<void> {
  const { request } = exchange
  const end = await relay(exchange, {
    upstream,
    to: { socketPath: controlSocket },
    path: request.url,
    fields: toControl(request, request.remoteAddress, exchange.id),
    // Changes are not to be sent twice, so no connection is used that may be about to close.
    fresh: true,
    answerLines: '',
    sandboxed: false,
    limits,
  })
  switch (end.kind) {
    case 'answered':
    case 'client-left':
      return
    case 'unreachable':
      throw new PlatformError(
        'unavailable',
        'The control process does not run at the moment. Endpoints keep answering; to change them or to use the console, start it with "berth serve".',
        { reason: 'control_down', retryAfterMs: limits.retryAfterMs },
      )
    case 'broke':
    case 'broke-off':
      throw new PlatformError(
        'bad_gateway',
        `The control process broke off before it answered: ${end.reason}. What was asked for may have been done.`,
        { reason: 'control_broke_off', retryAfterMs: limits.retryAfterMs },
      )
    case 'declined':
    case 'too-large':
    case 'given-up':
    case 'unfit':
    case 'out-of-time':
      throw new Error(`a request to the control process ended as ${end.kind}`)
    case 'silent':
      throw new PlatformError('timeout', 'The control process did not answer in time.')
    default:
      end satisfies never
  }
}
