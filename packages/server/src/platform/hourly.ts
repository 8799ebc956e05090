import { messageOf } from '../domain/errors.ts'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

const HOUR_MS = 60 * 60_000

/** Tidies up now and every hour until `signal` aborts. What fails is tried again the next time. */
export async function hourly(
  tidy: () => Promise<unknown>,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    await tidy().catch((error) => log.warn('what is old stays', { error: messageOf(error) }))
    await clock.sleep(HOUR_MS, signal).catch(() => {})
  }
}
