/**
 * Sums usage records up by endpoint, token and period.
 *
 * Sums can be added to sums in any order and grouping and stay the same, so records may be added as they arrive, in
 * batches, and by several processes. That a batch is added once only is for whoever stores it.
 */
import type { EndpointId } from '../replica.ts'
import type { UsageRecord } from './usage-record.ts'

export type UsageTotal = {
  readonly endpointId: EndpointId
  readonly tokenId: string | null
  /** When the period began, in milliseconds since the epoch; a request belongs to the period it arrived in. */
  readonly periodStart: number
  readonly requests: number
  /** Of those, answered with a status of 400 or more. */
  readonly failed: number
  readonly estimated: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedTokens: number
  readonly durationMs: number
  readonly heldMs: number
  /** Streams that had a first token, and what they waited for it together. */
  readonly streams: number
  readonly firstTokenMs: number
  /** Of the above what each adapter had, by what it was and how it was called; absent where none was asked for. */
  readonly adapters?: readonly AdapterUsage[]
}

export type AdapterUsage = {
  /** SHA-256 of its content, in hexadecimal. */
  readonly hash: string
  readonly name: string
  readonly requests: number
  readonly inputTokens: number
  readonly outputTokens: number
}

export function totalUsage(records: readonly UsageRecord[], periodMs: number): readonly UsageTotal[] {
  return mergeUsage(records.map((record) => totalOf(record, periodMs)))
}

/** One total for each endpoint, token and period among `totals`, in the order in which they first appear. */
export function mergeUsage(totals: readonly UsageTotal[]): readonly UsageTotal[] {
  const byKey = new Map<string, UsageTotal>()
  for (const total of totals) {
    const key = JSON.stringify([total.endpointId, total.tokenId, total.periodStart])
    const before = byKey.get(key)
    byKey.set(key, before ? sumOf(before, total) : total)
  }
  return [...byKey.values()]
}

function totalOf(record: UsageRecord, periodMs: number): UsageTotal {
  const { endpointId, tokenId, inputTokens, outputTokens, cachedTokens, durationMs, heldMs } = record
  return {
    endpointId,
    tokenId,
    periodStart: Math.floor(record.arrivedAt / periodMs) * periodMs,
    requests: 1,
    failed: record.status >= 400 ? 1 : 0,
    estimated: record.isEstimated ? 1 : 0,
    inputTokens,
    outputTokens,
    cachedTokens,
    durationMs,
    heldMs,
    streams: record.firstTokenMs === null ? 0 : 1,
    firstTokenMs: record.firstTokenMs ?? 0,
    ...(record.adapter && {
      adapters: mergeAdapters([{ ...record.adapter, requests: 1, inputTokens, outputTokens }]),
    }),
  }
}

const sumOf = (a: UsageTotal, b: UsageTotal): UsageTotal => ({
  ...a,
  requests: a.requests + b.requests,
  failed: a.failed + b.failed,
  estimated: a.estimated + b.estimated,
  inputTokens: a.inputTokens + b.inputTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  cachedTokens: a.cachedTokens + b.cachedTokens,
  durationMs: a.durationMs + b.durationMs,
  heldMs: a.heldMs + b.heldMs,
  streams: a.streams + b.streams,
  firstTokenMs: a.firstTokenMs + b.firstTokenMs,
  ...((a.adapters || b.adapters) && {
    adapters: mergeAdapters([...(a.adapters ?? []), ...(b.adapters ?? [])]),
  }),
})

/** In an order of its own, so that sums are the same in whatever order they are made. */
function mergeAdapters(all: readonly AdapterUsage[]): readonly AdapterUsage[] {
  const byKey = new Map<string, AdapterUsage>()
  for (const one of all) {
    const key = JSON.stringify([one.hash, one.name])
    const before = byKey.get(key)
    byKey.set(key, {
      hash: one.hash,
      name: one.name,
      requests: one.requests + (before?.requests ?? 0),
      inputTokens: one.inputTokens + (before?.inputTokens ?? 0),
      outputTokens: one.outputTokens + (before?.outputTokens ?? 0),
    })
  }
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, usage]) => usage)
}
