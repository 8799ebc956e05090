/**
 * The simple rules among which the back-test chooses.
 *
 * An expert is `ceil(factor × signal + extra)`. A signal is the need, smoothed over some time and held at its largest
 * for some time, which is a multiple of the cold start.
 */

export const SMOOTHING_MS = [10_000, 60_000, 300_000, 900_000] as const

/** Which smoothing, held for how many cold starts. */
export const SIGNALS = [
  { smoothing: 0, holdStarts: 2 },
  { smoothing: 0, holdStarts: 6 },
  { smoothing: 1, holdStarts: 2 },
  { smoothing: 1, holdStarts: 6 },
  { smoothing: 2, holdStarts: 1 },
  { smoothing: 2, holdStarts: 4 },
  { smoothing: 3, holdStarts: 1 },
] as const

const FACTORS = [0.8, 0.9, 1, 1.15, 1.3, 1.5, 1.75, 2.1, 2.6, 3.2, 4, 5.2] as const
const EXTRAS = [0, 1] as const
const REASONABLE_FACTOR = 2.1
export const RULES = FACTORS.length * EXTRAS.length
export const EXPERTS = SIGNALS.length * RULES

/** Followed before there is evidence. */
export const FIRST_EXPERT = 2 * RULES + FACTORS.indexOf(1.5) * EXTRAS.length

export function signalOf(expert: number): number {
  return Math.floor(expert / RULES)
}

/** @param rule the expert's number within its signal. */
export function countBy(rule: number, signal: number): number {
  const factor = FACTORS[Math.floor(rule / EXTRAS.length)]!
  return Math.max(1, Math.ceil(factor * signal + EXTRAS[rule % EXTRAS.length]!))
}

/** Not so generous that nobody would choose it: what none of these avoids cannot be avoided. */
export function isReasonable(rule: number): boolean {
  return FACTORS[Math.floor(rule / EXTRAS.length)]! <= REASONABLE_FACTOR
}
