/** Names of fields, known by numbers: told apart without a string made of any. Pure. */

/** Names that the gateway reads or holds back itself. Of all others it passes the lines on. */
export const NAMES = [
  'accept',
  'accept-encoding',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
  'access-control-allow-private-network',
  'access-control-expose-headers',
  'access-control-max-age',
  'access-control-request-headers',
  'access-control-request-method',
  'access-control-request-private-network',
  'age',
  'authorization',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'date',
  'expect',
  'host',
  'keep-alive',
  'origin',
  'prefer',
  'priority',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'server',
  'server-timing',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'vary',
  'x-api-key',
  'x-berth-adapter',
  'x-berth-cache',
  'x-berth-deferred',
  'x-berth-fallback',
  'x-berth-privacy',
  'x-berth-replica',
  'x-compute-tokens',
  'x-generated-tokens',
  'x-prompt-tokens',
  'x-ratelimit-limit-requests',
  'x-ratelimit-limit-tokens',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-remaining-tokens',
  'x-ratelimit-reset-requests',
  'x-ratelimit-reset-tokens',
  'x-request-id',
  'x-request-timeout',
  'x-scale-up-timeout',
  'x-session-id',
] as const

export type FieldName = (typeof NAMES)[number]

/** Which of the names, by their numbers. */
export type NameSet = Uint8Array

export function nameSet(names: readonly FieldName[]): NameSet {
  const set = new Uint8Array(NAMES.length + 1)
  for (const name of names) set[NAMES.indexOf(name)] = 1
  return set
}

export const NO_NAMES = nameSet([])

/** What a name may look like. */
export const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** The number of a name that is none of `NAMES`. */
export const OTHER = NAMES.length

/** Numbers of the names with the same length and the same first letter. */
const BY_SHAPE: number[][] = []
for (const [number, name] of NAMES.entries()) {
  const shape = shapeOf(name.length, name.charCodeAt(0))
  const others = BY_SHAPE[shape]
  if (others) others.push(number)
  else BY_SHAPE[shape] = [number]
}

/** Alike for a letter in upper and in lower case. */
function shapeOf(length: number, first: number): number {
  return length * 32 + (first & 0x1f)
}

/** The number of the name that stands there, however its letters are written. */
export function numberOf(text: string, from: number, to: number): number {
  const alike = BY_SHAPE[shapeOf(to - from, text.charCodeAt(from))]
  if (alike) for (const number of alike) if (isNameAt(text, from, NAMES[number]!)) return number
  return OTHER
}

/** No two characters of a head's line become the same letter, or a hyphen, in this way but one letter's two cases. */
function isNameAt(text: string, from: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if ((text.charCodeAt(from + i) | 0x20) !== name.charCodeAt(i)) return false
  }
  return true
}
