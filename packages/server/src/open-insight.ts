/** Puts insight together: what takes in what the gateways and the runtime tell, and what answers about it. */

import { messageOf } from './domain/errors.ts'
import { UsageReception, type UsageRooms } from './insight/usage/usage-reception.ts'
import type { Clock } from './platform/clock.ts'
import type { Log } from './platform/log.ts'
import type { Store } from './store/store.ts'

const PRUNE_EVERY_MS = 60 * 60_000

export type InsightParts = {
  readonly clock: Clock
  readonly log: Log
  readonly store: Store
  readonly acknowledge: UsageRooms['acknowledge']
}

export type Insight = {
  readonly usage: UsageReception
  /** Looks after what grows until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Writes down what has arrived. */
  close(): Promise<void>
}

export function openInsight({ clock, log, store, acknowledge }: InsightParts): Insight {
  const usage = new UsageReception({ clock, log, store, acknowledge, consumers: [] })
  return {
    usage,
    run: async (signal) => {
      while (!signal.aborted) {
        await usage.prune().catch((error) => log.warn('old usage stays', { error: messageOf(error) }))
        await clock.sleep(PRUNE_EVERY_MS, signal).catch(() => {})
      }
    },
    close: () => usage.close(),
  }
}
