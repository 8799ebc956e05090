/** Prompt tokens in one block of a trace. */
export const BLOCK_TOKENS = 512

/** The blocks of prompts that a replica still holds: the least recently used one leaves first. */
export class PrefixCache {
  readonly #capacity: number
  /** In the order of use; a Map keeps it. */
  readonly #blocks = new Map<number, true>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** @returns how many of the first blocks are held, and holds all of them from now on. */
  use(blocks: readonly number[]): number {
    let held = 0
    while (held < blocks.length && this.#blocks.has(blocks[held]!)) held++
    // The deepest block is the least useful alone, so the first block is used last.
    for (let i = blocks.length - 1; i >= 0; i--) {
      this.#blocks.delete(blocks[i]!)
      this.#blocks.set(blocks[i]!, true)
    }
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= this.#capacity) break
      this.#blocks.delete(oldest)
    }
    return held
  }
}
