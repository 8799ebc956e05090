/**
 * Deadlines for thousands of connections at once, at the price of one timer.
 *
 * Time is counted in ticks that have passed, not read from a clock, so that a clock that jumps expires nobody. A
 * deadline fires within two ticks after its time, never before it; moving one, which connections do with every few
 * bytes, is an assignment.
 */
import type { Clock } from '../platform/clock.ts'

const NEVER = Number.POSITIVE_INFINITY

export class Deadlines {
  readonly #tickMs: number
  /** By the tick at which they are looked at; a deadline moved later meanwhile is then put where it belongs. */
  readonly #byTick = new Map<number, Deadline[]>()
  #tick = 0

  constructor(tickMs: number) {
    this.#tickMs = tickMs
  }

  /** @param late called once for each time it was set and neither moved nor lifted. */
  create(late: () => void): Deadline {
    return new Deadline(this, late)
  }

  /** @returns the tick at which `ms` from now have surely passed. */
  tickAfter(ms: number): number {
    return this.#tick + Math.ceil(ms / this.#tickMs) + 1
  }

  await(deadline: Deadline, tick: number): void {
    const others = this.#byTick.get(tick)
    if (others) others.push(deadline)
    else this.#byTick.set(tick, [deadline])
  }

  /** One tick has passed. */
  advance(): void {
    const tick = ++this.#tick
    const due = this.#byTick.get(tick)
    if (!due) return
    this.#byTick.delete(tick)
    for (const deadline of due) deadline.look(tick)
  }

  async run(clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(this.#tickMs, signal).catch(() => {})
      this.advance()
    }
  }
}

export class Deadline {
  readonly #deadlines: Deadlines
  readonly #late: () => void
  #at = NEVER
  /** When it is looked at next; never later than `#at`. */
  #lookAt = NEVER

  constructor(deadlines: Deadlines, late: () => void) {
    this.#deadlines = deadlines
    this.#late = late
  }

  /** `ms` from now, instead of whatever it was. */
  set(ms: number): void {
    this.#at = this.#deadlines.tickAfter(ms)
    if (this.#lookAt <= this.#at) return
    this.#lookAt = this.#at
    this.#deadlines.await(this, this.#at)
  }

  lift(): void {
    this.#at = NEVER
  }

  look(tick: number): void {
    // Moved to an earlier tick since, where it was looked at already.
    if (tick !== this.#lookAt) return
    this.#lookAt = NEVER
    if (this.#at <= tick) {
      this.#at = NEVER
      this.#late()
    } else if (this.#at !== NEVER) {
      this.#lookAt = this.#at
      this.#deadlines.await(this, this.#at)
    }
  }
}
