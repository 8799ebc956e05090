/** What a run came to: promises kept, waits, cost, unrest. */
import type { LatencySlo } from '@berth/server/domain/scale/scale-spec'
import type { Policy } from './policy.ts'
import { interTokenMsOf, isFirstTokenKept, isInterTokenKept, type Requests } from './requests.ts'
import type { Timeline } from './timeline.ts'
import type { Played } from './world.ts'

export type Spread = {
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

export type Outcome = {
  readonly policy: string
  readonly family: string
  readonly requests: number
  /** Shares of all requests; what never ended has kept nothing. */
  readonly attainment: number
  readonly firstTokenKept: number
  readonly interTokenKept: number
  readonly unfinished: number
  /** Of the prompt tokens, how many a prefix cache held. */
  readonly cachedShare: number
  readonly firstTokenMs: Spread
  readonly interTokenMs: Spread
  readonly replicaHours: number
  readonly overHours: number
  readonly underHours: number
  /** Requests that arrived while no replica was ready, and how long they waited for the first token. */
  readonly metNone: number
  readonly metNoneWaitMs: Spread
  readonly startCommands: number
  readonly changes: number
  readonly reversals: number
  readonly decisionUs: { readonly p50: number; readonly p99: number }
  readonly timeline: Timeline
}

export function outcomeOf(
  { requests, timeline, startCommands, decisionUs }: Played,
  slo: LatencySlo,
  policy: Policy,
): Outcome {
  const { trace, firstTokenAt, finishedAt, metNone } = requests
  const firstTokenMs: number[] = []
  const interTokenMs: number[] = []
  const coldMs: number[] = []
  const kept = { first: 0, inter: 0, both: 0 }
  let unfinished = 0
  for (let i = 0; i < trace.at.length; i++) {
    const first = firstTokenAt[i]! - trace.at[i]!
    if (Number.isNaN(finishedAt[i]!)) unfinished++
    if (!Number.isNaN(first)) firstTokenMs.push(first)
    if (metNone[i] === 1 && !Number.isNaN(first)) coldMs.push(first)
    const inter = interTokenMsOf(requests, i)
    if (inter !== null && !Number.isNaN(inter)) interTokenMs.push(inter)
    const isFirstKept = isFirstTokenKept(requests, i, slo)
    const isInterKept = isInterTokenKept(requests, i, slo)
    if (isFirstKept) kept.first++
    if (isInterKept) kept.inter++
    if (isFirstKept && isInterKept) kept.both++
  }
  const share = (count: number) => (trace.at.length > 0 ? count / trace.at.length : 1)
  return {
    policy: policy.name,
    family: policy.family,
    requests: trace.at.length,
    attainment: share(kept.both),
    firstTokenKept: share(kept.first),
    interTokenKept: share(kept.inter),
    unfinished,
    cachedShare: cachedShareOf(requests),
    firstTokenMs: spreadOf(firstTokenMs),
    interTokenMs: spreadOf(interTokenMs),
    replicaHours: timeline.replicaHours,
    overHours: timeline.overHours,
    underHours: timeline.underHours,
    metNone: metNone.reduce((sum, met) => sum + met, 0),
    metNoneWaitMs: spreadOf(coldMs),
    startCommands,
    changes: timeline.changes.length,
    reversals: timeline.reversals,
    decisionUs,
    timeline,
  }
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort()
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
  const mean = sorted.reduce((sum, value) => sum + value, 0) / Math.max(1, sorted.length)
  return { mean, p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

function cachedShareOf({ trace, cachedTokens }: Requests): number {
  const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0)
  return sum(cachedTokens) / Math.max(1, sum(trace.input))
}
