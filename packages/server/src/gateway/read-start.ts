/** Reads of a request's body what has to be known before the request is sent or placed. */
import { PlatformError } from '../domain/errors.ts'
import type { Deadlines } from './deadlines.ts'
import { ClientLeft, type Exchange } from './exchange.ts'
import type { GatewayLimits } from './limits.ts'
import * as refusals from './refusals.ts'
import { hasBody } from './request-body.ts'

export type ReadingRooms = { readonly deadlines: Deadlines; readonly limits: GatewayLimits }

/**
 * @returns undefined where it is here already, as nearly always.
 * @throws PlatformError `timeout` when it does not arrive, `overloaded` when there is no room to keep it.
 */
export function readStart(
  exchange: Exchange,
  rooms: ReadingRooms,
  limitBytes = rooms.limits.bodyStartBytes,
  enough?: () => boolean,
): Promise<void> | undefined {
  const { body } = exchange
  if (body.complete || !hasBody(exchange.request)) return undefined
  if (!body.readWhatIsHere()) return readMore(exchange, rooms, limitBytes, enough)
  if (body.overBudget) throw refusals.memoryIsFull(rooms.limits.retryAfterMs)
  return undefined
}

async function readMore(
  exchange: Exchange,
  { deadlines, limits }: ReadingRooms,
  limitBytes: number,
  enough: (() => boolean) | undefined,
): Promise<void> {
  const tooSlow = Promise.withResolvers<never>()
  // Not a timer of its own, which is dear to call off: nearly every body that does not come with its head comes soon.
  const deadline = deadlines.create(() => tooSlow.reject(bodyTooSlow(limits)))
  deadline.set(limits.bodyStartTimeoutMs)
  // Most requests have no time of their own, and nothing is made for them.
  const signal = exchange.timeLeftMs === undefined ? undefined : exchange.signal
  const outOfTime = () => tooSlow.reject(signal?.reason)
  if (signal?.aborted) outOfTime()
  signal?.addEventListener('abort', outOfTime)
  try {
    await Promise.race([exchange.body.readStart(limitBytes, enough), tooSlow.promise])
  } catch (error) {
    if (exchange.outOfTime) throw exchange.outOfTime
    if (error instanceof PlatformError) throw error
    throw new ClientLeft()
  } finally {
    deadline.lift()
    signal?.removeEventListener('abort', outOfTime)
  }
  if (exchange.body.overBudget) throw refusals.memoryIsFull(limits.retryAfterMs)
}

const bodyTooSlow = ({ bodyStartTimeoutMs }: GatewayLimits) =>
  new PlatformError('timeout', `The request's body did not arrive within ${bodyStartTimeoutMs / 1_000} s.`)
