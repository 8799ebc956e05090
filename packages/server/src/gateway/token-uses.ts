/** Which tokens were used: each is told of once a minute at most, which is as exact as anybody is told. */
import type { TokenUse } from '../link/messages.ts'

const TELL_EVERY_MS = 60_000
/** Tokens that were told of are forgotten when they are so many; then they are told of again. */
const MAX_TOLD = 10_000

export class TokenUses {
  readonly #told = new Map<string, number>()
  #news = new Map<string, number>()

  used(tokenId: string, now: number): void {
    const told = this.#told.get(tokenId)
    // A clock that was set back is believed.
    if (told !== undefined && Math.abs(now - told) < TELL_EVERY_MS) return
    if (this.#told.size >= MAX_TOLD) this.#told.clear()
    this.#told.set(tokenId, now)
    this.#news.set(tokenId, now)
  }

  /** Since it was last asked. */
  collect(): readonly TokenUse[] {
    if (this.#news.size === 0) return []
    const news = [...this.#news].map(([tokenId, at]) => ({ tokenId, at }))
    this.#news = new Map()
    return news
  }
}
