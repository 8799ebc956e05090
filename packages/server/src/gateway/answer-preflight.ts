/** Answers a browser that asks what a page may send: always here, since it comes without a token. */
import { PlatformError } from '../domain/errors.ts'
import { allowsOrigin, type Preflight, preflightAnswer } from './cors.ts'
import type { Exchange } from './exchange.ts'
import * as refusals from './refusals.ts'
import type { RequestTarget } from './request-target.ts'
import type { Lookup, RoutingTable } from './routing-table.ts'

/**
 * @returns false when the question is for nobody here: what is asked for is no endpoint's.
 * @throws PlatformError when there is no such endpoint, or when it does not let the page.
 */
export function answerPreflight(
  exchange: Exchange,
  preflight: Preflight,
  target: RequestTarget,
  table: RoutingTable,
): boolean {
  const asked = originsOf(target, preflight, table)
  if (!asked) return false
  const headers = preflightAnswer(asked.origins, preflight)
  if (!headers) {
    throw new PlatformError(
      'forbidden',
      `Pages of ${preflight.origin.slice(0, 300)} may not send ${preflight.method.slice(0, 20)} to ${asked.what} from a browser. Its "cors" says which may.`,
      { reason: 'cors' },
    )
  }
  exchange.sendEmpty(204, headers)
  return true
}

type Asked = { readonly origins: readonly string[] | undefined; readonly what: string }

function originsOf(target: RequestTarget, { origin }: Preflight, table: RoutingTable): Asked | undefined {
  switch (target.kind) {
    case 'endpoint':
      return ofEndpoint(oneOrNone(table, target.namespace, target.name), `${target.namespace}/${target.name}`)
    case 'host':
      return ofEndpoint(table.byHostLabel(target.label), target.label)
    case 'model':
    case 'models': {
      // Which endpoint is meant stands in a body that comes later; that one's own answer decides what can be read.
      const allowing = table.endpoints.find(({ origins }) => allowsOrigin(origins, origin))
      return { origins: allowing?.origins, what: 'any endpoint' }
    }
    default:
      return undefined
  }
}

function oneOrNone(table: RoutingTable, namespace: string, name: string): Lookup {
  const endpoint = table.named(namespace, name)
  return endpoint ? { kind: 'found', endpoint } : { kind: 'unknown' }
}

function ofEndpoint(found: Lookup, wanted: string): Asked {
  if (found.kind !== 'found') throw refusals.isUnknown(wanted, [])
  const { origins, namespace, name } = found.endpoint
  return { origins, what: `endpoint "${namespace}/${name}"` }
}
