/**
 * Writes down what was decided: a change together with the scale target, in one transaction, and once an hour how often
 * what was judged without one.
 */
import { type EndpointRecord, endpointKey, type ScaleTarget } from '../domain/endpoint.ts'
import type { EndpointId } from '../domain/replica.ts'
import { askedRecord, changeRecord, summaryRecord } from '../domain/scale/decision-record.ts'
import { reasonInWords } from '../domain/scale/scale-decision.ts'
import type { Store } from '../store/store.ts'
import type { Decided, WatchedEndpoint } from './watched-endpoint.ts'

const AUTOSCALER = { id: 'autoscaler', name: 'autoscaler' }

export type Written =
  | { readonly kind: 'written'; readonly target: ScaleTarget }
  /** A person asked for something meanwhile, and that stands. */
  | { readonly kind: 'overtaken'; readonly target: ScaleTarget | undefined }
  /** Nobody wants it to run at all. */
  | { readonly kind: 'idle' }

/** @param from what it was decided from. */
export async function writeChange(
  store: Store,
  { id, key, target: believed }: WatchedEndpoint,
  from: number,
  { decision, judged }: Decided,
): Promise<Written> {
  return store.transaction(async (all) => {
    const endpoint = await all.endpoints.get(id)
    if (!endpoint || endpoint.paused) return { kind: 'idle' }
    const stored = await all.scaleTargets.get(id)
    if (stored?.count !== believed?.count || stored?.at !== believed?.at) {
      return { kind: 'overtaken', target: stored }
    }
    const reason = reasonInWords(decision)
    const target: ScaleTarget = { endpointId: id, count: decision.desired, reason, at: judged.now }
    await writeTarget(all, key, from, target)
    await all.scaleDecisions.append(changeRecord(id, from, decision, judged))
    return { kind: 'written', target }
  })
}

/** What a person asked for. */
export async function writeAsked(store: Store, endpoint: EndpointRecord, target: ScaleTarget): Promise<void> {
  const before = await store.scaleTargets.get(endpoint.id)
  const from = before?.count ?? Math.max(1, endpoint.spec.compute.scaling.minReplica)
  const { count: to, reason, at } = target
  await writeTarget(store, endpointKey(endpoint), from, target)
  if (from !== to) await store.scaleDecisions.append(askedRecord(endpoint.id, { from, to, reason, at }))
}

export async function writeSummary(
  store: Store,
  id: EndpointId,
  quiet: NonNullable<WatchedEndpoint['quiet']>,
  last: Decided,
): Promise<void> {
  await store.scaleDecisions.append(summaryRecord(id, quiet.since, quiet.terms, last))
}

async function writeTarget(store: Store, key: string, from: number, target: ScaleTarget): Promise<void> {
  const { count: to, reason, at } = target
  await store.scaleTargets.set(target)
  if (from === to) return
  await store.events.append({
    at,
    actor: AUTOSCALER,
    kind: 'scale.changed',
    endpoint: key,
    message: `From ${from} to ${to}: ${reason}.`,
    details: { from, to, reason },
  })
}
