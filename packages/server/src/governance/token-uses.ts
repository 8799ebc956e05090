/**
 * When each token was last used, to the minute: the gateways and the API tell, and this writes it down.
 *
 * What is told is in memory at once and in the store half a minute later, together with what else came meanwhile, so
 * that no request waits for a write and none causes one. A process that is killed loses the last half minute.
 */
import { messageOf } from '../domain/errors.ts'
import type { TokenUse } from '../link/messages.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Store } from '../store/store.ts'

const WRITE_AFTER_MS = 30_000
/** A use that is so little later than the one that is known is no news. */
const RESOLUTION_MS = 60_000
/** Gateways speak of tokens that exist, so this is only for what nobody thought of. */
const MAX_KNOWN = 100_000

export type TokenUseRooms = {
  readonly clock: Clock
  readonly log: Log
  readonly store: Pick<Store, 'tokens'>
}

export class TokenUses {
  readonly #rooms: TokenUseRooms
  readonly #known = new Map<string, number>()
  readonly #closing = new AbortController()
  #waiting = new Map<string, number>()
  #writing: Promise<void> | undefined

  constructor(rooms: TokenUseRooms) {
    this.#rooms = rooms
  }

  used({ tokenId, at }: TokenUse): void {
    const known = this.#known.get(tokenId)
    if (known !== undefined && at - known < RESOLUTION_MS) return
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.set(tokenId, at)
    this.#waiting.set(tokenId, at)
    if (!this.#closing.signal.aborted) this.#writing ??= this.#writeSoon()
  }

  /** What this process was told; nothing says nothing about before. */
  lastUsed(tokenId: string): number | undefined {
    return this.#known.get(tokenId)
  }

  /** Writes down what has come. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#writing
    await this.#write()
  }

  async #writeSoon(): Promise<void> {
    await this.#rooms.clock.sleep(WRITE_AFTER_MS, this.#closing.signal).catch(() => {})
    this.#writing = undefined
    await this.#write()
  }

  async #write(): Promise<void> {
    const uses = [...this.#waiting].map(([id, at]) => ({ id, at }))
    if (uses.length === 0) return
    this.#waiting = new Map()
    await this.#rooms.store.tokens.used(uses).catch((error) => {
      // The next use of each tells it again.
      for (const { id } of uses) this.#known.delete(id)
      this.#rooms.log.warn('the last use of tokens could not be written', { error: messageOf(error) })
    })
  }
}
