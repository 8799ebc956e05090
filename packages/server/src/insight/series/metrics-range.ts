/** Which range of time is asked for, in which steps, and from which files it is answered. Pure. */
import { MAX_METRIC_POINTS } from '@berth/contract'
import { PlatformError } from '../../domain/errors.ts'
import { floorTo, type Level, levelFor } from './level.ts'

export type MetricsRange = {
  /** Where the first step begins. */
  readonly from: number
  /** Where the last step ends. */
  readonly to: number
  readonly stepMs: number
  readonly level: Level
}

const HOUR_MS = 3_600_000
const WANTED_POINTS = 200
const SECOND_MS = 1_000
/** Steps that a person reads off a time axis. */
const STEPS_MS = [10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400].map(
  (seconds) => seconds * SECOND_MS,
)

/** @throws PlatformError `invalid` for a range that is turned round or has too many points. */
export function metricsRange(
  asked: {
    readonly from: number | undefined
    readonly to: number | undefined
    readonly stepMs: number | undefined
  },
  now: number,
): MetricsRange {
  const to = asked.to ?? now
  const from = asked.from ?? to - HOUR_MS
  if (from >= to) {
    throw new PlatformError(
      'invalid',
      `from is ${iso(from)} and to is ${iso(to)}: the range must end after it begins.`,
      { field: 'from' },
    )
  }
  const wished =
    asked.stepMs ?? STEPS_MS.find((step) => (to - from) / step <= WANTED_POINTS) ?? STEPS_MS.at(-1)!
  const level = levelFor({ from, stepMs: wished, now })
  const stepMs = Math.ceil(wished / level.widthMs) * level.widthMs
  const first = floorTo(from, stepMs)
  const last = floorTo(to - 1, stepMs) + stepMs
  const points = (last - first) / stepMs
  if (points > MAX_METRIC_POINTS) {
    const least = Math.ceil((to - from) / MAX_METRIC_POINTS / SECOND_MS)
    throw new PlatformError(
      'invalid',
      `step is ${stepMs / SECOND_MS}, which makes ${points} points of this range, and ${MAX_METRIC_POINTS} is the most: ask for steps of ${least} seconds or more.`,
      { field: 'step' },
    )
  }
  return { from: first, to: last, stepMs, level }
}

const iso = (ms: number) => new Date(ms).toISOString()
