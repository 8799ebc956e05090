/**
 * The shape of a model, as far as memory is concerned: how large its weights are, and what attention keeps of every
 * token.
 *
 * For each token of a request, every attention layer keeps one key and one value per key-value head: the KV cache.
 * Its size per token is therefore
 *
 *     2 × layers × kv heads × head dimension × bytes per element
 *
 * (Kwon et al., "Efficient Memory Management for Large Language Model Serving with PagedAttention", SOSP 2023,
 * section 2: OPT-13B keeps 2 × 5120 × 40 × 2 bytes = 800 KiB per token.) Two inventions make it smaller: layers with
 * a sliding window keep the window alone, and latent attention (DeepSeek) keeps one compressed vector for all heads.
 */
export type ModelShape = {
  /** Of all files that are loaded, as they are stored. */
  readonly weightBytes: number
  /** How many numbers the weights are, when known: what a smaller data type would save is worked out from it. */
  readonly parameters: number | undefined
  readonly attention: readonly AttentionLayers[]
  /** The longest request that the model was trained for. */
  readonly maxContextTokens: number | undefined
  readonly vocabulary: number | undefined
  /** Numbers that stand for one token between two layers. */
  readonly width: number | undefined
  /** The type that the weights are stored in, in their maker's words: "BF16", "F32", "Q4_K_M". */
  readonly dtype: string | undefined
  /** Attention heads of a layer, of a model that reads whole texts and keeps nothing of them. */
  readonly encoderHeads?: number
}

/** Layers that keep the same. */
export type AttentionLayers = {
  readonly layers: number
  readonly kvHeads: number
  readonly keyDimension: number
  /** 0 where the value is read from the key's own vector (latent attention). */
  readonly valueDimension: number
  /** Tokens that these layers look back; `undefined` is all. */
  readonly windowTokens: number | undefined
}

/** Bytes per element; block formats store a scale for every 32 elements. */
export const KV_DTYPE_BYTES = {
  f32: 4,
  f16: 2,
  bf16: 2,
  fp8: 1,
  q8_0: 34 / 32,
  q5_1: 24 / 32,
  q5_0: 22 / 32,
  q4_1: 20 / 32,
  q4_0: 18 / 32,
} as const
export type KvDtype = keyof typeof KV_DTYPE_BYTES

/** What one more token of a short request costs: within every window. */
export function kvBytesPerToken({ attention }: ModelShape, dtype: KvDtype = 'f16'): number {
  return attention.reduce((sum, group) => sum + layerBytesPerToken(group, dtype), 0)
}

/**
 * The KV cache of one request of `tokens` on one of `devices` that share every layer. Heads are dealt out whole, so
 * a model with fewer of them than devices keeps some twice.
 */
export function kvBytesPerRequest(
  { attention }: ModelShape,
  tokens: number,
  { dtype = 'f16', devices = 1 }: { readonly dtype?: KvDtype; readonly devices?: number } = {},
): number {
  return attention.reduce((sum, group) => {
    const kept = Math.min(tokens, group.windowTokens ?? tokens)
    const share = Math.ceil(group.kvHeads / devices) / group.kvHeads
    return sum + layerBytesPerToken(group, dtype) * kept * share
  }, 0)
}

function layerBytesPerToken(group: AttentionLayers, dtype: KvDtype): number {
  const { layers, kvHeads, keyDimension, valueDimension } = group
  return layers * kvHeads * (keyDimension + valueDimension) * KV_DTYPE_BYTES[dtype]
}
