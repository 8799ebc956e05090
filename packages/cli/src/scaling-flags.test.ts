import { Scaling } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import { type ScalingFlags, scalingFrom, scalingInWords } from './scaling-flags.ts'

const base = { minReplica: 0, maxReplica: 4, scaleToZeroTimeout: 15 }
const office = { fromHour: 8, toHour: 18, minReplica: 2, timeZone: 'Europe/Paris' }

describe('scaling flags', () => {
  test.for<[ScalingFlags, object]>([
    [{}, {}],
    [{ scaleOn: 'pending' }, { measure: { pendingRequests: null } }],
    [{ scaleOn: 'pending=2.5' }, { measure: { pendingRequests: 2.5 } }],
    [{ scaleOn: 'cpu=80%' }, { measure: { hardwareUsage: 80 } }],
    [
      { scaleOn: 'slo=ttft:2s,itl:100ms' },
      {
        measure: {
          slo: { firstTokenMs: 2_000, firstTokenMsPerInputToken: 0, interTokenMs: 100, attainment: 0.95 },
        },
      },
    ],
    [
      { scaleOn: 'slo=ttft:800ms,itl:50ms,per-token:1ms,of:99.5%' },
      {
        measure: {
          slo: { firstTokenMs: 800, firstTokenMsPerInputToken: 1, interTokenMs: 50, attainment: 0.995 },
        },
      },
    ],
    [{ strict: true }, { strict: true }],
    [{ strict: false }, { strict: false }],
    [
      { schedule: ['Mon-Wed,sat 8-18 2 Europe/Paris'] },
      { schedules: [{ ...office, days: ['Mon', 'Tue', 'Wed', 'Sat'] }] },
    ],
    [
      { schedule: ['Sat-Mon 22-6 1'] },
      {
        schedules: [{ days: ['Sat', 'Sun', 'Mon'], fromHour: 22, toHour: 6, minReplica: 1, timeZone: 'UTC' }],
      },
    ],
    [{ unsetSchedules: true }, { schedules: [] }],
    [{ maxCostPerHour: '12.5' }, { maxCostPerHour: 12.5 }],
    [{ maxCostPerHour: 'none' }, { maxCostPerHour: null }],
  ])('%o become what the API takes', ([flags, scaling]) => {
    expect(scalingFrom(flags)).toEqual(scaling)
    expect(Scaling.safeParse({ ...base, ...scalingFrom(flags) }).error).toBeUndefined()
  })

  test.for<[ScalingFlags, string]>([
    [{ scaleOn: 'gpu=80' }, '--scale-on is "gpu=80": write pending=1.5'],
    [{ scaleOn: 'pending=-1' }, '--scale-on pending is "-1": write a number'],
    [{ scaleOn: 'slo=ttft:2s' }, '--scale-on slo is "ttft:2s"'],
    [{ scaleOn: 'slo=ttft:2,itl:1s' }, '--scale-on slo=ttft is "2": write a time'],
    [{ scaleOn: 'slo=ttft:2s,itl:1s,of:100%' }, 'write a percentage below 100'],
    [{ scaleOn: 'slo=ttft:2s,itl:1s,p:1' }, '--scale-on slo is'],
    [{ schedule: ['8-18'] }, '--schedule is "8-18": write "Mon-Fri'],
    [{ schedule: ['Mon-Fry 8-18 2'] }, '"Fry" is none of Mon, Tue'],
    [{ maxCostPerHour: 'lots' }, '--max-cost-per-hour is "lots": write a number'],
  ])('%o are refused with the way out', ([flags, says]) => {
    expect(() => scalingFrom(flags)).toThrow(says)
  })
})

test.for<[Partial<Scaling>, string]>([
  [{}, '0 to 4, to zero after 15 idle minutes\non 1.5 pending requests per replica'],
  [
    { minReplica: 1, measure: { hardwareUsage: null }, strict: true },
    '1 to 4\non hardware usage of 80 %, one more at a time',
  ],
  [
    { schedules: [{ ...office, days: ['Mon'] }], maxCostPerHour: 3 },
    '0 to 4, to zero after 15 idle minutes\non 1.5 pending requests per replica\n2 at least Mon from 8 to 18 (Europe/Paris)\nat most 3 an hour',
  ],
  [
    {
      scaleToZeroTimeout: null,
      measure: {
        slo: { firstTokenMs: 2_000, firstTokenMsPerInputToken: 1, interTokenMs: 100, attainment: 0.95 },
      },
    },
    '0 to 4\nso that 95 % get the first token in 2000 ms + 1 ms for each prompt token and the next ones every 100 ms',
  ],
])('%o is said as people say it', ([scaling, words]) => {
  expect(scalingInWords({ ...base, ...scaling })).toBe(words)
})
