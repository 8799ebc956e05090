/**
 * Answers that can be given again, for as long as they are not old and there is room: the least recently used goes
 * first. Keys are hashes of all that an answer depends on, so neither prompt nor token is kept; answers are, in memory.
 */
import { createHash } from 'node:crypto'
import type { EndpointId } from '../../domain/replica.ts'

export type CacheKeyParts = {
  readonly endpointId: EndpointId
  readonly revision: number
  readonly method: string
  readonly path: string
  /** Whose request it is: what one was answered, another never gets. */
  readonly tenant: string
  /** Of headers that change the answer. */
  readonly headers: readonly (string | undefined)[]
}

export type KeptAnswer = {
  /** The fields that are the answer's own: `name: value`, ended by CRLF each. */
  readonly lines: string
  readonly body: Buffer
  readonly keptAt: number
}

type CacheLimits = {
  readonly cacheBytes: number
  readonly cachedAnswerBytes: number
  readonly cacheMs: number
}

/** What an entry takes beside its body, about. */
const ENTRY_BYTES = 512

/** SHA-256, since an answer that is given to the wrong question is worse than none. */
export function cacheKey(parts: CacheKeyParts, body: readonly Buffer[]): string {
  const { endpointId, revision, method, path, tenant, headers } = parts
  const hash = createHash('sha256')
  hash.update(
    JSON.stringify([endpointId, revision, method, path, tenant, ...headers.map((value) => value ?? null)]),
  )
  hash.update('\n')
  for (const chunk of body) hash.update(chunk)
  return hash.digest('base64')
}

export class ResponseCache {
  readonly #limits: CacheLimits
  /** The least recently used first. */
  readonly #answers = new Map<string, KeptAnswer>()
  #bytes = 0

  constructor(limits: CacheLimits) {
    this.#limits = limits
  }

  get bytes(): number {
    return this.#bytes
  }

  get(key: string, now: number): KeptAnswer | undefined {
    const answer = this.#answers.get(key)
    if (!answer) return undefined
    this.#drop(key, answer)
    if (now - answer.keptAt >= this.#limits.cacheMs) return undefined
    this.#answers.set(key, answer)
    this.#bytes += sizeOf(answer)
    return answer
  }

  keep(key: string, answer: KeptAnswer): void {
    const { cacheBytes, cachedAnswerBytes } = this.#limits
    if (answer.body.length > cachedAnswerBytes) return
    const before = this.#answers.get(key)
    if (before) this.#drop(key, before)
    this.#answers.set(key, answer)
    this.#bytes += sizeOf(answer)
    for (const [oldest, dropped] of this.#answers) {
      if (this.#bytes <= cacheBytes) break
      this.#drop(oldest, dropped)
    }
  }

  #drop(key: string, answer: KeptAnswer): void {
    this.#answers.delete(key)
    this.#bytes -= sizeOf(answer)
  }
}

const sizeOf = ({ lines, body }: KeptAnswer) => ENTRY_BYTES + lines.length + body.length
