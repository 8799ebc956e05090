/**
 * How much of the log of events is kept.
 *
 * What people did is kept as long as what it cost, since it says who and why; what happened by itself only as long as
 * graphs and logs show it, with the month before in which a replica of theirs may have begun. An endpoint that
 * crashes all day, or is changed by a program all day, pushes out its own oldest events and nobody else's.
 */
import type { Clock } from '../platform/clock.ts'
import type { Store } from '../store/store.ts'

const DAY_MS = 24 * 60 * 60_000
const CHANGE_KINDS = ['endpoint', 'token'] as const

export const CHANGES_KEPT = { ageMs: 400 * DAY_MS, perEndpoint: 2_000 } as const
export const HAPPENINGS_KEPT = { ageMs: 60 * DAY_MS, perEndpoint: 5_000 } as const

export async function pruneEvents(store: Pick<Store, 'events'>, clock: Clock): Promise<void> {
  for (const [kinds, { ageMs, perEndpoint }] of [
    [{ only: CHANGE_KINDS }, CHANGES_KEPT],
    [{ except: CHANGE_KINDS }, HAPPENINGS_KEPT],
  ] as const) {
    await store.events.prune({ ...kinds, before: clock.now() - ageMs, perEndpoint })
  }
}
