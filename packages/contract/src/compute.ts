/** What an endpoint runs on and between which bounds it scales. */
import { z } from 'zod'

/** More replicas than any single machine or small cluster runs; a typo should not be a plan. */
export const MAX_REPLICAS = 128

const Threshold = z.number().positive().max(100_000).nullable()

/** What is promised to callers, and for which share of the requests. */
export const LatencyObjective = z.strictObject({
  firstTokenMs: z
    .number()
    .positive()
    .max(3_600_000)
    .meta({ description: 'Until the first token, from the arrival of the request.' }),
  firstTokenMsPerInputToken: z
    .number()
    .min(0)
    .max(10_000)
    .default(0)
    .meta({ description: 'Added to firstTokenMs for each token of the prompt.' }),
  interTokenMs: z
    .number()
    .positive()
    .max(60_000)
    .meta({ description: 'Mean time between the tokens of one answer.' }),
  attainment: z
    .number()
    .gt(0, 'must be a share above 0, for example 0.95')
    .lt(1, 'must be a share below 1, for example 0.95: no count of replicas keeps a promise every time')
    .default(0.95)
    .meta({ description: 'For which share of the requests: 0.95 is ninety-five of a hundred.' }),
})
export type LatencyObjective = z.infer<typeof LatencyObjective>

export const ScalingMeasure = z
  .union([
    z.strictObject({
      hardwareUsage: z.number().positive().max(100, 'must be a percentage, at most 100').nullable(),
    }),
    z.strictObject({ pendingRequests: Threshold }),
    z.strictObject({ slo: LatencyObjective }),
  ])
  .meta({
    description:
      'What is measured, with its threshold; null takes the default (80 %, or 1.5 per replica). "slo" is a Berth addition.',
  })
export type ScalingMeasure = z.infer<typeof ScalingMeasure>

export const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const

/** More lines than a week has days and nights. */
export const MAX_SCHEDULES = 28

export const ScalingSchedule = z.strictObject({
  days: z.array(z.enum(weekdays)).min(1, 'must name a day at least').max(7),
  fromHour: z.int().min(0).max(23).meta({ description: 'From this hour of the day.' }),
  toHour: z.int().min(0).max(24).meta({
    description: 'Until the beginning of this hour; not above fromHour means past midnight, of the next day.',
  }),
  minReplica: z.int().min(0).max(MAX_REPLICAS),
  timeZone: z
    .string()
    .max(64)
    .refine(isTimeZone, 'must be the IANA name of a time zone, for example "Europe/Paris" or "UTC"'),
})
export type ScalingSchedule = z.infer<typeof ScalingSchedule>

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name })
    return true
  } catch {
    return false
  }
}

const scalingFields = {
  minReplica: z.int().min(0).max(MAX_REPLICAS),
  maxReplica: z.int().min(1).max(MAX_REPLICAS),
  scaleToZeroTimeout: z
    .number()
    .min(0.01, 'must be at least 0.01 minutes, or null for never')
    .max(60 * 24 * 365)
    .nullable()
    .meta({
      description:
        'Idle minutes before the last replica stops; null is never. Fractions are a Berth addition.',
    }),
  measure: ScalingMeasure.nullable(),
  schedules: z
    .array(ScalingSchedule)
    .max(MAX_SCHEDULES)
    .meta({ description: 'Minimum replicas by weekday and hour. Berth addition.' }),
  maxCostPerHour: z.number().positive().max(1_000_000).nullable().meta({
    description: 'Never more replicas than cost this much an hour; null is no ceiling. Berth addition.',
  }),
  strict: z.boolean().meta({
    description: 'One replica more per step instead of as many as are needed. Berth addition.',
  }),
  metric: z.enum(['hardwareUsage', 'pendingRequests']).meta({ deprecated: true }),
  threshold: z.number().positive().max(100_000).meta({ deprecated: true }),
}

export const Scaling = z.strictObject({
  minReplica: scalingFields.minReplica,
  maxReplica: scalingFields.maxReplica,
  scaleToZeroTimeout: scalingFields.scaleToZeroTimeout.optional(),
  measure: scalingFields.measure.optional(),
  schedules: scalingFields.schedules.optional(),
  maxCostPerHour: scalingFields.maxCostPerHour.optional(),
  strict: scalingFields.strict.optional(),
  metric: scalingFields.metric.optional(),
  threshold: scalingFields.threshold.optional(),
})
export type Scaling = z.infer<typeof Scaling>
export const ScalingUpdate = z.strictObject(scalingFields).partial()

export const Accelerator = z.enum(['cpu', 'gpu', 'neuron'])
export type Accelerator = z.infer<typeof Accelerator>

const computeFields = {
  id: z.string().max(200).meta({ description: 'vendor-region-instanceType-instanceSize; read-mostly.' }),
  accelerator: Accelerator,
  instanceType: z.string().min(1).max(100),
  instanceSize: z.string().min(1).max(100),
}

export const Compute = z.strictObject({
  ...computeFields,
  id: computeFields.id.optional(),
  scaling: Scaling,
})
export type Compute = z.infer<typeof Compute>

export const ComputeUpdate = z.strictObject({ ...computeFields, scaling: ScalingUpdate }).partial()

export const Provider = z.strictObject({
  vendor: z.string().min(1).max(100),
  region: z.string().min(1).max(100),
})
export type Provider = z.infer<typeof Provider>
