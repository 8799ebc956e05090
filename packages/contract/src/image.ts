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
  port: z
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .meta({ description: 'Where the program listens inside the container; the engine’s own when absent.' }),
  healthRoute: z.string().startsWith('/').max(200).nullable().optional().meta({
    description: 'The route that answers 200 when it is ready; the engine’s own when absent.',
  }),
}
const count = z.int().min(1)
/** Of a setting that the engine chooses when it is left out. */
const described = (description: string) => count.optional().meta({ description })

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
    .meta({ description: 'Tokens over all slots; 0 takes the model’s own. Default: 2048 for each slot.' }),
  nParallel: count
    .max(256)
    .optional()
    .meta({ description: 'Requests decoded at the same time (slots). Default: 4.' }),
  threadsHttp: z
    .int()
    .min(-1)
    .optional()
    .meta({ description: 'Threads that serve HTTP; -1 lets the engine choose, which is the default.' }),
  nGpuLayers: z.int().min(-1).optional().meta({
    description: 'Layers on the GPU; -1, the default, is all of them. On an instance without a GPU, none.',
  }),
  mmprojModelPath: z
    .string()
    .nullable()
    .optional()
    .meta({ description: 'The file that lets the model see pictures. Needs a real llama-server.' }),
  specModelPath: z
    .string()
    .nullable()
    .optional()
    .meta({ description: 'A small model that drafts for the large one. Needs a real llama-server.' }),
  mode: z.enum(['embeddings', 'reranking']).nullable().optional().meta({
    description: 'What the model is for, if not for generating. Reranking needs a real llama-server.',
  }),
  pooling: z.enum(['mean', 'cls', 'last', 'rank']).nullable().optional().meta({
    description: 'How one vector is made of many; the model’s own when absent. Needs a real llama-server.',
  }),
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
    firstTokenMs: z.int().min(0).max(600_000).optional().meta({ description: 'Time until the first token.' }),
    tokenMs: z.int().min(0).max(600_000).optional().meta({ description: 'Time between two tokens.' }),
    crashOnStart: z
      .int()
      .min(0)
      .max(255)
      .optional()
      .meta({ description: 'Ends with this exit code instead of getting ready.' }),
    crashAfterRequests: z.int().min(1).optional().meta({ description: 'Ends after so many requests.' }),
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
    exhaustAfterRequests: z
      .int()
      .min(1)
      .optional()
      .meta({ description: 'Takes memory after so many requests until it is killed for it.' }),
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
  huggingface: z.strictObject({
    env: z
      .record(z.string(), z.string())
      .optional()
      .meta({ description: 'As model.env; for older scripts.' }),
  }),
  huggingfaceNeuron: z.strictObject({
    batchSize: count.optional(),
    neuronCache: z.string().optional(),
    sequenceLength: count.optional(),
  }),
  vLLM: z.strictObject({
    ...base,
    tensorParallelSize: described(
      'GPUs that share every layer. Default: all of the instance; times dataParallelSize it must be their number.',
    ),
    dataParallelSize: described('Copies of the model side by side. Default: 1.'),
    kvCacheDtype: z
      .enum(['auto', 'fp8', 'fp8_e5m2', 'fp8_e4m3'])
      .optional()
      .meta({ description: 'Numbers of the KV cache; auto, the default, is the model’s own type.' }),
    maxNumBatchedTokens: described('Tokens in one step over all requests. Default: vLLM’s own.'),
    maxNumSeqs: described('Requests in one step. Default: vLLM’s own.'),
  }),
  vLLMNeuron: z.strictObject(base),
  vLLMOmni: z.strictObject(base),
  sGLang: z.strictObject({
    ...base,
    chunkedPrefillSize: z
      .int()
      .min(-1)
      .optional()
      .meta({ description: 'Tokens of a prompt that are read in one step; -1 reads it whole.' }),
    kvCacheDtype: z
      .enum(['auto', 'fp8_e5m2', 'fp8_e4m3'])
      .optional()
      .meta({ description: 'Numbers of the KV cache; auto, the default, is the model’s own type.' }),
    maxPrefillTokens: described('Tokens of all prompts that are read in one step. Default: SGLang’s own.'),
    maxRunningRequests: described('Requests at the same time. Default: SGLang’s own.'),
    tensorParallelSize: described('GPUs that share every layer. Default: all of the instance.'),
  }),
  tgi: z.strictObject({
    ...base,
    maxBatchPrefillTokens: described('Tokens of all prompts that are read in one step. Default: TGI’s own.'),
    maxBatchTotalTokens: described('Tokens of all requests together. Default: as many as fit.'),
    maxInputLength: described('Tokens of one prompt. Default: TGI’s own.'),
    maxTotalTokens: described('Tokens of one prompt with its answer. Default: TGI’s own.'),
    disableCustomKernels: z
      .boolean()
      .optional()
      .meta({ description: 'For models on which TGI’s own kernels fail. Default: false.' }),
    quantize: z.string().nullable().optional().meta({
      description: 'How weights are made smaller: awq, bitsandbytes, eetq, exl2, fp8, gptq, marlin.',
    }),
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
    maxBatchTokens: described(
      'Tokens in one step over all requests. Default: 16384; without a container 4096.',
    ),
    maxConcurrentRequests: described('Requests that it takes at once; more get 429. Default: 512.'),
    pooling: z
      .string()
      .max(50)
      .optional()
      .meta({ description: 'How one vector is made of many: cls, mean, splade, last-token.' }),
  }),
  llamacpp: Llamacpp,
  hfServe: z.strictObject(base),
  custom: z.strictObject({
    ...base,
    credentials: z
      .strictObject({ username: z.string().min(1).max(300), password: z.string().max(32_768) })
      .optional()
      .meta({ description: 'For the registry of a private image. The password is never shown again.' }),
  }),
  echo: Echo,
}

/** The settings of each variant. */
export const imageSettings: Readonly<Record<string, z.ZodType>> = variants

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
