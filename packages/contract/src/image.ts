/**
 * `model.image`: an object with exactly one key, the engine variant.
 *
 * Berth additions to the managed service's shapes: `url` may be left out (Berth knows its default for the
 * runtime in use), llama.cpp's four settings have defaults, and `echo` is our rehearsal engine.
 */
import { z } from 'zod'

const base = {
  url: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .meta({ description: 'Container image; not used by the process runtime.' }),
  port: z.int().min(1).max(65_535).optional(),
  healthRoute: z.string().startsWith('/').max(200).nullable().optional(),
}
const count = z.int().min(1)

const Llamacpp = z.strictObject({
  ...base,
  modelPath: z.string().max(500).optional().meta({
    description: 'A GGUF file in the repository, or /repository/<file>. Chosen by Berth when absent.',
  }),
  ctxSize: z
    .int()
    .min(0)
    .max(10_000_000)
    .optional()
    .meta({ description: 'Tokens over all slots; 0 takes the model’s own.' }),
  nParallel: count.max(256).optional().meta({ description: 'Requests decoded at the same time (slots).' }),
  threadsHttp: z.int().min(-1).optional(),
  nGpuLayers: z.int().min(-1).optional(),
  mmprojModelPath: z.string().nullable().optional(),
  specModelPath: z.string().nullable().optional(),
  mode: z.enum(['embeddings', 'reranking']).nullable().optional(),
  pooling: z.enum(['mean', 'cls', 'last', 'rank']).nullable().optional(),
  variant: z.string().max(200).nullable().optional().meta({
    description: 'Glob of the GGUF files to fetch, for example "Q8_0/*", or a quantisation such as "Q4_K_M".',
  }),
  embeddings: z.boolean().optional().meta({ deprecated: true }),
})
export type LlamacppImage = z.infer<typeof Llamacpp>

const Echo = z
  .strictObject({
    healthRoute: base.healthRoute,
    startMs: z
      .int()
      .min(0)
      .max(3_600_000)
      .optional()
      .meta({ description: 'Time until it answers its health route with 200.' }),
    firstTokenMs: z.int().min(0).max(600_000).optional(),
    tokenMs: z.int().min(0).max(600_000).optional().meta({ description: 'Time between two tokens.' }),
    crashOnStart: z
      .int()
      .min(0)
      .max(255)
      .optional()
      .meta({ description: 'Ends with this exit code instead of getting ready.' }),
    crashAfterRequests: z.int().min(1).optional(),
    freezeAfterRequests: z
      .int()
      .min(1)
      .optional()
      .meta({ description: 'Accepts connections and never answers again.' }),
    zombieAfterRequests: z
      .int()
      .min(1)
      .optional()
      .meta({ description: 'Health stays 200 while requests hang.' }),
    errorStatus: z
      .int()
      .min(400)
      .max(599)
      .optional()
      .meta({ description: 'Answers every request with this status.' }),
    parallel: count
      .max(10_000)
      .optional()
      .meta({ description: 'Requests served at once; the rest wait inside.' }),
  })
  .meta({
    description: 'Berth addition: answers with the prompt, and misbehaves as told. For rehearsals and tests.',
  })
export type EchoImage = z.infer<typeof Echo>

const variants = {
  huggingface: z.strictObject({ env: z.record(z.string(), z.string()).optional() }),
  huggingfaceNeuron: z.strictObject({
    batchSize: count.optional(),
    neuronCache: z.string().optional(),
    sequenceLength: count.optional(),
  }),
  vLLM: z.strictObject({
    ...base,
    tensorParallelSize: count.optional(),
    dataParallelSize: count.optional(),
    kvCacheDtype: z.enum(['auto', 'fp8', 'fp8_e5m2', 'fp8_e4m3']).optional(),
    maxNumBatchedTokens: count.optional(),
    maxNumSeqs: count.optional(),
  }),
  vLLMNeuron: z.strictObject(base),
  vLLMOmni: z.strictObject(base),
  sGLang: z.strictObject({
    ...base,
    chunkedPrefillSize: z.int().min(-1).optional(),
    kvCacheDtype: z.enum(['auto', 'fp8_e5m2', 'fp8_e4m3']).optional(),
    maxPrefillTokens: count.optional(),
    maxRunningRequests: count.optional(),
    tensorParallelSize: count.optional(),
  }),
  tgi: z.strictObject({
    ...base,
    maxBatchPrefillTokens: count.optional(),
    maxBatchTotalTokens: count.optional(),
    maxInputLength: count.optional(),
    maxTotalTokens: count.optional(),
    disableCustomKernels: z.boolean().optional(),
    quantize: z.string().nullable().optional(),
  }),
  tgiNeuron: z.strictObject({
    ...base,
    maxBatchPrefillTokens: count.optional(),
    maxBatchTotalTokens: count.optional(),
    maxInputLength: count.optional(),
    maxTotalTokens: count.optional(),
    hfAutoCastType: z.enum(['bf16', 'fp16']).optional(),
    hfNumCores: count.optional(),
  }),
  tei: z.strictObject({
    ...base,
    maxBatchTokens: count.optional(),
    maxConcurrentRequests: count.optional(),
    pooling: z.string().max(50).optional(),
  }),
  llamacpp: Llamacpp,
  hfServe: z.strictObject(base),
  custom: z.strictObject({
    ...base,
    credentials: z.strictObject({ username: z.string(), password: z.string() }).optional(),
  }),
  echo: Echo,
}

export type ImageVariant = keyof typeof variants
export const imageVariants = Object.keys(variants) as ImageVariant[]

const Variants = z.strictObject(variants).partial()

export const Image = z
  .preprocess(readOldImage, Variants)
  .superRefine((image, context) => {
    const keys = Object.keys(image)
    if (keys.length === 1) return
    context.addIssue({
      code: 'custom',
      message: `must name exactly one engine variant, and has ${keys.length === 0 ? 'none' : keys.join(', ')}; the variants are ${imageVariants.join(', ')}`,
    })
  })
  .meta({
    description: 'Exactly one key: the engine variant. `huggingface: {}` lets Berth choose the engine.',
  })
export type Image = z.infer<typeof Image>

/** The one variant of an image, with its settings. */
export function variantOf(
  image: Image,
): { [V in ImageVariant]: { name: V; settings: NonNullable<Image[V]> } }[ImageVariant] {
  const [name, settings] = Object.entries(image)[0]!
  return { name, settings } as ReturnType<typeof variantOf>
}

/** Older clients wrap every unknown variant as `custom`, and wrote `health_route`. */
function readOldImage(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('custom' in value)) return value
  const custom: unknown = value.custom
  if (typeof custom !== 'object' || custom === null) return value
  const keys = Object.keys(custom)
  if (keys.length === 1 && (imageVariants as string[]).includes(keys[0]!)) return custom
  if (!('health_route' in custom)) return value
  const { health_route: healthRoute, ...rest } = custom
  return { ...value, custom: { ...rest, healthRoute } }
}
