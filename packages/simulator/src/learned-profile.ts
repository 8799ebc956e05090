/**
 * What a replica of one endpoint carries, from how its own requests fared: the same regression that the autoscaler
 * learns by, over requests that overlapped on the same replica.
 */
import type { CapacityProfile } from '@berth/server/domain/scale/capacity-profile'
import { corrected, nothingLearned, withBatch } from '@berth/server/domain/scale/learned-capacity'
import type { ReplicaProfile } from './profiles.ts'

export type SeenRequest = {
  readonly atMs: number
  readonly inputTokens: number
  readonly cachedTokens: number
  readonly outputTokens: number
  readonly heldMs: number
  readonly durationMs: number
  readonly firstTokenMs: number | null
  readonly interTokenMs: number | null
  readonly replica: number
}

/** Before anything was seen: orders of magnitude. */
const USUAL_STEP_MS = 30
const USUAL_PREFILL_MS_PER_TOKEN = 0.3
const USUAL_START_MS = 30_000
const SEQUENCE_SHARE = 0.02
const CONTEXT_TOKEN_SHARE = 1e-5
/** Shorter prompts say more about everything else. */
const LEAST_PROMPT_TOKENS = 64
/** What was never reached is believed to be possible up to these. */
const LEAST_SEQUENCES = 8
const LEAST_CONTEXT_TOKENS = 8_192
const PREFILL_TOKENS_PER_STEP = 512
/** More of them say the same. */
const MOST_OBSERVATIONS = 20_000

export function learnedProfile(
  requests: readonly SeenRequest[],
  startTimesMs: readonly number[],
): ReplicaProfile {
  const answered = requests.filter(({ replica, outputTokens }) => replica !== 0 && outputTokens > 0)
  const crowds = new Map(
    [...Map.groupBy(answered, ({ replica }) => replica)].map(([id, all]) => [id, crowdOf(all)]),
  )
  const prior = priorOf(answered, startTimesMs)
  let learned = nothingLearned()
  let peak = 0
  let mostContext = 0
  const stride = Math.max(1, Math.ceil(answered.length / MOST_OBSERVATIONS))
  answered.forEach((request, i) => {
    const { sequences, contextTokens, prefillTokensPerSecond } = crowds.get(request.replica)!(request)
    peak = Math.max(peak, sequences)
    mostContext = Math.max(mostContext, contextTokens)
    const interTokenMs = interTokenMsOf(request)
    if (i % stride !== 0 || interTokenMs === undefined) return
    learned = withBatch(learned, prior, { sequences, contextTokens, prefillTokensPerSecond, interTokenMs })
  })
  return {
    ...corrected(prior, learned),
    name: 'learned',
    maxSequences: Math.max(LEAST_SEQUENCES, peak),
    contextTokens: Math.max(LEAST_CONTEXT_TOKENS, Math.ceil(mostContext)),
    prefillTokensPerStep: PREFILL_TOKENS_PER_STEP,
  }
}

function priorOf(answered: readonly SeenRequest[], startTimesMs: readonly number[]): CapacityProfile {
  const steps = answered.flatMap((request) => interTokenMsOf(request) ?? [])
  const stepMs = quantile(steps, 0.1) ?? USUAL_STEP_MS
  const prefills = answered.flatMap((request) => {
    const fresh = freshTokens(request)
    const { firstTokenMs } = request
    return firstTokenMs !== null && fresh >= LEAST_PROMPT_TOKENS
      ? Math.max(0, firstTokenMs - stepMs) / fresh
      : []
  })
  return {
    stepMs,
    stepMsPerSequence: SEQUENCE_SHARE * stepMs,
    stepMsPerContextToken: CONTEXT_TOKEN_SHARE * stepMs,
    prefillMsPerToken: quantile(prefills, 0.1) ?? USUAL_PREFILL_MS_PER_TOKEN,
    maxSequences: LEAST_SEQUENCES,
    contextTokens: LEAST_CONTEXT_TOKENS,
    startMs: quantile(startTimesMs, 0.5) ?? USUAL_START_MS,
  }
}

/** An answer that was no stream shows it by how long it took in all. */
function interTokenMsOf(request: SeenRequest): number | undefined {
  const { interTokenMs, durationMs, heldMs, outputTokens } = request
  const ms = interTokenMs ?? (durationMs - heldMs) / Math.max(1, outputTokens)
  return ms > 0 && outputTokens > 1 ? ms : undefined
}

const freshTokens = ({ inputTokens, cachedTokens }: SeenRequest) => Math.max(0, inputTokens - cachedTokens)

/** What a request shared its replica with, in the middle of its stay. */
function crowdOf(requests: readonly SeenRequest[]) {
  const sizeOf = ({ inputTokens, outputTokens }: SeenRequest) => inputTokens + outputTokens / 2
  const begun = sumsOver(requests, firstTokenAt, sizeOf)
  const ended = sumsOver(requests, endOf, sizeOf)
  const read = sumsOver(requests, firstTokenAt, freshTokens)
  return (request: SeenRequest) => {
    const from = firstTokenAt(request)
    const to = endOf(request)
    const [before, after] = [begun((from + to) / 2), ended((from + to) / 2)]
    const seconds = Math.max(1, to - from) / 1_000
    return {
      sequences: Math.max(1, before.count - after.count),
      contextTokens: Math.max(0, before.sum - after.sum),
      prefillTokensPerSecond: Math.max(0, read(to).sum - read(from).sum) / seconds,
    }
  }
}

/** From then on it is in the batch; before, it may have waited inside the engine. */
const firstTokenAt = ({ atMs, heldMs, firstTokenMs }: SeenRequest) => atMs + heldMs + (firstTokenMs ?? 0)
const endOf = ({ atMs, durationMs }: SeenRequest) => atMs + durationMs

/** @returns how many there are up to a time, and the sum of their values. */
function sumsOver(
  requests: readonly SeenRequest[],
  timeOf: (request: SeenRequest) => number,
  amountOf: (request: SeenRequest) => number,
): (time: number) => { readonly count: number; readonly sum: number } {
  const sorted = requests.toSorted((a, b) => timeOf(a) - timeOf(b))
  const times = Float64Array.from(sorted, timeOf)
  const sums = new Float64Array(sorted.length + 1)
  sorted.forEach((request, i) => {
    sums[i + 1] = sums[i]! + amountOf(request)
  })
  return (time) => {
    let low = 0
    let high = times.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (times[middle]! <= time) low = middle + 1
      else high = middle
    }
    return { count: low, sum: sums[low]! }
  }
}

function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(share * (sorted.length - 1))]
}
