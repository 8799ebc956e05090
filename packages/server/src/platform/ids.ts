/** Identifiers: random, lower-case, safe in URLs, file names and process titles. */
import { randomBytes } from 'node:crypto'
import type { EndpointId, ReplicaId } from '../domain/replica.ts'

const ALPHABET = Buffer.from('abcdefghijklmnopqrstuvwxyz234567')

/** Drawn at once for many names, because a request needs one and drawing costs more than it. */
const DRAWN_BYTES = 4_096
let drawn = Buffer.alloc(0)
let used = 0

function randomName(length: number): string {
  if (used + length > drawn.length) {
    drawn = randomBytes(DRAWN_BYTES)
    used = 0
  }
  const from = used
  used += length
  for (let at = from; at < used; at++) drawn[at] = ALPHABET[drawn[at]! % ALPHABET.length]!
  const name = drawn.toString('latin1', from, used)
  // What has become a secret stays nowhere else.
  drawn.fill(0, from, used)
  return name
}

export const newEndpointId = (): EndpointId => randomName(16) as EndpointId
/** Shaped `<endpoint>-<replica>`: eight characters, hyphen, five characters. */
export const newReplicaId = (endpointId: EndpointId): ReplicaId =>
  `${endpointId.slice(0, 8)}-${randomName(5)}` as ReplicaId
/** Shaped as a replica's, and seen at once to be none. */
export const newRouterId = (endpointId: EndpointId): ReplicaId =>
  `${endpointId.slice(0, 8)}-router-${randomName(5)}` as ReplicaId
export const newTokenId = (): string => randomName(12)
export const newRequestId = (): string => randomName(10)
export const newGatewayId = (): string => `gw-${randomName(8)}`
/** 32 random characters, 160 bits: nobody guesses one in the half hour that it holds. */
export const newSignInCode = (): string => randomName(32)
/** 32 random characters, 160 bits: knowing it is all that a caller without a token needs. */
export const newDeferredSecret = (): string => randomName(32)
/** 40 random characters, 200 bits; the prefix says whose token it is when it leaks. */
export const newTokenText = (): string => `berth_${randomName(40)}`
