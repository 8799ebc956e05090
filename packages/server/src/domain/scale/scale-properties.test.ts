/** What the autoscaler promises whatever comes: the loads here are made up by fast-check. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ScaleSample } from './scale-sample.ts'
import { scaleSpecRefusal } from './scale-spec.ts'
import {
  chatting,
  first,
  hardwareMeasure,
  NOON,
  pendingMeasure,
  play,
  sample,
  sloMeasure,
  spec,
  times,
  tokens,
} from './scale-test-world.ts'
import { firstScaleState, LONGEST_GAP_MS, type ScaleState, step } from './step.ts'

const measures = [
  pendingMeasure,
  { ...pendingMeasure, oneAtATime: true },
  hardwareMeasure,
  { ...hardwareMeasure, oneAtATime: true },
  sloMeasure,
] as const
const anyMeasure = fc.constantFrom(...measures)

const count = (max: number) => fc.nat({ max })
const sanely: fc.Arbitrary<ScaleSample> = fc
  .record({
    arrivals: count(30),
    waiting: count(100),
    inFlight: count(200),
    percent: count(100),
    starting: count(3),
  })
  .chain(({ arrivals, waiting, inFlight, percent, starting }) => {
    return fc.constant(
      chatting(inFlight, {
        arrivals,
        waiting,
        pending: waiting + inFlight,
        hardwareUsage: percent,
        starting,
      }),
    )
  })
const weirdNumber = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(Number.NaN, -1, Infinity, 1e300))
const insanely: fc.Arbitrary<ScaleSample | undefined> = fc.option(
  fc
    .tuple(weirdNumber, weirdNumber, weirdNumber, weirdNumber, weirdNumber)
    .map(([arrivals, pending, inFlight, ready, generated]) => {
      return sample({
        arrivals,
        pending,
        inFlight,
        ready,
        hardwareUsage: pending,
        tokens: tokens({ generated }),
      })
    }),
  { nil: undefined },
)
/** Samples of every kind with clocks that jump. */
const anything = fc.array(
  fc.tuple(fc.oneof(sanely, insanely), fc.oneof(fc.integer({ min: -100_000, max: 10_000_000 }), weirdNumber)),
  { maxLength: 60 },
)

const runs = { numRuns: 60 }

/** The state after some minutes of a load that wanders. */
function reached(measure: (typeof measures)[number], loads: readonly ScaleSample[]): ScaleState {
  const stretched = loads.flatMap((load) => times(20, (ready: number) => ({ ...load, ready })))
  return play(first(2), stretched, spec({ measure })).state
}

describe('step', () => {
  test('decides a whole number within the bounds whatever it is told and whatever the clock does', () => {
    fc.assert(
      fc.property(anyMeasure, anything, count(5), count(20), (measure, events, min, more) => {
        const wanted = spec({ measure, min, max: min + more })
        let state = firstScaleState(min, NOON)
        for (const [measured, passedMs] of events) {
          const { state: next, decision } = step(state, measured, wanted, state.clock + passedMs)
          expect(Number.isInteger(decision.desired)).toBe(true)
          expect(decision.desired).toBeGreaterThanOrEqual(min)
          expect(decision.desired).toBeLessThanOrEqual(Math.max(1, min + more))
          expect(Object.values(decision.inputs).every(Number.isFinite)).toBe(true)
          expect(Number.isFinite(decision.holdsUntil)).toBe(true)
          state = next
        }
        expect(JSON.parse(JSON.stringify(state))).toEqual(state)
      }),
      runs,
    )
  })

  test('the same again gives the same, and an older state stays what it was', () => {
    fc.assert(
      fc.property(anyMeasure, fc.array(sanely, { minLength: 1, maxLength: 10 }), (measure, loads) => {
        const from = reached(measure, loads)
        const before = JSON.stringify(from)
        const once = play(from, loads, spec({ measure }))
        expect(JSON.stringify(from)).toBe(before)
        expect(play(from, loads, spec({ measure }))).toEqual(once)
      }),
      runs,
    )
  })

  test('more load never decides fewer replicas', () => {
    const isHf = (measure: (typeof measures)[number]) => measure.kind !== 'slo'
    fc.assert(
      fc.property(
        fc.constantFrom(...measures.filter(isHf)),
        fc.array(sanely, { maxLength: 8 }),
        sanely,
        fc.integer({ min: 1, max: 100 }),
        (measure, loads, load, more) => {
          const state = reached(measure, loads)
          const pending = load.pending + more
          const hardwareUsage = (load.hardwareUsage ?? 0) + more
          const heavier = { ...load, pending, waiting: load.waiting + more, hardwareUsage }
          const decide = (next: ScaleSample) => step(state, next, spec({ measure }), state.clock + 1_000)
          expect(decide(heavier).decision.desired).toBeGreaterThanOrEqual(decide(load).decision.desired)
        },
      ),
      runs,
    )
  })

  test('a load that does not change reaches a count that does not change', () => {
    fc.assert(
      fc.property(anyMeasure, fc.integer({ min: 1, max: 60 }), (measure, inFlight) => {
        const steady = (ready: number) => {
          const usage = Math.min(100, (100 * inFlight) / (8 * ready))
          return chatting(inFlight, { ready, pending: inFlight, hardwareUsage: usage })
        }
        // Two hours: long enough to come down from anything by one in six minutes, or by rules half forgotten.
        const settled = play(first(8), times(1_800, steady), spec({ measure }), 4_000)
        const after = play(settled.state, times(600, steady), spec({ measure }), 4_000)
        expect(new Set(after.decisions.map(({ desired }) => desired)).size).toBe(1)
      }),
      { numRuns: 12 },
    )
  })

  test('what is starting is not asked for again, and what never gets ready is not asked for without bound', () => {
    for (const measure of measures) {
      let queue = 0
      const never = (asked: number) => {
        queue += 3
        const load = { arrivals: 3, waiting: queue, pending: queue + 4, hardwareUsage: 100 }
        return { ...chatting(4, { ...load, ready: 1, starting: asked - 1 }) }
      }
      const { decisions } = play(first(1), times(3_000, never), spec({ measure, max: 10_000 }))
      const early = Math.max(...decisions.slice(0, 300).map(({ desired }) => desired))
      expect(decisions.at(-1)?.desired).toBeLessThanOrEqual(early + 1)
      expect(early).toBeLessThan(40)
    }
  })

  test('never goes down by more than a quarter, or one, while it is awake', () => {
    fc.assert(
      fc.property(anyMeasure, fc.array(sanely, { minLength: 2, maxLength: 20 }), (measure, loads) => {
        const stretched = loads.flatMap((load) => times(60, (ready: number) => ({ ...load, ready })))
        let before = 2
        for (const { desired } of play(first(2), stretched, spec({ measure, idleTimeoutMs: null }))
          .decisions) {
          expect(desired).toBeGreaterThanOrEqual(before - Math.max(1, Math.floor(before / 4)))
          before = desired
        }
      }),
      { numRuns: 20 },
    )
  })

  test('a single step of the load turns round once at most', () => {
    for (const measure of measures) {
      const steady = (inFlight: number) => (ready: number) => {
        const usage = Math.min(100, (100 * inFlight) / (8 * ready))
        return chatting(inFlight, { ready, pending: inFlight, hardwareUsage: usage })
      }
      const calm = play(first(3), times(2_400, steady(10)), spec({ measure })).state
      const { decisions } = play(calm, times(1_800, steady(50)), spec({ measure }))
      const changes = decisions
        .map(({ desired }) => desired)
        .filter((now, i, all) => i > 0 && now !== all[i - 1])
      const turns = changes.filter(
        (now, i) => i > 1 && now - changes[i - 1]! < 0 !== changes[i - 1]! - changes[i - 2]! < 0,
      )
      expect(turns.length).toBeLessThanOrEqual(1)
    }
  })

  test('without measurements nothing goes down, and nothing sleeps', () => {
    fc.assert(
      fc.property(anyMeasure, fc.array(sanely, { maxLength: 6 }), (measure, loads) => {
        const state = reached(measure, loads)
        const wanted = spec({ measure, idleTimeoutMs: 1_000 })
        const blind = play(state, times<ScaleSample | undefined>(2_000, undefined), wanted, 1_000)
        expect(blind.state.count).toBe(state.count)
        // One quiet sample after the silence does not count for all of it.
        const quiet = step(
          blind.state,
          sample({ hardwareUsage: 0, ready: state.count }),
          wanted,
          blind.state.clock + 1,
        )
        expect(quiet.decision.desired).toBe(state.count)
      }),
      runs,
    )
  })

  test('samples too far apart, and a clock that jumps, never take anything away', () => {
    fc.assert(
      fc.property(anyMeasure, fc.array(sanely, { maxLength: 6 }), (measure, loads) => {
        const state = reached(measure, loads)
        const wanted = spec({ measure, idleTimeoutMs: 60_000 })
        const quiet = sample({ hardwareUsage: 0, ready: state.count, tokens: tokens() })
        const rare = play(state, times(500, quiet), wanted, LONGEST_GAP_MS + 1)
        expect(rare.state.count).toBe(state.count)
        expect(step(state, quiet, wanted, state.clock + 86_400_000).decision.desired).toBe(state.count)
        expect(step(state, quiet, wanted, state.clock - 86_400_000).decision.desired).toBe(state.count)
      }),
      runs,
    )
  })

  test('a restart without a state takes nothing away within one window', () => {
    for (const measure of measures) {
      const quiet = (ready: number) =>
        sample({ inFlight: 1, pending: 1, hardwareUsage: 1, ready, tokens: tokens() })
      const { state } = play(first(9), times(119, quiet), spec({ measure }))
      expect(state.count).toBe(9)
    }
  })

  test('idle for long enough sleeps exactly once, and any arrival wakes in the same event', () => {
    fc.assert(
      fc.property(anyMeasure, fc.integer({ min: 1, max: 600 }), count(300), (measure, seconds, waiting) => {
        const wanted = spec({ measure, idleTimeoutMs: seconds * 1_000 })
        const quiet = sample({ hardwareUsage: 0, tokens: tokens() })
        const { decisions, state } = play(first(1), times(seconds + 30, quiet), wanted)
        expect(decisions.filter(({ term }) => term === 'idle')).toHaveLength(1)
        expect(decisions.findIndex(({ term }) => term === 'idle')).toBe(seconds - 1)
        const arrival = sample({
          arrivals: 1 + waiting,
          waiting,
          pending: waiting,
          ready: 0,
          tokens: tokens(),
        })
        expect(step(state, arrival, wanted, state.clock).decision.desired).toBeGreaterThanOrEqual(1)
      }),
      runs,
    )
  })

  test('bounds hold at once, and a new measure takes nothing away before it has measured', () => {
    fc.assert(
      fc.property(
        anyMeasure,
        anyMeasure,
        fc.array(sanely, { maxLength: 6 }),
        sanely,
        (one, other, loads, load) => {
          const state = reached(one, loads)
          const decide = (changes: object) =>
            step(state, load, spec({ measure: one, ...changes }), state.clock + 1)
          expect(decide({ min: 15 }).decision.desired).toBeGreaterThanOrEqual(15)
          expect(decide({ max: 1 }).decision.desired).toBe(1)
          if (one.kind === other.kind) return
          const quiet = { ...load, pending: 0, waiting: 0, hardwareUsage: 0 }
          const { decision } = step(state, quiet, spec({ measure: other }), state.clock + 1)
          expect(decision.desired).toBeGreaterThanOrEqual(state.count)
        },
      ),
      runs,
    )
  })

  test('ten times the traffic on ten times the replicas is the same share', () => {
    for (const scale of [2, 10]) {
      const load = (size: number) => (ready: number) => {
        const inFlight = 12 * size
        const usage = Math.min(100, (100 * 4 * size) / ready)
        return chatting(inFlight, { ready, pending: inFlight, hardwareUsage: usage })
      }
      for (const measure of [pendingMeasure, hardwareMeasure]) {
        const wanted = spec({ measure, max: 1_000 })
        const small = play(first(3), times(200, load(1)), wanted).state.count
        const large = play(first(3 * scale), times(200, load(scale)), wanted).state.count
        expect(Math.abs(large - scale * small)).toBeLessThanOrEqual(scale)
      }
    }
  })

  test('senseless wishes are refused in words and still bounded', () => {
    const senseless = [
      spec({ min: 3, max: 2 }),
      spec({ min: -1 }),
      spec({ max: 0 }),
      spec({ measure: { ...pendingMeasure, perReplica: -2 } as typeof pendingMeasure }),
      spec({ measure: { ...hardwareMeasure, percent: Number.NaN } as typeof hardwareMeasure }),
      spec({ cost: { perReplicaHour: 5, ceilingPerHour: 4 } }),
    ]
    for (const wanted of senseless) {
      expect(scaleSpecRefusal(wanted)).toMatch(/\.$/)
      const { state } = play(first(1), times(60, chatting(50, { pending: 50, hardwareUsage: 99 })), wanted)
      expect(Number.isInteger(state.count)).toBe(true)
      expect(state.count).toBeLessThanOrEqual(Math.max(1, wanted.max))
    }
    expect(scaleSpecRefusal(spec())).toBeUndefined()
  })

  test('a state stays small however long it is fed', () => {
    const sizes = measures.map((measure) => {
      const load = times(3_000, (ready: number) => chatting(30, { ready, pending: 30, hardwareUsage: 70 }))
      const { state } = play(first(2), load, spec({ measure }))
      return numbersIn(state)
    })
    // In numbers of eight bytes: 2 KiB for the plain modes, 4 KiB for the promise.
    expect(Math.max(...sizes.slice(0, 4))).toBeLessThan(256)
    expect(sizes[4]).toBeLessThan(512)
  })
})

function numbersIn(value: unknown): number {
  if (typeof value === 'number') return 1
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce((sum: number, part) => sum + numbersIn(part), 0)
}
