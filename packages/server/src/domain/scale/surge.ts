/**
 * Whether a flow of requests just began, and how large it is.
 *
 * Arrivals are counted over a share of the time that an answer takes: what comes in less hardly fills a replica. The
 * shorter that while, the fewer arrivals there are and the more they may be chance, so each is asked how many come at
 * least whenever so many are seen. A tenth or a sixth of an answer is asked as if arrivals were even; a twentieth only
 * counts as far as this endpoint's arrivals have been even.
 */
import { covers, meanOver, type TimeAverage } from './time-average.ts'

/** @property certainty standard deviations between what was seen and what it stands for at least. */
type Window = { readonly windowMs: number; readonly certainty: number }

const QUICK = { shareOfAnswer: 1 / 20, shortestMs: 1_000, certainty: 1.5 }
const STEADY = { sharesOfAnswer: [1 / 10, 1 / 6], shortestMs: 2_000, certainty: 2.5 }
const LONGEST_WINDOW_MS = 20_000
/** A crowd at once is no flow: a surge has to show in two samples in a row, each this close to the whole of it. */
const LASTING_SHARE = 1.5
/** Arrivals count half after so many further ones; before any, they are believed to be this uneven. */
const HALF_LIFE_ARRIVALS = 3_000
const PRIOR_ARRIVALS = 100
const PRIOR_UNEVENNESS = 4
/** In the time of a window. */
const MORE_THAN_COME = 1e6

/** How far counts of arrivals were from what was usual, squared, and how many were usual: equal when they are even. */
export type Scatter = { readonly squares: number; readonly expected: number }

export type Arrivals = {
  /** Per second. */
  readonly arrivals: TimeAverage
  readonly lastRate: number
  readonly rateBefore: number
  readonly scatter: Scatter
}

export const PRIOR_SCATTER: Scatter = {
  squares: PRIOR_ARRIVALS * PRIOR_UNEVENNESS,
  expected: PRIOR_ARRIVALS,
}

/** @param expected as many as the usual rate comes to in the time that `arrivals` took. */
export function withArrivals(before: Scatter, arrivals: number, expected: number): Scatter {
  const fading = 0.5 ** (expected / HALF_LIFE_ARRIVALS)
  return {
    squares: before.squares * fading + (arrivals - expected) ** 2,
    expected: before.expected * fading + expected,
  }
}

/**
 * In whichever of the windows the rise is most certain: the shorter ones right after it, the longer ones later.
 * @returns requests a second.
 */
export function surgeOf(
  { arrivals, lastRate, rateBefore, scatter }: Arrivals,
  answerMs: number,
): { likely: number; certain: number } {
  const lasting = LASTING_SHARE * Math.min(lastRate, rateBefore)
  let surge = { likely: 0, certain: 0 }
  for (const { windowMs, certainty } of windowsOf(scatter, answerMs)) {
    if (!covers(arrivals, windowMs)) continue
    const rate = meanOver(arrivals, windowMs)
    const seen = (rate * windowMs) / 1_000
    const certain = Math.min(lasting, (certainCount(seen, certainty) * 1_000) / windowMs)
    if (certain > surge.certain) surge = { likely: Math.min(rate, lasting), certain }
  }
  return surge
}

/** @returns how many more arrivals may make `rate` requests a second certain; fewer cannot. */
export function arrivalsUntilSurge({ arrivals, scatter }: Arrivals, answerMs: number, rate: number): number {
  let fewest = Number.MAX_SAFE_INTEGER
  for (const { windowMs, certainty } of windowsOf(scatter, answerMs)) {
    const seen = (meanOver(arrivals, windowMs) * windowMs) / 1_000
    fewest = Math.min(fewest, countOfCertain((rate * windowMs) / 1_000, certainty) - seen)
  }
  return Math.max(1, Math.ceil(fewest))
}

function windowsOf({ squares, expected }: Scatter, answerMs: number): Window[] {
  const unevenness = Math.sqrt(Math.max(1, squares / expected))
  const windowMs = (share: number, shortestMs: number) =>
    Math.min(Math.max(share * answerMs, shortestMs), LONGEST_WINDOW_MS)
  return [
    {
      windowMs: windowMs(QUICK.shareOfAnswer, QUICK.shortestMs),
      certainty: QUICK.certainty * unevenness,
    },
    ...STEADY.sharesOfAnswer.map((share) => {
      return { windowMs: windowMs(share, STEADY.shortestMs), certainty: STEADY.certainty }
    }),
  ]
}

/**
 * The mean that so many arrivals at least have, by Wilson and Hilferty's approximation. A multiple of the square root
 * less comes to the same for hundreds, and to far too little for the few that a rise begins with.
 */
function certainCount(count: number, certainty: number): number {
  if (count <= 0) return 0
  return count * Math.max(0, 1 - 1 / (9 * count) - certainty / (3 * Math.sqrt(count))) ** 3
}

/** The fewest that are at least so many with that certainty. */
function countOfCertain(mean: number, certainty: number): number {
  if (mean > MORE_THAN_COME) return mean
  let tooFew = Math.floor(mean)
  let enough = tooFew + 1
  while (certainCount(enough, certainty) < mean) {
    tooFew = enough
    enough *= 2
  }
  while (enough - tooFew > 1) {
    const middle = Math.floor((tooFew + enough) / 2)
    if (certainCount(middle, certainty) < mean) tooFew = middle
    else enough = middle
  }
  return enough
}
