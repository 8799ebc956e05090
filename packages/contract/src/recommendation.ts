/** What Berth would run a repository with: engine, file, hardware and settings, and why it fits or does not. */
import { z } from 'zod'
import { Endpoint } from './endpoint.ts'
import { imageVariants } from './image.ts'
import { Timestamp } from './names.ts'

/** As precise as a request can be about a model before it runs. */
const count = (most: number) => z.coerce.number().int().min(1).max(most)

export const RecommendedQuery = z.strictObject({
  repository: z.string().min(1).max(1_000).meta({ description: 'As `model.repository` of an endpoint.' }),
  revision: z.string().min(1).max(200).optional(),
  engine: z
    .enum(imageVariants)
    .optional()
    .meta({ description: 'The image variant to plan for; without it, Berth chooses the engine.' }),
  file: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .meta({ description: 'A GGUF file of the repository, or a quantisation such as "Q4_K_M".' }),
  instance: z.string().min(1).max(300).optional().meta({
    description: 'The instance type to plan for: its id, or `instanceType/instanceSize`.',
  }),
  context: count(10_000_000).optional().meta({ description: 'Tokens of one request, prompt and answer.' }),
  concurrency: count(4_096).optional().meta({ description: 'Requests of that length at the same time.' }),
})
export type RecommendedQuery = z.infer<typeof RecommendedQuery>

const Bytes = z.int().min(0)

export const MemoryEstimate = z
  .object({
    weightBytes: Bytes,
    kvBytes: Bytes,
    engineBytes: Bytes,
    totalBytes: Bytes,
  })
  .meta({ description: 'On each device: each GPU, or the machine’s memory where there is none.' })
export type MemoryEstimate = z.infer<typeof MemoryEstimate>

export const fitChangeKinds = ['context', 'concurrency', 'kvDtype', 'weights', 'devices', 'memory'] as const

export const FitChange = z.object({
  kind: z.enum(fitChangeKinds),
  value: z.union([z.number(), z.string()]).meta({
    description: 'Tokens, requests, a data type, bytes of weights, devices, or bytes for each device.',
  }),
  message: z.string().meta({ description: 'The same for a person.' }),
})
export type FitChange = z.infer<typeof FitChange>

export const InstanceFit = z.object({
  id: z.string(),
  vendor: z.string(),
  region: z.string(),
  accelerator: z.enum(['cpu', 'gpu', 'neuron']),
  instanceType: z.string(),
  instanceSize: z.string(),
  pricePerHour: z.number(),
  devices: z.int().meta({ description: 'GPUs, or 1 for the machine’s own memory.' }),
  bytesPerDevice: Bytes,
  free: z.boolean().meta({ description: 'Whether one more replica of it could start now.' }),
  fits: z.boolean().nullable().meta({ description: 'null where the memory need is not known.' }),
  estimate: MemoryEstimate.nullable(),
  spareBytes: z.int().nullable().meta({ description: 'On each device; below 0, what is missing.' }),
  changes: z
    .array(FitChange)
    .meta({ description: 'Where it does not fit: each of these is the smallest that is enough alone.' }),
  message: z.string().meta({ description: 'For a person.' }),
})
export type InstanceFit = z.infer<typeof InstanceFit>

export const GgufChoice = z.object({
  file: z.string(),
  quantisation: z.string().nullable(),
  sizeBytes: Bytes,
  chosen: z.boolean(),
})

export const Recommendation = z.object({
  repository: z.string(),
  revision: z.string().nullable(),
  model: z.object({
    task: z.string().nullable(),
    library: z.string().nullable(),
    parameters: z.number().nullable(),
    dtype: z.string().nullable().meta({ description: 'Of the weights: "bfloat16", "Q4_K_M".' }),
    maxContext: z.int().nullable(),
    weightBytes: Bytes.nullable(),
    kvBytesPerToken: z.number().nullable().meta({ description: 'In 16 bits, over all layers.' }),
    handler: z.string().nullable().meta({ description: 'Code of the repository that would run.' }),
    requirements: z.string().nullable().meta({ description: 'What would be installed for it.' }),
  }),
  files: z.array(GgufChoice).meta({ description: 'The GGUF models that the repository offers.' }),
  engine: z
    .object({
      name: z.string(),
      available: z.boolean().meta({ description: 'Whether this installation can run it.' }),
      reason: z.string().meta({ description: 'Why this one, or what it needs.' }),
    })
    .nullable(),
  refusals: z
    .array(z.object({ engine: z.string(), reason: z.string() }))
    .meta({ description: 'The engines that were passed over, and why.' }),
  context: z.int().nullable().meta({ description: 'Tokens of one request that the plan provides for.' }),
  concurrency: z.int().nullable(),
  suggestedCompute: z.string().nullable().meta({ description: 'The id of the smallest one that fits.' }),
  instances: z.array(InstanceFit).meta({ description: 'Every instance type, judged.' }),
  measured: z
    .object({ memoryBytes: Bytes, at: Timestamp })
    .nullable()
    .meta({ description: 'What replicas with these settings really used, once one has run.' }),
  endpoint: Endpoint.nullable().meta({ description: 'Ready to be sent to `POST /v2/endpoint/{namespace}`.' }),
  notes: z.array(z.string()).meta({ description: 'What a person should know before.' }),
})
export type Recommendation = z.infer<typeof Recommendation>
