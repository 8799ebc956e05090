/**
 * Finds the usage in a JSON answer that passes: by its key near the answer's end or its beginning, which is where every
 * engine puts it, and only where it has no such key by parsing it, while it is small. Nothing is decoded before the
 * answer is over.
 */
import { objectAt, parsed, valueAt } from './json-glance.ts'
import { type TokenUsage, usageOf } from './token-usage.ts'

/** An answer up to here is kept whole, and parsed if it must be. */
const WHOLE_BYTES = 16 * 1024
/** Of a longer one this much of the beginning is looked at; llama-server's embeddings have it there. */
const HEAD_BYTES = 2 * 1024
const TAIL_BYTES = 8 * 1024

export class JsonUsage {
  #head: Buffer[] = []
  #headBytes = 0
  #tail: Buffer[] = []
  #tailBytes = 0
  #bytes = 0

  feed(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#headBytes < WHOLE_BYTES) {
      this.#head.push(chunk)
      this.#headBytes += chunk.length
    }
    this.#tail.push(chunk)
    this.#tailBytes += chunk.length
    while (this.#tailBytes - this.#tail[0]!.length >= TAIL_BYTES)
      this.#tailBytes -= this.#tail.shift()!.length
  }

  get keptBytes(): number {
    return this.#headBytes + this.#tailBytes
  }

  find(): TokenUsage | undefined {
    if (this.#bytes <= WHOLE_BYTES) {
      const whole = headOf(this.#head, WHOLE_BYTES)
      return usageNear(whole) ?? usageOf(parsed(whole))
    }
    return usageNear(tailOf(this.#tail, TAIL_BYTES)) ?? usageNear(headOf(this.#head, HEAD_BYTES))
  }
}

function usageNear(text: string): TokenUsage | undefined {
  let found: TokenUsage | undefined
  for (let at = valueAt(text, '"usage"'); at !== -1; at = valueAt(text, '"usage"', at)) {
    found = usageOf({ usage: objectAt(text, at) }) ?? found
  }
  return found
}

const headOf = (chunks: readonly Buffer[], bytes: number) =>
  (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('latin1', 0, bytes)

const tailOf = (chunks: readonly Buffer[], bytes: number) =>
  Buffer.concat(chunks).subarray(-bytes).toString('latin1')
