/**
 * How far a replica is trusted, judged by its answers alone.
 *
 *     warming ──answers, or time passes──▶ trusted ──fails──▶ avoided, longer each time ──▶ warming
 *
 * A new replica is given more as it answers, so that nobody floods a cold one. One that fails is avoided, and
 * afterwards begins as if it were new: an answer makes all well, another failure makes the next pause longer. One
 * that answers slower than the others for the same work counts as if it were busier. All of this is a preference
 * among replicas and never a reason to refuse: if they are all like that, none of it counts.
 */

/** A replica that is warming up gets this many requests at once, and this many more for each answer begun. */
const WARM_UP_REQUESTS = 2
const WARM_UP_MS = 30_000

const FIRST_AVOIDANCE_MS = 1_000
const LONGEST_AVOIDANCE_MS = 60_000
/** Answers of status 500 and above in a row; fewer may be the requests' own fault. */
const ERRORS_IN_A_ROW = 5
/** An engine that is full says so quickly, which makes it look free. */
const TOO_MANY_REQUESTS = 429

/** The weight of one more answer in what is known of the pace. */
const PACE_WEIGHT = 0.1
const PACE_ANSWERS = 8
/** Up to so many times the usual pace is nothing special: requests differ, and a busy replica shows as busy. */
const PACE_TOLERANCE = 2
const GREATEST_SLOWNESS = 8
/** What was seen so long ago counts half, so that a replica that recovered is tried again. */
const PACE_HALF_LIFE_MS = 60_000

/** Milliseconds for a unit of work, as a logarithm, because twice as slow and twice as fast are equally far. */
export type Pace = { readonly log: number; readonly answers: number; readonly at: number }

export type ReplicaHealth = {
  /** When it was listed, or failed last. */
  readonly since: number
  /** Answers begun since then. */
  readonly answers: number
  readonly failuresInARow: number
  readonly errorsInARow: number
  readonly avoidUntil: number
  readonly pace: Pace
}

export const NO_PACE: Pace = { log: 0, answers: 0, at: 0 }

export function newHealth(now: number): ReplicaHealth {
  return { since: now, answers: 0, failuresInARow: 0, errorsInARow: 0, avoidUntil: now, pace: NO_PACE }
}

/** It began to answer, after `ms` for `work` units that were ahead of the answer. */
export function afterAnswer(health: ReplicaHealth, work: number, ms: number, now: number): ReplicaHealth {
  return {
    ...health,
    answers: health.answers + 1,
    failuresInARow: 0,
    pace: paced(health.pace, work, ms, now),
  }
}

/** It could not be reached, or broke a connection, or was silent for too long. */
export function afterFailure(health: ReplicaHealth, now: number): ReplicaHealth {
  // Requests that were under way together fail together; that is one failure.
  if (now < health.avoidUntil) return health
  const pauseMs = Math.min(LONGEST_AVOIDANCE_MS, FIRST_AVOIDANCE_MS * 2 ** health.failuresInARow)
  return {
    ...health,
    since: now + pauseMs,
    answers: 0,
    failuresInARow: health.failuresInARow + 1,
    errorsInARow: 0,
    avoidUntil: now + pauseMs,
  }
}

/** It ended a request with this status. */
export function afterStatus(health: ReplicaHealth, status: number, now: number): ReplicaHealth {
  if (status < 500 && status !== TOO_MANY_REQUESTS)
    return health.errorsInARow === 0 ? health : { ...health, errorsInARow: 0 }
  const errorsInARow = health.errorsInARow + 1
  return errorsInARow < ERRORS_IN_A_ROW ? { ...health, errorsInARow } : afterFailure(health, now)
}

/** Whether another replica should get the request, if there is one that need not be avoided. */
export function isAvoided(health: ReplicaHealth, inFlight: number, now: number): boolean {
  if (now < health.avoidUntil) return true
  return now - health.since < WARM_UP_MS && inFlight >= WARM_UP_REQUESTS * (1 + health.answers)
}

/** How many times busier it should look than it is, at least 1, by what is `usual` among the replicas. */
export function slowness({ pace }: ReplicaHealth, usual: Pace, now: number): number {
  if (pace.answers < PACE_ANSWERS) return 1
  const ratio = Math.exp(pace.log - usual.log)
  if (ratio <= PACE_TOLERANCE) return 1
  const fresh = 2 ** (-Math.max(0, now - pace.at) / PACE_HALF_LIFE_MS)
  return 1 + (Math.min(GREATEST_SLOWNESS, ratio / PACE_TOLERANCE) - 1) * fresh
}

export function paced(pace: Pace, work: number, ms: number, now: number): Pace {
  const log = Math.log(Math.max(1, ms) / Math.max(1, work))
  const weight = Math.max(PACE_WEIGHT, 1 / (pace.answers + 1))
  return { log: pace.log + weight * (log - pace.log), answers: pace.answers + 1, at: now }
}
