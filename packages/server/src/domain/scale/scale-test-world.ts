/** Dull samples and specifications for the tests of this folder, and the fold that they play. */
import type { ScaleDecision } from './scale-decision.ts'
import type { ScaleSample, TokenFlow } from './scale-sample.ts'
import type { LatencySlo, ScaleMeasure, ScaleSpec } from './scale-spec.ts'
import { firstScaleState, type ScaleState, step } from './step.ts'

export const NOON = Date.UTC(2026, 5, 3, 12)

export const pendingMeasure: ScaleMeasure = { kind: 'pendingRequests', perReplica: 1.5, oneAtATime: false }
export const hardwareMeasure: ScaleMeasure = { kind: 'hardwareUsage', percent: 80, oneAtATime: false }
export const promise: LatencySlo = {
  firstTokenMs: 2_000,
  firstTokenMsPerPromptToken: 1,
  interTokenMs: 100,
  attainment: 0.95,
}
export const sloMeasure: ScaleMeasure = {
  kind: 'slo',
  slo: promise,
  profile: {
    stepMs: 30,
    stepMsPerSequence: 0.5,
    stepMsPerContextToken: 0.0004,
    prefillMsPerToken: 0.3,
    maxSequences: 64,
    contextTokens: 100_000,
    startMs: 90_000,
  },
}

export function spec(changes: Partial<ScaleSpec> = {}): ScaleSpec {
  const base = { min: 0, max: 20, measure: pendingMeasure, idleTimeoutMs: 900_000 }
  return { ...base, warmHours: [], cost: null, ...changes }
}

export function sample(changes: Partial<ScaleSample> = {}): ScaleSample {
  const counts = { arrivals: 0, pending: 0, waiting: 0, inFlight: 0, hardwareUsage: null }
  return { ...counts, ready: 1, starting: 0, tokens: null, ...changes }
}

export function tokens(changes: Partial<TokenFlow> = {}): TokenFlow {
  const counts = { prompt: 0, generated: 0, context: 0, unprefilled: 0, prefilled: 0 }
  return {
    ...counts,
    interTokenMs: null,
    firstTokens: 0,
    lateFirstTokens: 0,
    answers: 0,

    slowAnswers: 0,
    ...changes,
  }
}

/** The load of `inFlight` chats of 800 tokens, 20 tokens a second each, in samples of one second. */
export function chatting(inFlight: number, changes: Partial<ScaleSample> = {}): ScaleSample {
  const arrivals = Math.round(inFlight / 10)
  const flow = tokens({
    prompt: arrivals * 600,
    prefilled: arrivals * 600,
    generated: inFlight * 20,
    firstTokens: arrivals,
    answers: Math.max(1, arrivals),
    context: inFlight * 800,
    interTokenMs: 50,
  })
  return sample({ arrivals, inFlight, pending: 0, tokens: flow, ...changes })
}

export type Played = { readonly state: ScaleState; readonly decisions: readonly ScaleDecision[] }

/** Folds one sample per `everyMs`; what was decided is ready at the next sample unless the sample says otherwise. */
export function play(
  from: ScaleState,
  samples: Iterable<ScaleSample | undefined | ((count: number) => ScaleSample | undefined)>,
  scaleSpec: ScaleSpec | ((index: number) => ScaleSpec),
  everyMs = 1_000,
): Played {
  let state = from
  let now = from.clock
  const decisions: ScaleDecision[] = []
  let index = 0
  for (const next of samples) {
    now += everyMs
    const measured = typeof next === 'function' ? next(state.count) : next
    const wanted = typeof scaleSpec === 'function' ? scaleSpec(index++) : scaleSpec
    const result = step(state, measured, wanted, now)
    state = result.state
    decisions.push(result.decision)
  }
  return { state, decisions }
}

export const first = (count: number) => firstScaleState(count, NOON)

export function times<T>(count: number, value: T): T[] {
  return new Array<T>(count).fill(value)
}

/** "60: 2, 120: 3": after how many samples the count became what. */
export function timeline(decisions: readonly ScaleDecision[], from: number): string {
  let before = from
  const changes: string[] = []
  decisions.forEach(({ desired }, index) => {
    if (desired !== before) changes.push(`${index + 1}: ${desired}`)
    before = desired
  })
  return changes.join(', ')
}
