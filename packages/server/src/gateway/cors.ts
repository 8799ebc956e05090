/**
 * Which pages of other origins may call an endpoint from a browser. Pure.
 *
 * A page acts with nothing but what it was given: it sends its token itself, and the browser's own credentials are
 * never allowed to come along, so an endpoint cannot be called in the name of somebody who only visits the page.
 */
import type { HeaderFields } from './http1/field-lines.ts'

type Allowed = readonly string[] | undefined
type Headers = Readonly<Record<string, string>>

export type Preflight = {
  readonly origin: string
  readonly method: string
  readonly headers: HeaderFields
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
const HEADER_NAMES = /^[\w-]+(?:\s*,\s*[\w-]+)*$/
const HEADER_NAMES_BYTES = 2_048
/** Browsers ask again after this; a change of the endpoint's origins takes so long to reach them. */
const MAX_AGE_SECONDS = 600

/** A browser's question before it sends what a plain form could not have sent. */
export function preflightIn(method: string | undefined, headers: HeaderFields): Preflight | undefined {
  if (method !== 'OPTIONS') return undefined
  const { origin, 'access-control-request-method': asked } = headers
  return origin === undefined || asked === undefined ? undefined : { origin, method: asked, headers }
}

export const allowsOrigin = (allowed: Allowed, origin: string) =>
  allowed !== undefined && (allowed[0] === '*' || allowed.includes(origin))

/** For an answer and for an error alike: a page can only read what it is allowed to. */
export function corsHeaders(allowed: Allowed, origin: string | undefined): Headers {
  if (allowed === undefined) return {}
  if (allowed[0] === '*') return { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' }
  if (origin === undefined || !allowed.includes(origin)) return { vary: 'origin' }
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': '*', vary: 'origin' }
}

/** The answer to a preflight; undefined when the page may not do what it asks for. */
export function preflightAnswer(
  allowed: Allowed,
  { origin, method, headers }: Preflight,
): Headers | undefined {
  const names = headers['access-control-request-headers']
  const areNamesFine = names === undefined || (names.length <= HEADER_NAMES_BYTES && HEADER_NAMES.test(names))
  if (!allowsOrigin(allowed, origin) || !METHODS.has(method) || !areNamesFine) return undefined
  const isListed = allowed?.includes(origin) === true
  return {
    'access-control-allow-origin': isListed ? origin : '*',
    'access-control-allow-methods': method,
    ...(names === undefined ? {} : { 'access-control-allow-headers': names }),
    // That every page may call does not mean that every page may reach into this network.
    ...(isListed && headers['access-control-request-private-network'] === 'true'
      ? { 'access-control-allow-private-network': 'true' }
      : {}),
    'access-control-max-age': String(MAX_AGE_SECONDS),
    vary: 'origin, access-control-request-method, access-control-request-headers',
  }
}
