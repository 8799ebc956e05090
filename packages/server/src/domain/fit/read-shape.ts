/**
 * The shape of a model from what comes with it: the `config.json` of a transformers model, or the metadata of a GGUF
 * file.
 *
 * Both were written by others and may be anything, so every value is looked at before it is believed. What is not
 * understood is counted as plain full attention: the estimate is then too large, never too small.
 */
import type { AttentionLayers, ModelShape } from './model-shape.ts'

type Given = Readonly<Record<string, unknown>>

/** How large the weights are, from file sizes or a safetensors index (`metadata.total_size`, `total_parameters`). */
export type Weights = {
  readonly bytes: number
  readonly parameters?: number | undefined
  readonly dtype?: string | undefined
}

/** @returns `undefined` when it does not describe a model with attention. */
export function shapeFromConfig(config: unknown, weights: Weights): ModelShape | undefined {
  const root = asObject(config)
  // Models that see or hear keep the language model's part in a part of its own.
  const text = asObject(root['text_config'] ?? root['llm_config'] ?? root)
  const layers = count(text['num_hidden_layers']) ?? count(text['n_layer'])
  const heads = count(text['num_attention_heads']) ?? count(text['n_head'])
  const hidden = count(text['hidden_size']) ?? count(text['n_embd'])
  if (!layers || !heads || !hidden) return undefined

  const headDimension = count(text['head_dim']) ?? Math.floor(hidden / heads)
  const latent = latentDimension(text)
  const plain = {
    kvHeads: latent ? 1 : (count(text['num_key_value_heads']) ?? (text['multi_query'] === true ? 1 : heads)),
    keyDimension: latent ?? headDimension,
    valueDimension: latent ? 0 : headDimension,
  }
  const readsWhole = isEncoder(root)
  return {
    weightBytes: weights.bytes,
    parameters: weights.parameters,
    attention: readsWhole
      ? []
      : grouped(windowsFromConfig(text, layers).map((windowTokens) => ({ ...plain, windowTokens }))),
    ...(readsWhole && { encoderHeads: heads }),
    maxContextTokens: count(text['max_position_embeddings']) ?? count(text['n_positions']),
    vocabulary: count(text['vocab_size']) ?? count(root['vocab_size']),
    width: hidden,
    dtype: weights.dtype,
  }
}

/** @returns `undefined` when it does not describe a model with attention. */
export function shapeFromGguf(metadata: unknown, weights: Weights): ModelShape | undefined {
  const given = asObject(metadata)
  const architecture = given['general.architecture']
  if (typeof architecture !== 'string') return undefined
  const of = (key: string) => given[`${architecture}.${key}`]

  const layers = count(of('block_count'))
  const heads = count(of('attention.head_count'))
  const hidden = count(of('embedding_length'))
  if (!layers || !hidden) return undefined
  const headDimension = heads ? Math.floor(hidden / heads) : undefined
  const keyDimension = count(of('attention.key_length')) ?? headDimension
  const valueDimension = count(of('attention.value_length')) ?? headDimension
  if (!keyDimension || !valueDimension) return undefined

  const headsOf = perLayer(of('attention.head_count_kv'), layers) ?? Array<number>(layers).fill(heads ?? 1)
  const windowTokens = count(of('attention.sliding_window'))
  const pattern = of('attention.sliding_window_pattern')
  const isWindowed = (layer: number) => Array.isArray(pattern) && pattern[layer] === true
  return {
    weightBytes: weights.bytes,
    parameters: weights.parameters ?? count(given['general.parameter_count']),
    attention: isEncoderGguf(architecture, of)
      ? []
      : grouped(
          headsOf.map((kvHeads, layer) => ({
            kvHeads,
            keyDimension,
            valueDimension,
            windowTokens: isWindowed(layer) ? windowTokens : undefined,
          })),
        ),
    maxContextTokens: count(of('context_length')),
    vocabulary: count(of('vocab_size')) ?? lengthOf(given['tokenizer.ggml.tokens']),
    width: hidden,
    dtype: weights.dtype,
  }
}

/** What reads a text in both directions at once keeps nothing of it. */
function isEncoder(root: Given): boolean {
  const named = root['architectures']
  const names = Array.isArray(named) ? named.filter((one) => typeof one === 'string') : []
  if (root['is_decoder'] === true || root['is_encoder_decoder'] === true) return false
  return names.some((name) => ENCODER_ARCHITECTURE.test(name)) && !names.some((name) => GENERATIVE.test(name))
}

const ENCODER_ARCHITECTURE =
  /^(?:\w*Bert|Roberta|XLMRoberta|Camembert|Deberta\w*|Electra|MPNet|NomicBert|NewModel|New|Gte|Longformer|BigBird)\w*(?:Model|For\w+)$|^(?:NewModel|NomicBertModel|MPNetModel)$/
const GENERATIVE = /For(?:CausalLM|ConditionalGeneration)$/

function isEncoderGguf(architecture: string, of: (key: string) => unknown): boolean {
  return of('attention.causal') === false || /bert|t5encoder/.test(architecture)
}

/** DeepSeek's latent attention: one compressed vector and one rotated key, whatever the number of heads. */
function latentDimension(text: Given): number | undefined {
  const rank = count(text['kv_lora_rank'])
  return rank && rank + (count(text['qk_rope_head_dim']) ?? 0)
}

/** For each layer with attention, how far it looks back. */
function windowsFromConfig(text: Given, layers: number): (number | undefined)[] {
  const windowTokens = count(text['sliding_window'])
  const kinds = text['layer_types']
  if (Array.isArray(kinds) && kinds.length === layers) {
    // Linear attention keeps a state of fixed size, which is small beside everything else.
    return kinds
      .filter((kind) => typeof kind === 'string' && !kind.startsWith('linear'))
      .map((kind) => (kind === 'sliding_attention' ? windowTokens : undefined))
  }
  const every = count(text['sliding_window_pattern'])
  return Array.from({ length: layers }, (_, layer) =>
    every && (layer + 1) % every !== 0 ? windowTokens : undefined,
  )
}

/** Layers without heads keep nothing. */
function grouped(layers: readonly Omit<AttentionLayers, 'layers'>[]): AttentionLayers[] {
  const groups = new Map<string, AttentionLayers>()
  for (const layer of layers) {
    if (layer.kvHeads === 0) continue
    const key = JSON.stringify(layer)
    groups.set(key, { ...layer, layers: (groups.get(key)?.layers ?? 0) + 1 })
  }
  return [...groups.values()]
}

function perLayer(value: unknown, layers: number): number[] | undefined {
  if (Array.isArray(value)) {
    const counts = value.map((one) => (one === 0 ? 0 : count(one)))
    return counts.length === layers && counts.every((one) => one !== undefined) ? counts : undefined
  }
  const same = count(value)
  return same === undefined ? undefined : Array<number>(layers).fill(same)
}

/** A positive whole number; GGUF readers give large ones as bigint. */
function count(value: unknown): number | undefined {
  const number = typeof value === 'bigint' ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number > 0 ? number : undefined
}

function asObject(value: unknown): Given {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Given) : {}
}

/** Readers give a long list as itself or as its length alone. */
function lengthOf(value: unknown): number | undefined {
  return Array.isArray(value) ? count(value.length) : count(asObject(value)['length'])
}
