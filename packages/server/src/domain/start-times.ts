/**
 * How long the starts of one endpoint took, and what that says of the next one.
 *
 * Starts come in kinds: files in the page cache or not, code compiled or not. So the newest few are kept as they were,
 * and the estimate is taken from their middle and their edges.
 */

export const START_TIMES_KEPT = 20
/** Of starts that were seen. Of those to come a few less lie within: of twenty that were seen, 86 % instead of 95. */
const BAND = [0.025, 0.975] as const
/** A band is never narrower than this share around it: the machine has other things to do. */
const LEAST_SLACK = 0.15
/** So much wider per start that is missing to a history worth trusting. */
const FEW_SLACK = 0.5
const LEAST_SLACK_MS = 100

export type StartEstimate = {
  readonly usualMs: number
  readonly earliestMs: number
  readonly latestMs: number
}

/** Newest last. */
export function withStartTime(before: readonly number[], tookMs: number): readonly number[] {
  if (!(tookMs >= 0) || !Number.isFinite(tookMs)) return before
  return [...before, Math.round(tookMs)].slice(-START_TIMES_KEPT)
}

/** @returns undefined before the first start was seen. */
export function startEstimate(startTimes: readonly number[] | undefined): StartEstimate | undefined {
  if (!startTimes || startTimes.length === 0) return undefined
  const sorted = startTimes.toSorted((a, b) => a - b)
  const usualMs = quantile(sorted, 0.5)
  const slack = LEAST_SLACK + FEW_SLACK / startTimes.length
  const slackMs = Math.max(LEAST_SLACK_MS, slack * usualMs)
  return {
    usualMs,
    earliestMs: Math.max(0, Math.min(quantile(sorted, BAND[0]), usualMs - slackMs)),
    latestMs: Math.max(quantile(sorted, BAND[1]), usualMs + slackMs),
  }
}

/** Between the two nearest values. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1)
  const below = sorted[Math.floor(at)]!
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at))
}

/** What is known of the next moment with a ready replica. */
export type ExpectedStart = StartEstimate & {
  /** When the start began; ahead while files are fetched first; null while nothing starts. */
  readonly since: number | null
}

/** Milliseconds from now: the usual case, and the earliest and latest that are usual. */
export type TimeLeft = { readonly etaMs: number; readonly rangeMs: readonly [number, number] }

/** @returns undefined when nothing is known, or when it takes longer than it ever did. */
export function timeLeft(start: ExpectedStart | null | undefined, now: number): TimeLeft | undefined {
  if (!start) return undefined
  const since = start.since ?? now
  const latest = since + start.latestMs - now
  if (latest <= 0) return undefined
  // Past its usual time it is somewhere in what is left.
  const usual = since + start.usualMs - now
  const earliest = Math.max(0, since + start.earliestMs - now)
  const etaMs = usual > 0 ? usual : latest / 2
  return { etaMs: Math.round(etaMs), rangeMs: [Math.round(Math.min(earliest, etaMs)), Math.round(latest)] }
}

/** "ready in about 3 s (2 to 5 s)": whole seconds, since nobody waits for less. */
export function timeLeftInWords({ etaMs, rangeMs: [earliest, latest] }: TimeLeft): string {
  const seconds = (ms: number) => Math.max(1, Math.round(ms / 1_000))
  const range = seconds(latest) > seconds(earliest) ? ` (${seconds(earliest)} to ${seconds(latest)} s)` : ''
  return `ready in about ${seconds(etaMs)} s${range}`
}
