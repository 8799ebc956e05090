/** What a router believes that each replica has read: the blocks it sent there, the least recently used forgotten first. */
import type { SimReplica } from '../sim-replica.ts'

export class ReadBlocks {
  readonly #blocksPerReplica: number
  readonly #byReplica = new Map<number, Map<number, true>>()

  constructor(blocksPerReplica: number) {
    this.#blocksPerReplica = blocksPerReplica
  }

  /** How many of the first blocks. */
  matched({ number }: SimReplica, blocks: readonly number[]): number {
    const read = this.#byReplica.get(number)
    let matched = 0
    while (read && matched < blocks.length && read.has(blocks[matched]!)) matched++
    return matched
  }

  remember({ number }: SimReplica, blocks: readonly number[]): void {
    const read = this.#byReplica.get(number) ?? new Map<number, true>()
    this.#byReplica.set(number, read)
    for (let i = blocks.length - 1; i >= 0; i--) {
      read.delete(blocks[i]!)
      read.set(blocks[i]!, true)
    }
    for (const oldest of read.keys()) {
      if (read.size <= this.#blocksPerReplica) break
      read.delete(oldest)
    }
  }
}
