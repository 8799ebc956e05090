/**
 * How many more replicas than the need, learned from the promises that were kept and missed.
 *
 * Requests differ and come in bursts, so a fleet that is just large enough on average misses promises, and how many
 * depends on the traffic. The head-room begins at what most traffic wants. While more promises are missed than should be
 * it grows, while hardly any are it shrinks, and in between it stays: a number that moves all the time would move the
 * fleet. Only misses that more head-room would have avoided count: a request that is slow on an idle fleet stays slow, and
 * eight times the load at once is more than anybody keeps ready.
 */
import { type ExtremeWindow, emptyExtremes, largestOf, smallestOf, withExtreme } from './extreme-window.ts'

/** Where it begins, and the least: with less, what a usual burst misses costs more than the replicas. */
export const SMALLEST_HEAD_ROOM = 1.5
const LARGEST_HEAD_ROOM = 4
/** Of what may be missed: above this share the head-room grows, below the other it shrinks. */
const GROWING_SHARE = 0.7
const SHRINKING_SHARE = 0.25
/** A request counts half after so many further ones. */
const HALF_LIFE_REQUESTS = 2_000
/** Believed before anything was seen, as between those shares. */
const PRIOR_REQUESTS = 500
const PRIOR_SHARE = 0.4
/** By which share the head-room changes for each request and each whole of missed promises too many. */
const CHANGE_PER_REQUEST = 3e-4
/** Between these more head-room would have helped: not an idle fleet, nor one that met several times its load at once. */
const IDLE_UTILISATION = 0.4
const HOPELESS_UTILISATION = 1.5
/** A promise missed now was missed because of the busiest of the last while. */
const BLAMED_MS = 60_000
const BLAMED_CELLS = 6

export type HeadRoom = {
  readonly factor: number
  /** Requests, and those whose promise was missed for want of replicas; old ones fade. */
  readonly seen: number
  readonly missed: number
  readonly needs: ExtremeWindow
  readonly ready: ExtremeWindow
}

export type Outcomes = { readonly seen: number; readonly missed: number }

export function firstHeadRoom(at: number, attainment: number): HeadRoom {
  return {
    factor: SMALLEST_HEAD_ROOM,
    seen: PRIOR_REQUESTS,
    missed: PRIOR_REQUESTS * PRIOR_SHARE * (1 - attainment),
    needs: emptyExtremes(BLAMED_MS, BLAMED_CELLS, at),
    ready: emptyExtremes(BLAMED_MS, BLAMED_CELLS, at),
  }
}

/**
 * @param canTeach whether more replicas could have kept what was missed: not before the first are up, and not when one
 * alone is too slow.
 */
export function withOutcomes(
  before: HeadRoom,
  { seen, missed }: Outcomes,
  facts: { need: number; ready: number; attainment: number; canTeach: boolean; at: number },
): HeadRoom {
  const needs = withExtreme(before.needs, facts.need, facts.at)
  const ready = withExtreme(before.ready, facts.ready, facts.at)
  if (seen === 0 || !facts.canTeach) return { ...before, needs, ready }
  const utilisation = largestOf(needs) / Math.max(1, smallestOf(ready))
  const isToBlame = utilisation >= IDLE_UTILISATION && utilisation <= HOPELESS_UTILISATION
  const fading = 0.5 ** (seen / HALF_LIFE_REQUESTS)
  const next = {
    needs,
    ready,
    seen: before.seen * fading + seen,
    missed: before.missed * fading + (isToBlame ? Math.min(seen, missed) : 0),
  }
  const share = next.missed / next.seen
  const allowed = 1 - facts.attainment
  const excess = Math.max(0, share - GROWING_SHARE * allowed) + Math.min(0, share - SHRINKING_SHARE * allowed)
  const factor = before.factor * Math.exp(CHANGE_PER_REQUEST * seen * excess)
  return { ...next, factor: Math.min(Math.max(factor, SMALLEST_HEAD_ROOM), LARGEST_HEAD_ROOM) }
}

/** Missed of a hundred, lately. */
export function missedPercent({ seen, missed }: HeadRoom): number {
  return (100 * missed) / seen
}
