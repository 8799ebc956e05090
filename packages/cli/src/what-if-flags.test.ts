import type { Scaling } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import { askedScaling, lastMs, measureInWords, objectiveOf, USUAL_OBJECTIVE } from './what-if-flags.ts'

const present: Scaling = { minReplica: 1, maxReplica: 4, measure: { pendingRequests: 3 }, maxCostPerHour: 9 }
const ask = (flags: object) => askedScaling({ last: '7d', ...flags }, present, USUAL_OBJECTIVE)

describe('what is asked', () => {
  test.for([
    [{}, undefined],
    [{ policy: 'pending=5' }, { ...present, measure: { pendingRequests: 5 } }],
    [{ policy: 'pending' }, { ...present, measure: { pendingRequests: null } }],
    [
      { policy: 'cpu=70', max: 8 },
      { ...present, measure: { hardwareUsage: 70 }, maxReplica: 8 },
    ],
    [{ policy: 'slo' }, { ...present, measure: { slo: USUAL_OBJECTIVE } }],
    [{ slo: 'ttft:2s,itl:100ms' }, { ...present, measure: { slo: USUAL_OBJECTIVE } }],
    [{ min: 0 }, { ...present, minReplica: 0 }],
  ] as const)('%j is %j', ([flags, asked]) => {
    expect(ask(flags)).toEqual(asked)
  })

  test.for([
    [{ policy: 'cpu=101' }, '--policy is "cpu=101"'],
    [{ policy: 'pending=0' }, 'above 0'],
    [{ policy: 'rps=5' }, 'pending=5, cpu=80, or slo'],
    [{ min: 9 }, '--min or --max'],
    [{ max: 0 }, '--max is 0'],
  ] as const)('%j is refused with what to write', ([flags, message]) => {
    expect(() => ask(flags)).toThrow(message)
  })
})

describe('what it is judged by', () => {
  test('is what was named, else what the endpoint promises, else the usual', () => {
    const slo = { ...USUAL_OBJECTIVE, interTokenMs: 50 }
    const named = objectiveOf({ last: '7d', slo: 'ttft:1.5s,itl:80ms,per-token:2ms,of:99%' }, present)
    expect(named).toEqual({
      firstTokenMs: 1_500,
      firstTokenMsPerInputToken: 2,
      interTokenMs: 80,
      attainment: 0.99,
    })
    expect(objectiveOf({ last: '7d' }, { ...present, measure: { slo } })).toEqual(slo)
    expect(objectiveOf({ last: '7d' }, present)).toEqual(USUAL_OBJECTIVE)
  })

  test.for([
    'ttft:2s',
    'ttft:2,itl:5ms',
    'ttft:2s,itl:0ms',
    'ttft:2s,itl:9ms,of:100%',
    'ttft:2s,itl:9ms,p:1',
  ])('--slo %s is refused with an example', (slo) => {
    expect(() => objectiveOf({ last: '7d', slo }, present)).toThrow('ttft:2s,itl:100ms')
  })
})

test.for([
  ['90m', 5_400_000],
  ['7d', 604_800_000],
] as const)('%s is %d ms', ([text, ms]) => {
  expect(lastMs(text)).toBe(ms)
})
test.for(['7', '0d', '1w', ''])('--last %j is refused with an example', (text) => {
  expect(() => lastMs(text)).toThrow('7d')
})

test('a policy is told in the words of the API, with the threshold that holds without one', () => {
  expect(measureInWords(present)).toBe('pending requests 3')
  expect(measureInWords({ ...present, measure: null })).toBe('pending requests 1.5')
  expect(measureInWords({ ...present, measure: { hardwareUsage: null } })).toBe('hardware usage 80 %')
})
