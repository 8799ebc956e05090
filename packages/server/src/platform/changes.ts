/**
 * Changes: who waits for news of a key is woken when there is some. A hint to look again, never the news itself,
 * so that nothing is queued and a slow listener misses nothing that matters.
 */
export class Changes<Key extends string> {
  readonly #listeners = new Map<Key, Set<() => void>>()
  readonly #listenersToAll = new Set<(key: Key) => void>()

  announce(key: Key): void {
    for (const listener of this.#listenersToAll) listener(key)
    for (const wake of this.#listeners.get(key) ?? []) wake()
  }

  /** Hears of every key until the function that it returns is called. */
  listen(listener: (key: Key) => void): () => void {
    this.#listenersToAll.add(listener)
    return () => this.#listenersToAll.delete(listener)
  }

  /** Yields once at first and then after each announcement, until `signal` aborts. Announcements in between merge. */
  async *of(key: Key, signal: AbortSignal): AsyncIterable<void> {
    let news = Promise.withResolvers<void>()
    const wake = () => news.resolve()
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners.add(wake))
    signal.addEventListener('abort', wake, { once: true })
    try {
      while (!signal.aborted) {
        yield
        await news.promise
        news = Promise.withResolvers<void>()
      }
    } finally {
      listeners.delete(wake)
      if (listeners.size === 0) this.#listeners.delete(key)
      signal.removeEventListener('abort', wake)
    }
  }
}
