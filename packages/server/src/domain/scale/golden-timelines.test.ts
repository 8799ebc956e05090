import { describe, expect, test } from 'vitest'
import { decisionInWords } from './scale-decision.ts'
import {
  chatting,
  first,
  hardwareMeasure,
  NOON,
  pendingMeasure,
  play,
  promise,
  sample,
  sloMeasure,
  spec,
  timeline,
  times,
} from './scale-test-world.ts'
import { firstScaleState, putToSleep, step } from './step.ts'

const strictPending = { ...pendingMeasure, oneAtATime: true }
const strictHardware = { ...hardwareMeasure, oneAtATime: true }

/** `pending` requests without a status, whatever the count; everything asked for is ready. */
const pending = (count: number) => (replicas: number) => {
  return sample({ pending: count, inFlight: count, ready: replicas })
}
const usage = (percent: number) => (replicas: number) => {
  return sample({ hardwareUsage: percent, inFlight: 1, ready: replicas })
}

describe('pendingRequests, second by second', () => {
  test.for<{ when: string; from: number; samples: object[]; strict?: boolean; is: string }>([
    { when: 'at the threshold it stays', from: 1, samples: times(600, pending(1.5)), is: '' },
    { when: 'above it, 20 s later it goes up', from: 1, samples: times(600, pending(2)), is: '20: 2' },
    {
      when: 'one at a time it goes up once in 60 s until the threshold is met',
      strict: true,
      from: 1,
      samples: times(600, pending(6)),
      is: '20: 2, 80: 3, 140: 4',
    },
    {
      when: 'twice the threshold goes up at once and to the full count',
      from: 1,
      samples: [...times(60, pending(1)), ...times(600, pending(12))],
      is: '61: 8',
    },
    {
      when: 'with less it goes down by one at 120 s and then every 360 s, when 300 s are over',
      from: 4,
      samples: times(1_400, pending(1)),
      is: '120: 3, 480: 2, 840: 1',
    },
    {
      when: 'one fewer would be above 80 % of the threshold, so it stays',
      from: 3,
      samples: times(1_400, pending(2.5)),
      is: '',
    },
    {
      when: 'a peak of less than 20 s below twice the threshold is not followed',
      from: 2,
      samples: [...times(25, pending(1)), ...times(10, pending(4)), ...times(25, pending(1))],
      is: '',
    },
  ])('$when', ({ from, samples, strict, is }) => {
    const measure = strict ? strictPending : pendingMeasure
    const { decisions } = play(first(from), samples as [], spec({ measure }))
    expect(timeline(decisions, from)).toBe(is)
  })

  test('a queue in front of replicas that are starting is not paid for twice', () => {
    let queue = 8
    const growing = () => {
      queue += 4
      return sample({ pending: queue, waiting: queue - 4, arrivals: 4, inFlight: 4, ready: 1, starting: 7 })
    }
    const { decisions } = play(first(1), times(90, growing), spec({ max: 100 }))
    const counts = decisions.map(({ desired }) => desired)
    expect(Math.max(...counts)).toBe(counts[1])
    expect(decisions.at(-1)?.term).toBe('awaitingStarts')
    expect(decisions.at(-1)?.alternative?.desired).toBeGreaterThan(100)
  })
})

describe('hardwareUsage, second by second', () => {
  test.for<{ when: string; from: number; samples: object[]; strict?: boolean; is: string }>([
    { when: 'below the threshold it stays', from: 2, samples: times(600, usage(79)), is: '' },
    { when: 'at it, 60 s later it goes up', from: 2, samples: times(60, usage(80)), is: '60: 3' },
    { when: 'it goes to the count that is needed', from: 8, samples: times(60, usage(100)), is: '60: 10' },
    { when: 'one at a time by one', strict: true, from: 8, samples: times(119, usage(100)), is: '60: 9' },
    {
      when: 'idle hardware goes down at 120 s and again when 300 s are over',
      from: 4,
      samples: times(900, usage(10)),
      is: '120: 3, 480: 2, 840: 1',
    },
    {
      when: 'one fewer would be above 90 % of the threshold, so it stays',
      from: 2,
      samples: times(900, usage(37)),
      is: '',
    },
    { when: 'without a measurement it stays', from: 4, samples: times(900, pending(1)), is: '' },
  ])('$when', ({ from, samples, strict, is }) => {
    const measure = strict ? strictHardware : hardwareMeasure
    const { decisions } = play(first(from), samples as [], spec({ measure }))
    expect(timeline(decisions, from)).toBe(is)
  })

  test('replicas that start count as idle ones and are not asked for again', () => {
    const slow = () => sample({ hardwareUsage: 100, inFlight: 9, ready: 2, starting: 1 })
    const { decisions } = play(first(2), times(600, slow), spec({ measure: hardwareMeasure }))
    expect(timeline(decisions, 2)).toBe('60: 3')
  })
})

describe('zero', () => {
  const idle = spec({ idleTimeoutMs: 60_000 })

  test('after the idle time without a request it sleeps, once, and a request wakes it at once', () => {
    const quiet = times(90, sample())
    const { decisions, state } = play(first(1), [sample({ arrivals: 1, pending: 1 }), ...quiet], idle)
    expect(timeline(decisions, 1)).toBe('61: 0')
    expect(decisions[60]?.term).toBe('idle')
    expect(decisions.at(-1)?.term).toBe('asleep')
    const woken = step(
      state,
      sample({ arrivals: 1, waiting: 1, pending: 1, ready: 0 }),
      idle,
      state.clock + 1,
    )
    expect(woken.decision).toMatchObject({ desired: 1, term: 'wake' })
  })

  test('a burst on a sleeping endpoint wakes as many as its queue needs', () => {
    const asleep = first(0)
    const burst = sample({ arrivals: 200, waiting: 200, pending: 200, ready: 0 })
    const wide = spec({ max: 128 })
    expect(step(asleep, burst, wide, NOON + 1).decision.desired).toBe(128)
    expect(step(asleep, burst, spec({ max: 1_000 }), NOON + 1).decision.desired).toBe(134)
    const strict = spec({ max: 128, measure: strictPending })
    expect(step(asleep, burst, strict, NOON + 1).decision.desired).toBe(1)
  })

  test('a start never counts as idleness', () => {
    const starting = times(600, sample({ ready: 0, starting: 1 }))
    const { decisions } = play(first(1), [...starting, ...times(30, sample())], idle)
    expect(timeline(decisions, 1)).toBe('')
  })

  test('a minimum, or a schedule that keeps some warm, never sleeps', () => {
    const quiet = times(600, sample({ ready: 2 }))
    expect(play(first(2), quiet, spec({ min: 2, idleTimeoutMs: 60_000 })).state.count).toBe(2)
    const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri'] as const
    const office = { days, fromHour: 9, toHour: 18, minReplicas: 2, timeZone: 'Europe/Paris' }
    const warm = spec({ idleTimeoutMs: 60_000, warmHours: [office] })
    const { decisions, state } = play(first(1), quiet, warm)
    expect(state.count).toBe(2)
    expect(decisions[0]).toMatchObject({ desired: 2, term: 'warmHours' })
  })

  test('put to sleep by a person it stays so below its minimum, until a request', () => {
    const kept = spec({ min: 1 })
    const asleep = putToSleep(first(1))
    const quiet = play(asleep, times(100, sample({ ready: 0 })), kept)
    expect(quiet.state.count).toBe(0)
    const woken = step(quiet.state, sample({ arrivals: 1, ready: 0 }), kept, quiet.state.clock + 1)
    expect(woken.state).toMatchObject({ count: 1, putToSleep: false })
  })
})

describe('bounds', () => {
  test('a bound names itself and what would have been decided without it', () => {
    const burst = pending(60)
    const { decisions } = play(first(1), times(4, burst), spec({ max: 10 }))
    expect(decisions.at(-1)).toMatchObject({ desired: 10, term: 'maximum' })
    expect(decisions[1]?.alternative).toEqual({ desired: 40, term: 'pendingHigh' })
    const cost = { perReplicaHour: 0.8, ceilingPerHour: 4 }
    const costly = play(first(1), times(4, burst), spec({ cost }))
    expect(costly.decisions[1]).toMatchObject({ desired: 5, term: 'costCeiling' })
    expect(decisionInWords(costly.decisions[1]!)).toBe(
      '5 replicas: more would cost above 4 an hour; otherwise 40.',
    )
  })
})

describe('slo', () => {
  test('a step of eight times the load goes up within three seconds, and again until it is met', () => {
    const calm = times(1_200, (count: number) => chatting(20, { ready: count }))
    const wanted = spec({ measure: sloMeasure, max: 50 })
    const before = play(first(2), calm, wanted)
    const ready = before.state.count
    const loaded = times(120, () => chatting(160, { ready }))
    const { decisions } = play(before.state, loaded, wanted)
    expect(decisions[2]?.desired).toBeGreaterThan(ready)
    expect(decisions.slice(0, 3).map(({ term }) => term)).toContain('sloSurge')
    const last = decisions.at(-1)!
    expect(last.desired).toBeGreaterThanOrEqual(Math.max(2 * ready, last.inputs['need']!))
  })

  test('goes down by a quarter at most, not twice in half a minute, and not before it measured for long', () => {
    const wanted = spec({ measure: sloMeasure, max: 50 })
    const busy = play(
      first(20),
      times(400, (count: number) => chatting(300, { ready: count })),
      wanted,
    )
    const calm = times(900, (count: number) => chatting(2, { ready: count }))
    const { decisions, state } = play(busy.state, calm, wanted)
    let count = busy.state.count
    let loweredAt = -30
    decisions.forEach(({ desired }, second) => {
      if (desired >= count) return
      expect(count - desired).toBeLessThanOrEqual(Math.max(1, Math.floor(count / 4)))
      expect(second - loweredAt).toBeGreaterThanOrEqual(30)
      count = desired
      loweredAt = second
    })
    expect(state.count).toBeLessThan(busy.state.count / 2)
  })

  test('a promise that one replica alone cannot keep is bounded and flagged', () => {
    const impossible = { ...sloMeasure, slo: { ...promise, interTokenMs: 5 } }
    const { decisions, state } = play(
      first(2),
      times(600, (count: number) => chatting(30, { ready: count })),
      spec({ measure: impossible, max: 1_000 }),
    )
    expect(decisions.at(-1)?.infeasible).toBe(true)
    expect(state.count).toBeLessThan(10)
  })
})

test('a state is plain data: stored and read again it decides the same', () => {
  for (const measure of [pendingMeasure, hardwareMeasure, sloMeasure]) {
    const wanted = spec({ measure })
    const load = times(200, (count: number) => chatting(40, { ready: count, hardwareUsage: 90, pending: 4 }))
    const whole = play(firstScaleState(1, NOON), [...load, ...load], wanted)
    const half = play(firstScaleState(1, NOON), load, wanted)
    const again = play(JSON.parse(JSON.stringify(half.state)), load, wanted)
    expect(again.state).toEqual(whole.state)
  }
})
