import { describe, expect, test } from 'vitest'
import { scaleSpecOf } from './asked-scaling.ts'
import { priorProfile } from './prior-profile.ts'
import { scaleSpecRefusal } from './scale-spec.ts'
import { sloMeasure } from './scale-test-world.ts'

const profile = sloMeasure.kind === 'slo' ? sloMeasure.profile : undefined
const asked = { minReplica: 0, maxReplica: 4, scaleToZeroTimeout: 15 }
const facts = { pricePerHour: 2, profile: profile! }

describe('the scaling that is asked for', () => {
  test.for([
    {
      measure: undefined,
      strict: undefined,
      given: { kind: 'pendingRequests', perReplica: 1.5, oneAtATime: false },
    },
    { measure: null, strict: true, given: { kind: 'pendingRequests', perReplica: 1.5, oneAtATime: true } },
    {
      measure: { pendingRequests: 3 },
      strict: false,
      given: { kind: 'pendingRequests', perReplica: 3, oneAtATime: false },
    },
    {
      measure: { hardwareUsage: null },
      strict: false,
      given: { kind: 'hardwareUsage', percent: 80, oneAtATime: false },
    },
    {
      measure: {
        slo: { firstTokenMs: 900, firstTokenMsPerInputToken: 0, interTokenMs: 80, attainment: 0.9 },
      },
      strict: false,
      given: {
        kind: 'slo',
        slo: { firstTokenMs: 900, firstTokenMsPerPromptToken: 0, interTokenMs: 80, attainment: 0.9 },
      },
    },
  ])('by $measure is judged as $given.kind', ({ measure, strict, given }) => {
    const scaling = {
      ...asked,
      ...(measure !== undefined && { measure }),
      ...(strict !== undefined && { strict }),
    }
    const spec = scaleSpecOf(scaling, facts)
    expect(spec.measure).toMatchObject(given)
    expect(scaleSpecRefusal(spec)).toBeUndefined()
  })

  test('carries its bounds: idle time, schedules, ceiling', () => {
    const hours = { days: ['Mon' as const], fromHour: 8, toHour: 18, timeZone: 'Europe/Paris' }
    const spec = scaleSpecOf({ ...asked, schedules: [{ ...hours, minReplica: 2 }], maxCostPerHour: 6 }, facts)
    expect(spec).toMatchObject({
      min: 0,
      max: 4,
      idleTimeoutMs: 900_000,
      warmHours: [{ ...hours, minReplicas: 2 }],
      cost: { perReplicaHour: 2, ceilingPerHour: 6 },
    })
    expect(scaleSpecOf({ ...asked, scaleToZeroTimeout: null }, facts)).toMatchObject({
      idleTimeoutMs: null,
      cost: null,
    })
  })
})

describe('the prior of a replica', () => {
  const cpu = { cpus: 2, gpus: 0 }
  const gpu = { cpus: 8, gpus: 1 }

  test('takes slots and context from the settings of its engine', () => {
    const image = { llamacpp: { nParallel: 3, ctxSize: 9_000 } }
    const prior = priorProfile({ weightBytes: 5e8, instance: cpu, image, startMs: 4_000 })
    expect(prior).toMatchObject({ maxSequences: 3, contextTokens: 9_000, startMs: 4_000 })
  })

  test('of larger weights is slower, and on a GPU faster', () => {
    const image = { huggingface: {} }
    const stepMs = (weightBytes: number, instance: typeof cpu) =>
      priorProfile({ weightBytes, instance, image, startMs: 1 }).stepMs
    expect(stepMs(16e9, cpu)).toBeGreaterThan(stepMs(1e9, cpu))
    expect(stepMs(16e9, gpu)).toBeLessThan(stepMs(16e9, cpu) / 10)
    expect(stepMs(0, cpu)).toBeGreaterThan(0)
  })
})
