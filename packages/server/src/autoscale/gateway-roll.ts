/**
 * Which gateways there are, and whether what they said last can be trusted.
 *
 * A gateway that is alive speaks every second, so silence is not the same as having nothing to do. One whose
 * connection was lost may go on serving from memory: what it said last stands for a while.
 */

/** Nothing heard of any gateway for so long: nothing is measured. */
const SILENCE_MS = 5_000
/** What a gateway said last counts for so long. */
const STANDS_MS = 30_000

type Entry = { isConnected: boolean; heardAt: number; sequence: number }

export class GatewayRoll {
  readonly #entries = new Map<string, Entry>()

  connected(id: string, now: number): void {
    const entry = this.#entries.get(id)
    if (entry) Object.assign(entry, { isConnected: true, heardAt: now })
    else this.#entries.set(id, { isConnected: true, heardAt: now, sequence: 0 })
  }

  gone(id: string, now: number): void {
    const entry = this.#entries.get(id)
    if (entry) Object.assign(entry, { isConnected: false, heardAt: now })
  }

  /** @returns whether it is news: not what was heard already, nor older than that. */
  heard(id: string, sequence: number, now: number): boolean {
    const entry = this.#entries.get(id) ?? { isConnected: true, heardAt: now, sequence: 0 }
    this.#entries.set(id, entry)
    if (sequence <= entry.sequence) return false
    Object.assign(entry, { isConnected: true, heardAt: now, sequence })
    return true
  }

  /** It spoke of something that has no number. */
  spoke(id: string, now: number): void {
    const entry = this.#entries.get(id)
    if (entry) entry.heardAt = now
    else this.connected(id, now)
  }

  /** What all of them said together is what is there now. */
  isMeasured(now: number): boolean {
    let isHeard = false
    for (const { isConnected, heardAt } of this.#entries.values()) {
      if (!isConnected) continue
      const silentMs = Math.abs(now - heardAt)
      if (silentMs > STANDS_MS) return false
      if (silentMs <= SILENCE_MS) isHeard = true
    }
    return isHeard
  }

  /** Takes off the roll whoever left long enough ago. */
  takeForgotten(now: number): string[] {
    const forgotten: string[] = []
    for (const [id, { isConnected, heardAt }] of this.#entries) {
      if (isConnected || Math.abs(now - heardAt) <= STANDS_MS) continue
      this.#entries.delete(id)
      forgotten.push(id)
    }
    return forgotten
  }
}
