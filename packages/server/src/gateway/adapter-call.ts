/**
 * Requests for an adapter of an endpoint: found by the name in `model`, and changed for the replica that gets them, so
 * that its engine is asked for the very adapter that it was started with.
 *
 * Only endpoints with adapters pay for it.
 */
import { adapterIn } from '../domain/adapter.ts'
import { PlatformError } from '../domain/errors.ts'
import type { RoutedEndpoint, RoutedReplica } from '../link/messages.ts'
import { BodyScan } from './body-scan.ts'
import type { Exchange } from './exchange.ts'
import { type ReadingRooms, readStart } from './read-start.ts'
import * as refusals from './refusals.ts'

export type AdapterCall = {
  readonly name: string
  /** @returns undefined where the replica was started without it. */
  at(replica: RoutedReplica): AdaptedRequest | undefined
}

export type AdaptedRequest = { readonly hash: string; readonly body: Buffer }

type Asked = { readonly exchange: Exchange; readonly endpoint: RoutedEndpoint; readonly path: string }

/**
 * @returns undefined for everything that is for the model itself.
 * @throws PlatformError `not_found` for an adapter that the endpoint does not have, `too_large` for a body that cannot
 *   be changed.
 */
export async function adapterCallIn(
  { exchange, endpoint, path }: Asked,
  rooms: ReadingRooms,
): Promise<AdapterCall | undefined> {
  await nameAdapter({ exchange, endpoint, path }, rooms)
  const { adapters } = endpoint
  const name = exchange.adapter
  if (name === undefined) return undefined
  if (!adapters?.includes(name)) throw refusals.adapterUnknown(endpoint, name)
  const asked = await wholeBody(exchange, rooms)
  return {
    name,
    at: ({ adapters: there }) => {
      const adapter = there && Object.hasOwn(there, name) ? there[name] : undefined
      return (
        adapter && { hash: adapter.hash, body: Buffer.from(JSON.stringify({ ...asked, ...adapter.members })) }
      )
    },
  }
}

/** Finds which adapter a request is for, unless that is known. */
export async function nameAdapter(
  { exchange, endpoint: { adapters }, path }: Asked,
  rooms: ReadingRooms,
): Promise<void> {
  if (adapters) exchange.adapter ??= await nameIn(exchange, path, adapters, rooms)
}

/** At an endpoint's own address its adapters are also called by their names alone. */
async function nameIn(
  exchange: Exchange,
  path: string,
  adapters: readonly string[],
  rooms: ReadingRooms,
): Promise<string | undefined> {
  if (exchange.request.method !== 'POST' || !path.startsWith('/v1/')) return undefined
  const { body } = exchange
  const scan = new BodyScan()
  let scanned = 0
  const found = () => {
    for (; scanned < body.kept.length; scanned++) scan.feed(body.kept[scanned]!)
    return scan.model !== undefined || scan.done
  }
  await readStart(exchange, rooms, rooms.limits.modelScanBytes, found)
  found()
  if (scan.model === undefined) return undefined
  return adapters.includes(scan.model) ? scan.model : adapterIn(scan.model).adapter
}

async function wholeBody(
  exchange: Exchange,
  rooms: ReadingRooms,
): Promise<Readonly<Record<string, unknown>>> {
  const { body } = exchange
  const { taskBodyBytes } = rooms.limits
  await readStart(exchange, rooms, taskBodyBytes)
  if (body.isTooLarge) throw refusals.bodyTooLarge(body.limitBytes)
  if (!body.complete || !body.replayable) throw refusals.adapterBodyTooLarge(taskBodyBytes)
  try {
    return JSON.parse(Buffer.concat(body.kept).toString('utf8'))
  } catch (cause) {
    throw new PlatformError('invalid', 'The body of a request for an adapter must be JSON, and is not.', {
      cause,
    })
  }
}
