/**
 * Recognises how a request's prompt begins, from the raw bytes of its body.
 *
 * A conversation's next turn repeats the bytes of the turns before, so hashes of those bytes find the replica that
 * has read them, for any engine, without parsing or tokenising anything. What stands before the conversation in
 * the model's eyes, and the caller, are part of every key: nobody's prompts bring another caller's together, so
 * the choice of a replica tells nobody what others have asked. The keys serve to route and never to return content.
 */
import { randomBytes } from 'node:crypto'
import type { XXHashAPI } from 'xxhash-wasm'
import type { Prompt, RoutingRequest } from '../domain/routing/prompt.ts'
import { findPrompt } from './find-prompt.ts'
import type { HeaderFields } from './http1/field-lines.ts'
import type { RequestBody } from './request-body.ts'

/** Of a longer prompt only so much is hashed: who has read all of that is taken to have read the rest. */
const HASHED_BYTES = 64 * 1024
/** Short blocks first, so that a short prompt has some too. */
const FIRST_BLOCKS = 4
const FIRST_BLOCK_BYTES = 256
const BLOCK_BYTES = 1_024
/**
 * A shorter body is about a hundred tokens, which a replica reads anew in less time than it is worth to look for one
 * that has read them; and the longer turns of the same conversation are found by each other.
 */
const WORTH_FINDING_BYTES = 512
/** Beyond this a body holds images rather than more to read. */
const MOST_UNITS = 512 * 1024
/** Callers cannot know it, so they cannot make keys that collide. */
const PROCESS_SEED = randomBytes(8).readBigUInt64LE()

/** Where each block of a prompt ends. */
const BLOCK_ENDS = Float64Array.from(
  { length: FIRST_BLOCKS + HASHED_BYTES / BLOCK_BYTES - (FIRST_BLOCKS * FIRST_BLOCK_BYTES) / BLOCK_BYTES },
  (_, i) =>
    i < FIRST_BLOCKS
      ? (i + 1) * FIRST_BLOCK_BYTES
      : FIRST_BLOCKS * FIRST_BLOCK_BYTES + (i + 1 - FIRST_BLOCKS) * BLOCK_BYTES,
)

const KEY_WORDS = new BigUint64Array(1)
const KEY_HALVES = new Uint32Array(KEY_WORDS.buffer)

let xxhash: XXHashAPI | undefined
let loading: Promise<void> | undefined

/** Megabytes that a gateway does without until an endpoint has two replicas. */
export function loadHash(): Promise<void> {
  loading ??= import('xxhash-wasm').then(async ({ default: load }) => {
    xxhash = await load()
  })
  return loading
}

type Arriving = {
  readonly request: { readonly headers: HeaderFields }
  readonly body: Pick<RequestBody, 'kept' | 'keptBytes' | 'announcedBytes' | 'complete'>
}

export class PromptPrefix implements RoutingRequest {
  readonly #exchange: Arriving
  #prompt: { readonly found: Prompt | undefined } | undefined

  constructor(exchange: Arriving) {
    this.#exchange = exchange
  }

  get units(): number {
    const { announcedBytes, keptBytes } = this.#exchange.body
    return Math.min(MOST_UNITS, announcedBytes ?? keptBytes)
  }

  session(): number | undefined {
    const id = this.#exchange.request.headers['x-session-id']
    if (id === undefined) return undefined
    if (!xxhash) {
      void loadHash()
      return undefined
    }
    return keyOf(xxhash.h64(id, this.#callerSeed(xxhash)))
  }

  /** Undefined for a body that has not arrived, is too short to matter, or in which no prompt can be recognised. */
  prompt(): Prompt | undefined {
    if (this.units < WORTH_FINDING_BYTES) return undefined
    if (!xxhash) {
      void loadHash()
      return undefined
    }
    this.#prompt ??= { found: this.#read(xxhash) }
    return this.#prompt.found
  }

  #read(hash: XXHashAPI): Prompt | undefined {
    const { body } = this.#exchange
    const start = startOf(body.kept)
    const found = start && findPrompt(start, body.complete && start.length === body.keptBytes)
    if (!start || !found) return undefined
    let seed = this.#callerSeed(hash)
    for (const part of found.before) seed = hash.h64Raw(part, seed)
    const hashed = start.subarray(found.from, found.from + HASHED_BYTES)
    return promptOf(hashed, this.units, seed, hash)
  }

  #callerSeed(hash: XXHashAPI): bigint {
    const { authorization, 'x-api-key': apiKey } = this.#exchange.request.headers
    return hash.h64(authorization ?? String(apiKey ?? ''), PROCESS_SEED)
  }
}

function promptOf(bytes: Buffer, units: number, seed: bigint, hash: XXHashAPI): Prompt {
  let blocks = 0
  while (blocks < BLOCK_ENDS.length && BLOCK_ENDS[blocks]! <= bytes.length) blocks++
  if (blocks === 0) {
    // The end of a body differs from turn to turn, so it is a block only where there is no other.
    return { keys: Float64Array.of(keyOf(hash.h64Raw(bytes, seed))), ends: Float64Array.of(bytes.length) }
  }
  const keys = new Float64Array(blocks)
  let from = 0
  let chain = seed
  for (let i = 0; i < blocks; i++) {
    chain = hash.h64Raw(bytes.subarray(from, BLOCK_ENDS[i]), chain)
    keys[i] = keyOf(chain)
    from = BLOCK_ENDS[i]!
  }
  if (blocks < BLOCK_ENDS.length) return { keys, ends: BLOCK_ENDS }
  const ends = BLOCK_ENDS.slice()
  ends[blocks - 1] = Math.max(units, HASHED_BYTES)
  return { keys, ends }
}

/** 53 bits of a hash, as a number that is not 0. */
function keyOf(hash: bigint): number {
  KEY_WORDS[0] = hash
  return (KEY_HALVES[1]! & 0x1f_ffff) * 2 ** 32 + KEY_HALVES[0]! || 1
}

/** The first bytes of what has arrived, in one piece. */
function startOf(kept: readonly Buffer[]): Buffer | undefined {
  if (kept.length <= 1) return kept[0]
  const chunks: Buffer[] = []
  let bytes = 0
  for (const chunk of kept) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= 2 * HASHED_BYTES) break
  }
  return Buffer.concat(chunks, bytes)
}
