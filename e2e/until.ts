/** Waiting for a condition in tests: asked again and again, with a deadline and a sentence for when it passes. */
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_EVERY_MS = 25

/** The first answer that is neither undefined nor false. What throws counts as "not yet", and is the cause at the end. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs = 30_000,
): Promise<T> {
  const end = performance.now() + deadlineMs
  let cause: unknown
  for (;;) {
    try {
      const answer = await look()
      if (answer !== undefined && answer !== false) return answer
      cause = undefined
    } catch (thrown) {
      cause = thrown
    }
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms for ${what}, in vain`, { cause })
    await sleep(LOOK_EVERY_MS)
  }
}
