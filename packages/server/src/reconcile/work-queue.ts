/**
 * A queue of keys that need another look.
 *
 * Three promises make a reconcile loop simple, and they are kept here so that no reconciler has to think of them:
 * a key waits at most once, is never in hand twice at the same time, and comes back when its handler asked for it.
 */
import type { Clock } from '../platform/clock.ts'

/** Milliseconds until the key wants another look, or `undefined` for only when added again. */
export type LookAgainMs = number | undefined

export class WorkQueue<Key extends string> {
  readonly #clock: Clock
  readonly #dueAt = new Map<Key, number>()
  readonly #inHand = new Map<Key, Promise<void>>()
  #wake = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Asks for a look at `key` after `delayMs`. Asking again is free, and the earliest time wins. */
  add(key: Key, delayMs = 0): void {
    const dueAt = this.#clock.now() + delayMs
    this.#dueAt.set(key, Math.min(dueAt, this.#dueAt.get(key) ?? Number.POSITIVE_INFINITY))
    this.#wake()
  }

  /**
   * Hands out due keys until `signal` aborts, then waits for those in hand.
   *
   * @param handle must not reject: what to do about a failure is a decision, and `LookAgainMs` is how it is said.
   */
  async run(
    handle: (key: Key) => Promise<LookAgainMs>,
    { concurrency, signal }: { readonly concurrency: number; readonly signal: AbortSignal },
  ): Promise<void> {
    while (!signal.aborted) {
      const hasRoom = this.#inHand.size < concurrency
      const key = hasRoom ? this.#takeDueKey() : undefined
      if (key === undefined) await this.#untilSomethingChanges(signal, hasRoom)
      else this.#inHand.set(key, this.#handOut(key, handle))
    }
    await Promise.all(this.#inHand.values())
  }

  async #handOut(key: Key, handle: (key: Key) => Promise<LookAgainMs>): Promise<void> {
    const lookAgainMs = await handle(key)
    this.#inHand.delete(key)
    if (lookAgainMs !== undefined) this.add(key, lookAgainMs)
    this.#wake()
  }

  #takeDueKey(): Key | undefined {
    const now = this.#clock.now()
    for (const [key, dueAt] of this.#dueAt) {
      if (dueAt > now || this.#inHand.has(key)) continue
      this.#dueAt.delete(key)
      return key
    }
    return undefined
  }

  /** Resolves when a key is added, one comes back, the next one is due while there is room for it, or `signal` aborts. */
  async #untilSomethingChanges(signal: AbortSignal, hasRoom: boolean): Promise<void> {
    const nap = new AbortController()
    const changed = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    signal.addEventListener('abort', this.#wake, { signal: nap.signal })

    const waiting = [...this.#dueAt].filter(([key]) => !this.#inHand.has(key)).map(([, dueAt]) => dueAt)
    const nextDueIn = Math.min(...waiting) - this.#clock.now()
    // One that has fallen due since the last look is no reason to wait for anything else.
    const due =
      hasRoom && Number.isFinite(nextDueIn)
        ? this.#clock.sleep(Math.max(0, nextDueIn), nap.signal)
        : undefined

    await Promise.race([changed, due?.catch(() => {})].filter((it) => it !== undefined))
    nap.abort()
  }
}
