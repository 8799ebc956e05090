/**
 * What an engine can be asked to see whether it works when its answers do not show it, and what its replies show.
 * Plain data: the gateway asks, and only the engines room knows what.
 */
export type Vitals = {
  /** The least that it can compute: one token of a prompt of one letter, or its like. */
  readonly question: { readonly path: string; readonly body: string }
  /** Whether it may be asked of a replica that has nothing to do: nobody loses a place in a cache for the answer. */
  readonly isAskedWhenIdle: boolean
  /** Counters of its metrics page, of which some grow with every step of its work, whoever it works for. */
  readonly counters: { readonly path: string; readonly names: readonly string[] }
}

export type Replies = {
  /** The sum of the counters; `none` for a page without them. */
  readonly counters: number | 'none' | 'silent'
  /** The status of its answer. A replica that is full is not asked: its work comes first, and it would say nothing. */
  readonly question: number | 'silent' | 'not asked'
}

const TOO_MANY_REQUESTS = 429

/**
 * @param before the sum of the counters at the last look; undefined at the first.
 * @returns `unclear` where nothing was learnt, as from a first look at the counters.
 */
export function whatRepliesShow(
  before: number | undefined,
  { counters, question }: Replies,
): 'life' | 'nothing' | 'unclear' {
  if (typeof question === 'number' && question < 300) return 'life'
  const isCompared = typeof counters === 'number' && before !== undefined
  if (isCompared && counters !== before) return 'life'
  if (isCompared || counters === 'silent') return 'nothing'
  // Any other refusal says that the question was not understood, and nothing about work.
  const isUnanswered =
    question === 'silent' ||
    (typeof question === 'number' && (question >= 500 || question === TOO_MANY_REQUESTS))
  return isUnanswered ? 'nothing' : 'unclear'
}

/**
 * Of a replica that had nothing to do, so that its counters stand still. Whoever refuses the question listens at least,
 * and may just not know it: a model that ranks has no embeddings.
 */
export const whatIdleReplyShows = (question: number | 'silent'): 'life' | 'nothing' =>
  question === 'silent' || question >= 500 ? 'nothing' : 'life'

export const idleReplyInWords = (question: number | 'silent'): string =>
  question === 'silent'
    ? 'left the smallest question unanswered'
    : `answered the smallest question with ${question}`

/** For a person. */
export function repliesInWords({ counters, question }: Replies): string {
  const page =
    counters === 'silent'
      ? 'did not show its metrics'
      : counters === 'none'
        ? 'showed none of its counters'
        : 'showed counters that stood still'
  switch (question) {
    case 'silent':
      return `${page} and left the smallest question unanswered`
    case 'not asked':
      return `${page}, and was full`
    default:
      return `${page} and answered the smallest question with ${question}`
  }
}

/** All samples of the counters together; undefined where the page has none of them. */
export function sumOfCounters(page: string, names: readonly string[]): number | undefined {
  let sum: number | undefined
  for (const line of page.split('\n')) {
    const sample = /^([\w:]+)(?:\{.*\})? (\S+)/.exec(line)
    if (!sample || !names.includes(sample[1]!)) continue
    const value = Number(sample[2])
    if (Number.isFinite(value)) sum = (sum ?? 0) + value
  }
  return sum
}
