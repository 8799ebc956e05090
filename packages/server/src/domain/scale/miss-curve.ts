/**
 * Which share of the requests misses its promise at which utilisation, as seen so far.
 *
 * Utilisation is the need divided by what is ready: 1 is a fleet that is just large enough on average. Requests differ,
 * so promises are missed well below 1, and how many depends on the traffic: on long prompts between short answers, on
 * bursts. What was not tried yet is believed to be good, so that it is tried. More load never misses less.
 */

/** Upper ends of the bins; the last one is open. */
export const UTILISATION_BINS = [
  0.12, 0.16, 0.2, 0.25, 0.31, 0.38, 0.46, 0.55, 0.65, 0.76, 0.88, 1, 1.15, 1.4,
] as const
export const BINS = UTILISATION_BINS.length + 1
/** What is believed before anything was seen, and as how many requests it counts. */
const PRIOR_MISSES = [
  0, 0, 0, 0.002, 0.004, 0.007, 0.01, 0.015, 0.02, 0.03, 0.06, 0.12, 0.35, 0.7, 1,
] as const
const PRIOR_REQUESTS = 100

export type MissCurve = { readonly seen: readonly number[]; readonly missed: readonly number[] }

export function noMisses(): MissCurve {
  const zeros = new Array<number>(BINS).fill(0)
  return { seen: zeros, missed: zeros }
}

export function binOf(utilisation: number): number {
  let bin = 0
  while (bin < BINS - 1 && utilisation > UTILISATION_BINS[bin]!) bin++
  return bin
}

/** @param fading how much what was seen before still counts. */
export function withOutcome(
  before: MissCurve,
  utilisation: number,
  { seen, missed, fading }: { seen: number; missed: number; fading: number },
): MissCurve {
  const bin = binOf(utilisation)
  const fade = (counts: readonly number[], added: number) => {
    return counts.map((count, i) => count * fading + (i === bin ? added : 0))
  }
  return { seen: fade(before.seen, seen), missed: fade(before.missed, Math.min(missed, seen)) }
}

/** @returns the share that misses, bin by bin, never falling: neighbours that contradict each other are one. */
export function missShares({ seen, missed }: MissCurve): number[] {
  const weights: number[] = []
  const shares: number[] = []
  const widths: number[] = []
  for (let bin = 0; bin < BINS; bin++) {
    let weight = seen[bin]! + PRIOR_REQUESTS
    let share = (missed[bin]! + PRIOR_MISSES[bin]! * PRIOR_REQUESTS) / weight
    let width = 1
    while (shares.length > 0 && shares.at(-1)! > share) {
      const before = weights.pop()!
      share = (share * weight + shares.pop()! * before) / (weight + before)
      weight += before
      width += widths.pop()!
    }
    weights.push(weight)
    shares.push(share)
    widths.push(width)
  }
  return shares.flatMap((share, i) => new Array<number>(widths[i]!).fill(share))
}
