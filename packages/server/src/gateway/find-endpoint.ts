/** Which endpoint a request means, whether its caller may call it, and what a page may read of the answer. */
import { adapterIn } from '../domain/adapter.ts'
import { PlatformError } from '../domain/errors.ts'
import type { RoutedEndpoint } from '../link/messages.ts'
import { type Caller, mayCall, requireAccess } from './access.ts'
import { BodyScan, modelInForm } from './body-scan.ts'
import { allowsOrigin, corsHeaders } from './cors.ts'
import type { Exchange } from './exchange.ts'
import { type ReadingRooms, readStart } from './read-start.ts'
import * as refusals from './refusals.ts'
import type { AddressTarget } from './request-target.ts'
import { keyOf, type Lookup, type RoutingTable } from './routing-table.ts'

const NAMES_IN_A_HINT = 10

/** @throws PlatformError when there is none, when it is not said which, and when `caller` may not call it. */
export function endpointAt(
  target: AddressTarget,
  exchange: Exchange,
  table: RoutingTable,
  caller: Caller,
): RoutedEndpoint {
  const endpoint =
    target.kind === 'endpoint'
      ? endpointNamed(table, target.namespace, target.name, caller)
      : single(table.byHostLabel(target.label), target.label, table, caller)
  return called(endpoint, exchange, caller)
}

/** The one that `model` names. @throws PlatformError as `endpointAt`, and where the body names none. */
export async function endpointInBody(
  exchange: Exchange,
  table: RoutingTable,
  caller: Caller,
  rooms: ReadingRooms,
): Promise<RoutedEndpoint> {
  let endpoint: RoutedEndpoint
  try {
    // Nobody gets megabytes read for a token that is worth nothing.
    if (caller.kind === 'rejected') throw new PlatformError('unauthenticated', caller.reason)
    endpoint = endpointOfAdapter(exchange, table, await modelOf(exchange, rooms), caller)
  } catch (error) {
    exchange.sayAlso(sharedCorsHeaders(table, exchange.request.headers['origin']))
    throw error
  }
  return called(endpoint, exchange, caller)
}

/** What a page may read is said of a refusal too. */
function called(endpoint: RoutedEndpoint, exchange: Exchange, caller: Caller): RoutedEndpoint {
  const { origins } = endpoint
  if (origins) exchange.sayAlso(corsHeaders(origins, exchange.request.headers['origin']))
  requireAccess(endpoint, caller)
  return endpoint
}

/** Of what several endpoints share, the list of models and their common address, a page may read if one allows it. */
export function sharedCorsHeaders(
  table: RoutingTable,
  origin: string | undefined,
): Readonly<Record<string, string>> {
  if (origin === undefined) return {}
  return table.endpoints.some(({ origins }) => allowsOrigin(origins, origin))
    ? corsHeaders([origin], origin)
    : {}
}

function endpointNamed(table: RoutingTable, namespace: string, name: string, caller: Caller): RoutedEndpoint {
  const endpoint = table.named(namespace, name)
  if (!endpoint) throw refusals.isUnknown(`${namespace}/${name}`, nearby(table, name, caller, namespace))
  return endpoint
}

/** Whether it has that adapter is only said to those who may call it. */
function endpointOfAdapter(
  exchange: Exchange,
  table: RoutingTable,
  name: string,
  caller: Caller,
): RoutedEndpoint {
  const { model, adapter } = adapterIn(name)
  exchange.adapter = adapter
  return endpointOfModel(table, model, caller)
}

/** By `namespace/name`, or by a name that is the caller's only one. */
function endpointOfModel(table: RoutingTable, model: string, caller: Caller): RoutedEndpoint {
  const slash = model.indexOf('/')
  if (slash !== -1) return endpointNamed(table, model.slice(0, slash), model.slice(slash + 1), caller)
  const isOwn = ({ namespace }: RoutedEndpoint) =>
    caller.kind === 'known' && caller.grant.namespaces.includes(namespace)
  const own = table.byBareName(model, isOwn)
  const found = own.kind === 'unknown' ? table.byBareName(model, (it) => mayCall(it, caller)) : own
  return single(found, model, table, caller)
}

function single(found: Lookup, wanted: string, table: RoutingTable, caller: Caller): RoutedEndpoint {
  switch (found.kind) {
    case 'found':
      return found.endpoint
    case 'ambiguous':
      throw new PlatformError(
        'invalid',
        `"${wanted}" could be ${found.keys.filter((key) => isVisible(table, key, caller)).join(' or ')}: say which.`,
        { reason: 'ambiguous_endpoint' },
      )
    case 'unknown':
      // Anybody may guess names; only who is known learns which exist.
      if (caller.kind === 'rejected') throw new PlatformError('unauthenticated', caller.reason)
      throw refusals.isUnknown(wanted, nearby(table, wanted, caller, undefined))
    default:
      return found satisfies never
  }
}

function isVisible(table: RoutingTable, key: string, caller: Caller): boolean {
  const [namespace = '', name = ''] = key.split('/')
  const endpoint = table.named(namespace, name)
  return endpoint !== undefined && mayCall(endpoint, caller)
}

/** What the caller may call: the same name elsewhere, then the same namespace, then the rest. */
function nearby(table: RoutingTable, name: string, caller: Caller, namespace: string | undefined): string[] {
  if (caller.kind !== 'known') return []
  const rank = (endpoint: RoutedEndpoint) =>
    endpoint.name === name ? 0 : endpoint.namespace === namespace ? 1 : 2
  return table.endpoints
    .filter((endpoint) => mayCall(endpoint, caller))
    .toSorted((a, b) => rank(a) - rank(b) || keyOf(a).localeCompare(keyOf(b)))
    .slice(0, NAMES_IN_A_HINT)
    .map(keyOf)
}

/** Reads as much of the body as it takes to find `model`. */
async function modelOf(exchange: Exchange, rooms: ReadingRooms): Promise<string> {
  const { body, request } = exchange
  const contentType = request.headers['content-type'] ?? ''
  const isForm = contentType.startsWith('multipart/form-data')
  const limitBytes = isForm ? rooms.limits.bodyStartBytes : rooms.limits.modelScanBytes
  const scan = new BodyScan()
  let scanned = 0
  const found = () => {
    if (isForm) return false
    for (; scanned < body.kept.length; scanned++) scan.feed(body.kept[scanned]!)
    return scan.model !== undefined || scan.done
  }
  await readStart(exchange, rooms, limitBytes, found)
  found()
  const model = isForm ? modelInForm(Buffer.concat(body.kept), contentType) : scan.model
  if (model !== undefined && model !== '') return model
  throw new PlatformError(
    'invalid',
    `The body names no model${body.complete ? '' : ` in its first ${limitBytes} bytes`}: set "model" to "namespace/name" of an endpoint, or call it at /e/{namespace}/{name}/.`,
    { field: 'model' },
  )
}

/** The endpoints that the caller may call, as OpenAI lists models. */
export function modelList(table: RoutingTable, caller: Caller, id: string | undefined): unknown {
  if (caller.kind === 'rejected') throw new PlatformError('unauthenticated', caller.reason)
  if (id !== undefined) {
    const { model, adapter } = adapterIn(decodedName(id))
    const endpoint = endpointOfModel(table, model, caller)
    requireAccess(endpoint, caller)
    if (adapter === undefined) return asModel(endpoint)
    if (!endpoint.adapters?.includes(adapter)) throw refusals.adapterUnknown(endpoint, adapter)
    return asAdapter(endpoint, adapter)
  }
  const mine = table.endpoints.filter((endpoint) => mayCall(endpoint, caller))
  return {
    object: 'list',
    data: mine.toSorted((a, b) => keyOf(a).localeCompare(keyOf(b))).flatMap(withAdapters),
  }
}

/** Clients escape the slash of a name when they put it into a path. */
const decodedName = (id: string) => id.replaceAll(/%2f/gi, '/')

const withAdapters = (endpoint: RoutedEndpoint) => [
  asModel(endpoint),
  ...(endpoint.adapters ?? []).map((adapter) => asAdapter(endpoint, adapter)),
]

const asAdapter = (endpoint: RoutedEndpoint, adapter: string) => ({
  ...asModel(endpoint),
  id: `${keyOf(endpoint)}:${adapter}`,
  parent: keyOf(endpoint),
})

const asModel = (endpoint: RoutedEndpoint) => ({
  id: keyOf(endpoint),
  object: 'model',
  created: 0,
  owned_by: endpoint.namespace,
  state: endpoint.state,
})
