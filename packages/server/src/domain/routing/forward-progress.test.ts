import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  evidenceOf,
  ForwardProgress,
  type Load,
  STUCK_AFTER_MS,
  UNPROVEN_AFTER_MS,
} from './forward-progress.ts'
import { NO_PACE, paced } from './replica-health.ts'

const T = 1_000_000
const MINUTE_MS = 60_000
const load = (changes: Partial<Load> = {}): Load => ({ inFlight: 1, unread: 300, usual: NO_PACE, ...changes })

/** Given one request at `T`, and asked in vain so many times. */
function given({ asked = 0, after = (_progress: ForwardProgress) => {} } = {}): ForwardProgress {
  const progress = new ForwardProgress(T - MINUTE_MS)
  after(progress)
  progress.given(true, T)
  for (let i = 0; i < asked; i++) progress.askedForNothing()
  return progress
}

describe('a replica', () => {
  test('has to prove itself when it had nothing to do for long, and is stuck when it was asked in vain', () => {
    const progress = new ForwardProgress(T)
    const standing = (now: number) => progress.standing(load({ inFlight: 0 }), now)
    expect(standing(T + UNPROVEN_AFTER_MS - 1)).toBe('advancing')
    expect(standing(T + UNPROVEN_AFTER_MS)).toBe('unproven')
    for (const _ of [1, 2]) progress.askedForNothing()
    expect(standing(T + UNPROVEN_AFTER_MS)).toBe('stuck')
    progress.showedLife(T + UNPROVEN_AFTER_MS)
    expect(standing(T + UNPROVEN_AFTER_MS)).toBe('advancing')
  })

  test.for([
    { ms: 9_999, asked: 0, standing: 'advancing' },
    { ms: 9_999, asked: 9, standing: 'advancing' },
    { ms: 10_000, asked: 0, standing: 'doubted' },
    { ms: 19_999, asked: 2, standing: 'doubted' },
    { ms: 20_000, asked: 0, standing: 'doubted' },
    { ms: 20_000, asked: 1, standing: 'doubted' },
    { ms: 20_000, asked: 2, standing: 'stuck' },
    { ms: 100 * MINUTE_MS, asked: 1, standing: 'doubted' },
  ])('without a sign for $ms ms and asked $asked times in vain is $standing', ({ ms, asked, standing }) => {
    expect(given({ asked }).standing(load(), T + ms)).toBe(standing)
  })

  test('advances again with any sign, and is asked anew before it is stuck', () => {
    const now = T + MINUTE_MS
    for (const sign of ['advanced', 'showedLife'] as const) {
      const progress = given({ asked: 5 })
      expect(progress.standing(load(), now)).toBe('stuck')
      progress[sign](now)
      expect(progress.standing(load(), now)).toBe('advancing')
      expect(progress.standing(load(), now + 10 * MINUTE_MS)).toBe('doubted')
    }
  })

  test('may be silent for as long again as it was while it worked', () => {
    const progress = given({
      after: (before) => {
        before.given(true, T - MINUTE_MS)
        before.advanced(T - MINUTE_MS + 40_000)
      },
      asked: 2,
    })
    expect(progress.standing(load(), T + 70_000)).toBe('doubted')
    expect(progress.standing(load(), T + 80_000)).toBe('stuck')
  })

  test('has that long silence forgotten as time goes by', () => {
    const progress = new ForwardProgress(T)
    progress.given(true, T)
    progress.advanced(T + 40_000)
    const later = T + 4 * 60 * MINUTE_MS
    progress.given(true, later)
    for (const _ of [1, 2]) progress.askedForNothing()
    expect(progress.standing(load(), later + STUCK_AFTER_MS)).toBe('stuck')
  })

  test('is not blamed for what it has to read', () => {
    const slow = { asked: 2 }
    const reading = load({ unread: 8_000 })
    expect(given(slow).standing(reading, T + 199_000)).toBe('doubted')
    expect(given(slow).standing(reading, T + 200_000)).toBe('stuck')
    // Where it is known how fast its like are, four times that.
    const usual = paced(NO_PACE, 1_000, 10_000, T)
    expect(given(slow).standing(load({ unread: 8_000, usual }), T + 319_000)).toBe('doubted')
    expect(given(slow).standing(load({ unread: 8_000, usual }), T + 321_000)).toBe('stuck')
  })

  test('does not hide behind clients who give up before it is doubted', () => {
    const progress = new ForwardProgress(T)
    for (let i = 0; i < 6; i++) progress.given(true, T + i * 5_000)
    expect(progress.standing(load({ inFlight: 0 }), T + 25_000)).toBe('doubted')
    for (const _ of [1, 2]) progress.askedForNothing()
    expect(progress.standing(load({ inFlight: 0 }), T + 25_000)).toBe('stuck')
  })

  test('is not blamed for a client that takes its answer slowly', () => {
    const progress = new ForwardProgress(T)
    progress.given(true, T)
    progress.advanced(T + 10)
    expect(progress.standing(load({ inFlight: 0 }), T + MINUTE_MS)).toBe('advancing')
    progress.resumed(true, T + MINUTE_MS)
    expect(progress.standing(load(), T + MINUTE_MS)).toBe('advancing')
  })
})

type Step = {
  readonly kind: 'given' | 'advanced' | 'showedLife' | 'askedForNothing'
  readonly afterMs: number
}
const anySteps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('given', 'advanced', 'showedLife', 'askedForNothing'),
    afterMs: fc.nat(60_000),
  }),
  { maxLength: 40 },
)

test('whatever happens, nobody is stuck without two questions in vain and twenty seconds since the last sign', () => {
  fc.assert(
    fc.property(anySteps, fc.nat(200_000), fc.nat(3), (steps, finalMs, inFlight) => {
      const progress = new ForwardProgress(T)
      let now = T
      let lastSign = T
      let inVain = 0
      for (const { kind, afterMs } of steps) {
        now += afterMs
        if (kind === 'given') progress.given(false, now)
        else if (kind === 'askedForNothing') progress.askedForNothing()
        else progress[kind](now)
        if (kind === 'askedForNothing') inVain++
        else if (kind !== 'given') {
          inVain = 0
          lastSign = now
        }
      }
      now += finalMs
      if (progress.standing(load({ inFlight }), now) !== 'stuck') return
      expect(inVain).toBeGreaterThanOrEqual(2)
      expect(now - lastSign).toBeGreaterThanOrEqual(STUCK_AFTER_MS)
    }),
  )
})

test('a replica whose requests advance every few seconds is never asked anything, however many it has', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9_000), { minLength: 1, maxLength: 100 }), (pauses) => {
      const progress = new ForwardProgress(T)
      let now = T
      progress.given(true, now)
      for (const pauseMs of pauses) {
        now += pauseMs
        expect(progress.standing(load({ inFlight: 64, unread: 1_000_000 }), now)).toBe('advancing')
        progress.advanced(now)
      }
    }),
  )
})

test('the evidence says how long, how many, what was usual and what was asked', () => {
  const progress = given({ asked: 2 })
  expect(evidenceOf(progress, 3, 'left everything unanswered', T + 21_400)).toBe(
    'with 3 requests on it, none has advanced for 21.4 s, and before it was never silent for longer than 0.0 s; asked 2 times, it left everything unanswered.',
  )
})
