/** What an endpoint runs on and between which bounds it scales. */
import { z } from 'zod'

/** More replicas than any single machine or small cluster runs; a typo should not be a plan. */
export const MAX_REPLICAS = 128

const Threshold = z.number().positive().max(100_000).nullable()

export const ScalingMeasure = z
  .union([z.strictObject({ hardwareUsage: Threshold }), z.strictObject({ pendingRequests: Threshold })])
  .meta({
    description: 'What is measured, with its threshold; null takes the default (80 %, or 1.5 per replica).',
  })
export type ScalingMeasure = z.infer<typeof ScalingMeasure>

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
  metric: z.enum(['hardwareUsage', 'pendingRequests']).meta({ deprecated: true }),
  threshold: z.number().positive().max(100_000).meta({ deprecated: true }),
}

export const Scaling = z.strictObject({
  minReplica: scalingFields.minReplica,
  maxReplica: scalingFields.maxReplica,
  scaleToZeroTimeout: scalingFields.scaleToZeroTimeout.optional(),
  measure: scalingFields.measure.optional(),
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
