/**
 * Finds the usage in a JSON answer that passes: by its key near the answer's end or its beginning, which is where every
 * engine puts it, and only where it has no such key by parsing it, while it is small. Nothing is decoded before the
 * answer is over, and then no more than is needed.
 */
import { objectAt, parsed, valueAt } from './json-glance.ts'
import { fieldsOf, type TokenUsage, usageIn, usageOf } from './token-usage.ts'

/** An answer up to here is kept whole, and parsed if it must be. */
const WHOLE_BYTES = 16 * 1024
/** Of a longer one this much of the beginning is looked at; llama-server's embeddings have it there. */
const HEAD_BYTES = 2 * 1024
const TAIL_BYTES = 8 * 1024

const KEY = '"usage"'
const KEY_BYTES = Buffer.from(KEY)

export class JsonUsage {
  #head: Buffer[] | undefined
  #headBytes = 0
  /** Of a longer answer than is kept whole. */
  #tail: Buffer[] | undefined
  #tailBytes = 0
  #bytes = 0

  feed(chunk: Buffer): void {
    if (this.#bytes <= WHOLE_BYTES) {
      // Most answers are one piece, and a list is made for so many as it begins with.
      if (this.#head) this.#head.push(chunk)
      else this.#head = [chunk]
      this.#headBytes += chunk.length
    }
    this.#bytes += chunk.length
    if (this.#bytes > WHOLE_BYTES) this.#keepEnd(chunk)
  }

  #keepEnd(chunk: Buffer): void {
    if (this.#tail) {
      this.#tail.push(chunk)
      this.#tailBytes += chunk.length
    } else {
      this.#tail = [...(this.#head ?? [])]
      this.#tailBytes = this.#headBytes
    }
    while (this.#tailBytes - this.#tail[0]!.length >= TAIL_BYTES)
      this.#tailBytes -= this.#tail.shift()!.length
  }

  get keptBytes(): number {
    return this.#headBytes + this.#tailBytes
  }

  find(): TokenUsage | undefined {
    const head = joined(this.#head ?? [])
    if (!this.#tail) return usageNear(head) ?? usageOf(parsed(head.toString('latin1')))
    return usageNear(joined(this.#tail).subarray(-TAIL_BYTES)) ?? usageNear(head.subarray(0, HEAD_BYTES))
  }
}

/** What is said last counts, so nearly always nothing is decoded but that. */
function usageNear(bytes: Buffer): TokenUsage | undefined {
  const last = bytes.lastIndexOf(KEY_BYTES)
  if (last === -1) return undefined
  return usageSaid(bytes.toString('latin1', last)) ?? usageSaid(bytes.toString('latin1'))
}

function usageSaid(text: string): TokenUsage | undefined {
  let found: TokenUsage | undefined
  for (let at = valueAt(text, KEY); at !== -1; at = valueAt(text, KEY, at)) {
    const usage = fieldsOf(objectAt(text, at))
    found = (usage && usageIn(usage)) ?? found
  }
  return found
}

const joined = (chunks: readonly Buffer[]) => (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
