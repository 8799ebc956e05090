/**
 * A bell: whoever has nothing to do waits for it instead of looking again and again. Rung while nobody waits, it is
 * heard by the next who does.
 */
export class Bell {
  #rung = Promise.withResolvers<void>()

  ring(): void {
    this.#rung.resolve()
  }

  /** Resolves when it is rung, or `signal` aborts. */
  async heard(signal: AbortSignal): Promise<void> {
    const given = Promise.withResolvers<void>()
    const giveUp = () => given.resolve()
    signal.addEventListener('abort', giveUp, { once: true })
    if (!signal.aborted) await Promise.race([this.#rung.promise, given.promise])
    signal.removeEventListener('abort', giveUp)
    this.#rung = Promise.withResolvers()
  }
}
