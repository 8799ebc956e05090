/** Made-up loads that show one thing each, the same in every run. */
import { EVERYDAY, type Hardship } from './fleet.ts'
import { Random } from './random.ts'
import { type Trace, traceOf } from './trace.ts'

export type Scenario = { readonly trace: Trace; readonly hardship: Hardship; readonly about: string }

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const PROMPT_TOKENS = 800
const ANSWER_TOKENS = 200
/** Requests a second that a small replica or two carry. */
const CALM_RATE = 1
const BUSY_RATE = 8

type Rate = (atMs: number) => number

/** @param startMs the cold start, for the loads that are meant to hurt with exactly that one. */
export function scenarios(startMs: number, seed = 7): Scenario[] {
  const busyFrom = (from: number, to: number) => (at: number) =>
    at >= from && at < to ? BUSY_RATE : CALM_RATE
  const step = busyFrom(HOUR_MS, 2 * HOUR_MS)
  const ramp: Rate = (at) => CALM_RATE + (BUSY_RATE - CALM_RATE) * Math.min(1, at / (2 * HOUR_MS))
  const square: Rate = (at) => (Math.floor(at / startMs) % 2 === 0 ? CALM_RATE : BUSY_RATE)
  const night = busyFrom(6 * HOUR_MS, 9 * HOUR_MS)
  const silent: Rate = (at) => (at >= HOUR_MS && at < 6 * HOUR_MS ? 0 : night(at))
  const steady: Rate = () => BUSY_RATE / 2
  const crashesAt = [HOUR_MS, HOUR_MS + 20 * MINUTE_MS, 2 * HOUR_MS]
  return [
    scenario('step-x8', 'eight times the load at once, for an hour', step, 3 * HOUR_MS, seed),
    scenario('ramp', 'from calm to busy in two hours', ramp, 3 * HOUR_MS, seed),
    scenario('square', 'calm and busy in turn, each as long as a cold start', square, 3 * HOUR_MS, seed),
    scenario('silent-night', 'five hours without a request, then a busy morning', silent, 10 * HOUR_MS, seed),
    scenario('crash', 'the busiest replica dies three times', steady, 3 * HOUR_MS, seed, { crashesAt }),
    scenario('start-failures', 'a step, and a third of the starts are in vain', step, 3 * HOUR_MS, seed, {
      startFailureShare: 1 / 3,
    }),
    scenario('slow-replica', 'one of the replicas is three times slower', steady, 3 * HOUR_MS, seed, {
      slowReplica: { number: 2, factor: 3 },
    }),
  ]
}

function scenario(
  name: string,
  about: string,
  rate: Rate,
  lengthMs: number,
  seed: number,
  hardship: Partial<Hardship> = {},
): Scenario {
  return { trace: poisson(name, rate, lengthMs, seed), about, hardship: { ...EVERYDAY, ...hardship } }
}

/** Arrivals at a rate that changes, by thinning a process at the highest one. */
export function poisson(name: string, rate: Rate, lengthMs: number, seed: number): Trace {
  const random = new Random(seed)
  const rows: { at: number; input: number; output: number }[] = []
  for (let at = random.gap(1_000 / BUSY_RATE); at < lengthMs; at += random.gap(1_000 / BUSY_RATE)) {
    const isKept = random.next() * BUSY_RATE < rate(at)
    const sizes = sizesOfChat(random)
    if (isKept) rows.push({ at, ...sizes })
  }
  return traceOf(name, rows)
}

export function sizesOfChat(random: Random): { input: number; output: number } {
  const input = Math.ceil(random.around(PROMPT_TOKENS, 0.8))
  const output = Math.ceil(random.around(ANSWER_TOKENS, 0.8))
  return { input: Math.min(input, 16_000), output: Math.min(output, 4_000) }
}
