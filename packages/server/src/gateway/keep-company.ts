/**
 * Says something to a client that waits for a stream, so that neither it nor anything between gives up: an event
 * stream begins, and comments in it tell how far the start has come.
 */
import { timeLeft, timeLeftInWords } from '../domain/start-times.ts'
import type { RoutedEndpoint } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import type { Exchange } from './exchange.ts'
import type { GatewayLimits } from './limits.ts'

export async function keepCompany(
  exchange: Exchange,
  endpoint: () => RoutedEndpoint,
  waitIsOver: AbortSignal,
  { clock, limits }: { readonly clock: Clock; readonly limits: GatewayLimits },
): Promise<void> {
  try {
    await clock.sleep(limits.firstCommentMs, waitIsOver)
    waitIsOver.throwIfAborted()
    exchange.beginStream(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-request-id': exchange.id,
    })
    while (!waitIsOver.aborted) {
      exchange.say(`: waiting for ${comment(endpoint(), clock.now())}\n\n`)
      await clock.sleep(limits.commentEveryMs, waitIsOver)
    }
  } catch (error) {
    if (!waitIsOver.aborted) throw error
  }
}

function comment({ namespace, name, message, start }: RoutedEndpoint, now: number): string {
  const left = timeLeft(start, now)
  const expected = left ? ` Expected to be ${timeLeftInWords(left)}.` : ''
  return `${namespace}/${name}: ${message}${expected}`.replaceAll(/[\r\n]+/g, ' ')
}
