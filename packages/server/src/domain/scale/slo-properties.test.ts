/** What the latency promise's way of scaling holds to, whatever the load; the loads are made up by fast-check. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { withOutcomes } from './head-room.ts'
import { loadOfFlow, replicasNeeded } from './replicas-needed.ts'
import type { ScaleSample } from './scale-sample.ts'
import type { ScaleMeasure } from './scale-spec.ts'
import {
  chatting,
  first,
  hardwareMeasure,
  pendingMeasure,
  play,
  promise,
  sample,
  sloMeasure,
  spec,
  times,
} from './scale-test-world.ts'

const { profile } = sloMeasure as Extract<ScaleMeasure, { kind: 'slo' }>
const START_SECONDS = profile.startMs / 1_000
const runs = { numRuns: 40 }
const amount = (max: number) => fc.double({ min: 0, max, noNaN: true })

const anyLoad = fc.record({
  sequences: amount(500),
  contextTokens: amount(1e6),
  unprefilledTokens: amount(1e6),
  promptTokensPerSecond: amount(1e5),
  meanPromptTokens: amount(10_000),
  unprefilledPromptTokens: amount(10_000),
})
const anyFlow = fc.record({
  requestsPerSecond: amount(100),
  meanPromptTokens: amount(5_000),
  meanAnswerTokens: amount(2_000),
})
/** Numbers of chats at once, each for some time. */
const wandering = fc.array(fc.tuple(fc.nat({ max: 60 }), fc.integer({ min: 5, max: 120 })), { maxLength: 8 })

const samplesOf = (loads: readonly (readonly [number, number])[], changes: Partial<ScaleSample> = {}) => {
  return loads.flatMap(([inFlight, seconds]) => {
    return times(seconds, (ready: number) => chatting(inFlight, { ready, ...changes }))
  })
}

describe('the capacity that a load needs', () => {
  test('is not less for more of anything', () => {
    const field = fc.constantFrom('sequences', 'contextTokens', 'unprefilledTokens', 'promptTokensPerSecond')
    fc.assert(
      fc.property(anyLoad, field, amount(1e6), (load, more, by) => {
        const heavier = { ...load, [more]: load[more as keyof typeof load] + by }
        const { replicas } = replicasNeeded(load, promise, profile)
        expect(replicasNeeded(heavier, promise, profile).replicas).toBeGreaterThanOrEqual(replicas)
      }),
    )
    fc.assert(
      fc.property(anyFlow, fc.constantFrom('requestsPerSecond', 'meanAnswerTokens'), (flow, more) => {
        const need = (it: typeof flow) => replicasNeeded(loadOfFlow(it, promise), promise, profile).replicas
        const key = more as keyof typeof flow
        expect(need({ ...flow, [key]: 2 * flow[key] })).toBeGreaterThanOrEqual(need(flow))
      }),
    )
  })

  test('is the same for so many times the traffic on replicas so many times as large', () => {
    fc.assert(
      fc.property(anyLoad, fc.integer({ min: 2, max: 50 }), (load, times) => {
        const larger = {
          ...profile,
          stepMsPerSequence: profile.stepMsPerSequence / times,
          stepMsPerContextToken: profile.stepMsPerContextToken / times,
          prefillMsPerToken: profile.prefillMsPerToken / times,
          maxSequences: profile.maxSequences * times,
          contextTokens: profile.contextTokens * times,
        }
        const traffic = {
          ...load,
          sequences: load.sequences * times,
          contextTokens: load.contextTokens * times,
          unprefilledTokens: load.unprefilledTokens * times,
          promptTokensPerSecond: load.promptTokensPerSecond * times,
        }
        const { replicas } = replicasNeeded(load, promise, profile)
        expect(replicasNeeded(traffic, promise, larger).replicas).toBeCloseTo(replicas, 6)
      }),
    )
  })
})

describe('a count that keeps a latency promise', () => {
  const wanted = spec({ measure: sloMeasure, max: 1_000, idleTimeoutMs: null })

  test('does not go below what the last cold starts needed', () => {
    fc.assert(
      fc.property(wandering, fc.integer({ min: 20, max: 60 }), wandering, (before, busy, after) => {
        const lasting = play(first(2), samplesOf([...before, [busy, 400]]), wanted)
        const needed = Math.ceil(lasting.decisions.at(-1)!.inputs['need']! - 0.01)
        expect(needed).toBeGreaterThanOrEqual(1)
        const held = samplesOf([...after, [0, 3 * START_SECONDS]]).slice(0, 2.5 * START_SECONDS)
        const { decisions } = play(lasting.state, held, wanted)
        expect(Math.min(...decisions.map(({ desired }) => desired))).toBeGreaterThanOrEqual(needed)
      }),
      { numRuns: 15 },
    )
  })

  test('is the same however long the queue is that formed while replicas start', () => {
    fc.assert(
      fc.property(
        wandering,
        fc.integer({ min: 1, max: 60 }),
        fc.nat({ max: 100_000 }),
        (before, busy, queue) => {
          const from = play(first(2), samplesOf(before), wanted).state
          const starting = (waiting: number) => (count: number) =>
            chatting(busy, { ready: 1, starting: count - 1, waiting, pending: waiting + busy })
          const asked = (waiting: number) =>
            play(from, times(START_SECONDS, starting(waiting)), wanted).decisions.map(
              ({ desired }) => desired,
            )
          expect(asked(queue)).toEqual(asked(0))
        },
      ),
      { numRuns: 15 },
    )
  })

  test('lets nobody go whom it would ask for again, while the load wavers by less than half a replica', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 80 }), (busy) => {
        // One more chat at once, and as many new ones in each second.
        fc.pre(chatting(busy).arrivals === chatting(busy + 1).arrivals)
        const held = 3 * START_SECONDS + 60
        const wavering = times(6, [
          [busy, held],
          [busy + 1, held],
        ] as const).flat()
        const { decisions } = play(first(2), samplesOf(wavering), wanted)
        const counts = decisions.map(({ desired }) => desired)
        expect(counts).toEqual(counts.toSorted((a, b) => a - b))
      }),
      { numRuns: 25 },
    )
  })

  test('of a promise that no count keeps is flagged, and misses do not make it more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 25 }), fc.integer({ min: 1, max: 60 }), (interTokenMs, busy) => {
        const slo = { ...promise, interTokenMs }
        const hopeless = spec({ measure: { ...sloMeasure, slo } as ScaleMeasure, max: 1_000 })
        const load = (missed: boolean) => (ready: number) => {
          const { tokens, ...rest } = chatting(busy, { ready })
          return sample({ ...rest, tokens: { ...tokens!, slowAnswers: missed ? tokens!.answers : 0 } })
        }
        const missing = play(first(2), times(3_000, load(true)), hopeless)
        const keeping = play(first(2), times(3_000, load(false)), hopeless)
        expect(missing.decisions.at(-1)!.infeasible).toBe(true)
        expect(missing.state.count).toBe(keeping.state.count)
      }),
      { numRuns: 15 },
    )
  })
})

test('a head-room moves by no more than the requests that taught it', () => {
  fc.assert(
    fc.property(
      wandering,
      fc.nat({ max: 60 }),
      fc.nat({ max: 200 }),
      fc.nat({ max: 100 }),
      (before, ...now) => {
        const [ready, answers, misses] = now
        const wanted = spec({ measure: sloMeasure })
        const { state } = play(first(2), samplesOf([...before, [20, 300]]), wanted)
        if (state.measure?.kind !== 'slo') throw new Error('It measures something else.')
        const headRoom = state.measure.state.headRoom!
        const facts = { need: 10, ready, attainment: 0.95, canTeach: true, at: state.at + 1_000 }
        const { factor } = withOutcomes(headRoom, { seen: answers, missed: misses }, facts)
        const ratio = factor / headRoom.factor
        expect(Math.abs(Math.log(ratio))).toBeLessThanOrEqual(3e-4 * answers + 1e-12)
      },
    ),
    runs,
  )
})

test('whatever is stored and read again goes on as if nothing had happened', () => {
  const measures = fc.constantFrom<ScaleMeasure>(pendingMeasure, hardwareMeasure, sloMeasure)
  fc.assert(
    fc.property(measures, wandering, wandering, (measure, before, after) => {
      const changes = { hardwareUsage: 70, pending: 9 }
      const wanted = spec({ measure })
      const half = play(first(1), samplesOf(before, changes), wanted).state
      const stored = JSON.parse(JSON.stringify(half)) as typeof half
      const rest = samplesOf(after, changes)
      expect(play(stored, rest, wanted)).toEqual(play(half, rest, wanted))
    }),
    runs,
  )
})
