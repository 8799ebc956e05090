/**
 * Learns how much memory the replicas of a revision really use, to be shown beside what was estimated.
 *
 * The most that was seen counts, and only clear growth is news, so that a status is not written for every page.
 */
import type { MeasuredFootprint } from '../domain/endpoint-status.ts'
import type { Facts } from './endpoint-facts.ts'
import type { EndpointMemory } from './endpoint-memory.ts'
import type { ReconcileRooms } from './rooms.ts'

const MEASURE_INTERVAL_MS = 20_000
const NEWS_GROWTH = 1.05

/** Never waited for by a look, and never fails. @returns whether there is something new to report. */
export async function measureFootprint(
  facts: Facts,
  memory: EndpointMemory,
  { driver, clock }: Pick<ReconcileRooms, 'driver' | 'clock'>,
): Promise<boolean> {
  const revision = facts.aim.number
  const ready = facts.replicas.find((replica) => replica.phase === 'ready' && replica.revision === revision)
  const now = clock.now()
  if (!ready || now - memory.measuredAt < MEASURE_INTERVAL_MS) return false
  memory.measuredAt = now
  const stats = await driver.stats(ready.id).catch(() => undefined)
  if (!stats) return false
  const before = memory.footprint
  memory.footprint = grown(before, { revision, memoryBytes: stats.memoryBytes, at: now })
  return memory.footprint !== before
}

export function grown(
  before: MeasuredFootprint | undefined,
  seen: MeasuredFootprint,
): MeasuredFootprint | undefined {
  if (seen.memoryBytes <= 0) return before
  if (before?.revision !== seen.revision) return seen
  return seen.memoryBytes > before.memoryBytes * NEWS_GROWTH ? seen : before
}
