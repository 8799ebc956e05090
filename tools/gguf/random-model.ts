/**
 * Models with random weights: the real shape, size and speed of a model, without its knowledge.
 *
 * Everything follows from the shape and the seed, so the same call writes the same bytes anywhere. No weights
 * and no vocabulary of any other model go in. Two architectures: `llama` generates, `bert` embeds.
 */
import { type MetadataValue, type Tensor, type TensorType, writeGguf } from './gguf-writer.ts'

export type ModelShape = {
  readonly architecture: 'llama' | 'bert'
  readonly width: number
  readonly layers: number
  readonly heads: number
  /** Heads of keys and values; fewer than `heads` share them. */
  readonly kvHeads: number
  readonly feedForward: number
  readonly contextTokens: number
  readonly vocabulary: number
  readonly type: TensorType
}

export const PRESETS = {
  tiny: {
    ...{ architecture: 'llama', width: 64, layers: 2, heads: 4, kvHeads: 2, feedForward: 192 },
    ...{ contextTokens: 2048, vocabulary: 512, type: 'f16' },
  },
  small: {
    ...{ architecture: 'llama', width: 768, layers: 12, heads: 12, kvHeads: 4, feedForward: 2048 },
    ...{ contextTokens: 4096, vocabulary: 8192, type: 'q8_0' },
  },
  medium: {
    ...{ architecture: 'llama', width: 2048, layers: 24, heads: 16, kvHeads: 8, feedForward: 6144 },
    ...{ contextTokens: 4096, vocabulary: 16384, type: 'q8_0' },
  },
  embed: {
    ...{ architecture: 'bert', width: 64, layers: 2, heads: 4, kvHeads: 4, feedForward: 128 },
    ...{ contextTokens: 512, vocabulary: 512, type: 'f16' },
  },
} as const satisfies Record<string, ModelShape>

export type PresetName = keyof typeof PRESETS

type Metadata = Map<string, MetadataValue>

/** Writes the file and returns its size in bytes. */
export function writeRandomModel(file: string, shape: ModelShape, name: string, seed: number): number {
  checkShape(shape)
  const metadata: Metadata = new Map([
    ['general.architecture', text(shape.architecture)],
    ['general.type', text('model')],
    ['general.name', text(name)],
    ['general.license', text('cc0-1.0')],
    ['general.quantization_version', u32(2)],
    ['general.file_type', u32({ f32: 0, f16: 1, q8_0: 7 }[shape.type])],
  ])
  const about = (key: string, value: MetadataValue) => metadata.set(`${shape.architecture}.${key}`, value)
  about('context_length', u32(shape.contextTokens))
  about('embedding_length', u32(shape.width))
  about('block_count', u32(shape.layers))
  about('feed_forward_length', u32(shape.feedForward))
  about('attention.head_count', u32(shape.heads))
  const tensors = new TensorList(shape, seed)
  if (shape.architecture === 'llama') {
    describeLlama(shape, metadata)
    addLlamaTensors(shape, tensors)
  } else {
    describeBert(shape, metadata)
    addBertTensors(shape, tensors)
  }
  return writeGguf(file, metadata, tensors.all)
}

function checkShape({ width, heads, kvHeads, feedForward }: ModelShape): void {
  // Quantised blocks hold 32 values of a row.
  if (width % 32 !== 0 || feedForward % 32 !== 0)
    throw new Error('width and feed-forward must be multiples of 32')
  if (width % heads !== 0 || heads % kvHeads !== 0)
    throw new Error('heads must divide the width, and kv heads the heads')
}

// Vocabularies ------------------------------------------------------------------------------------------------

/** SentencePiece's kinds of tokens. */
const NORMAL = 1
const UNKNOWN = 2
const CONTROL = 3
const UNUSED = 5
const BYTE = 6

/** Prints every message: an engine may refuse a template that leaves one out. */
const CHAT_TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

const CHARACTERS = `etaoinshrdlcumwfgypbvkjxqzETAOINSHRDLCUMWFGYPBVKJXQZ0123456789.,:;!?'"()[]{}<>/\\|-_=+*&^%$#@~\``
const SYLLABLES = [
  'ba',
  'ce',
  'di',
  'fo',
  'gu',
  'ha',
  'je',
  'ki',
  'lo',
  'mu',
  'na',
  'pe',
  'ri',
  'so',
  'tu',
  'we',
]

/** Made-up words, shortest first: every pair of syllables, then every three, and so on. */
function* inventedWords(): Generator<string> {
  for (let number = 0; ; number++) {
    let word = ''
    for (let rest = number + SYLLABLES.length; rest > 0; rest = Math.floor(rest / SYLLABLES.length)) {
      word += SYLLABLES[rest % SYLLABLES.length]
    }
    yield word
  }
}

function describeLlama(shape: ModelShape, metadata: Metadata): void {
  const tokens = ['<unk>', '<s>', '</s>']
  const kinds = [UNKNOWN, CONTROL, CONTROL]
  for (let byte = 0; byte < 256; byte++) {
    tokens.push(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
    kinds.push(BYTE)
  }
  tokens.push('<|im_start|>', '<|im_end|>')
  kinds.push(CONTROL, CONTROL)
  const endOfTurn = tokens.length - 1
  const known = new Set(tokens)
  const add = (piece: string) => {
    if (tokens.length >= shape.vocabulary || known.has(piece)) return
    known.add(piece)
    tokens.push(piece)
    kinds.push(NORMAL)
  }
  for (const character of `▁${CHARACTERS}`) add(character)
  for (const word of inventedWords()) {
    if (tokens.length >= shape.vocabulary) break
    // The tokenizer merges two pieces at a time, so every step on the way to a word is a piece too.
    for (let end = 2; end <= word.length; end++) add(word.slice(0, end))
    for (let end = 1; end <= word.length; end++) add(`▁${word.slice(0, end)}`)
  }
  if (tokens.length !== shape.vocabulary)
    throw new Error(`the vocabulary must have ${tokens.length} tokens at least`)

  metadata.set('llama.attention.head_count_kv', u32(shape.kvHeads))
  metadata.set('llama.rope.dimension_count', u32(shape.width / shape.heads))
  metadata.set('llama.rope.freq_base', f32(10_000))
  metadata.set('llama.attention.layer_norm_rms_epsilon', f32(1e-5))
  metadata.set('llama.vocab_size', u32(shape.vocabulary))
  metadata.set('tokenizer.ggml.model', text('llama'))
  metadata.set('tokenizer.ggml.pre', text('default'))
  metadata.set('tokenizer.ggml.tokens', { type: 'texts', values: tokens })
  metadata.set('tokenizer.ggml.scores', { type: 'f32s', values: tokens.map((_, i) => -i) })
  metadata.set('tokenizer.ggml.token_type', { type: 'i32s', values: kinds })
  metadata.set('tokenizer.ggml.unknown_token_id', u32(0))
  metadata.set('tokenizer.ggml.bos_token_id', u32(1))
  metadata.set('tokenizer.ggml.eos_token_id', u32(2))
  metadata.set('tokenizer.ggml.eot_token_id', u32(endOfTurn))
  metadata.set('tokenizer.ggml.add_bos_token', flag(true))
  metadata.set('tokenizer.ggml.add_eos_token', flag(false))
  // A space before every piece of text would come between the template's marks and its words.
  metadata.set('tokenizer.ggml.add_space_prefix', flag(false))
  metadata.set('tokenizer.chat_template', text(CHAT_TEMPLATE))
}

/** WordPiece as llama.cpp keeps it: what begins a word carries ▁, what continues one does not. */
function describeBert(shape: ModelShape, metadata: Metadata): void {
  const tokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
  const kinds = [CONTROL, UNKNOWN, CONTROL, CONTROL, CONTROL]
  const characters = [...CHARACTERS].filter((character) => character === character.toLowerCase())
  for (const piece of [...characters.map((character) => `▁${character}`), ...characters]) {
    tokens.push(piece)
    kinds.push(NORMAL)
  }
  for (const word of inventedWords()) {
    if (tokens.length >= shape.vocabulary / 2) break
    tokens.push(`▁${word}`)
    kinds.push(NORMAL)
  }
  while (tokens.length < shape.vocabulary) {
    tokens.push(`▁[unused${tokens.length}]`)
    kinds.push(UNUSED)
  }
  metadata.set('bert.attention.layer_norm_epsilon', f32(1e-12))
  metadata.set('bert.attention.causal', flag(false))
  metadata.set('bert.pooling_type', u32(1))
  metadata.set('tokenizer.ggml.model', text('bert'))
  metadata.set('tokenizer.ggml.token_type_count', u32(2))
  metadata.set('tokenizer.ggml.tokens', { type: 'texts', values: tokens })
  metadata.set('tokenizer.ggml.scores', { type: 'f32s', values: tokens.map(() => -1000) })
  metadata.set('tokenizer.ggml.token_type', { type: 'i32s', values: kinds })
  metadata.set('tokenizer.ggml.padding_token_id', u32(0))
  metadata.set('tokenizer.ggml.unknown_token_id', u32(1))
  metadata.set('tokenizer.ggml.bos_token_id', u32(2))
  metadata.set('tokenizer.ggml.cls_token_id', u32(2))
  metadata.set('tokenizer.ggml.eos_token_id', u32(3))
  // The format's own spelling.
  metadata.set('tokenizer.ggml.seperator_token_id', u32(3))
  metadata.set('tokenizer.ggml.mask_token_id', u32(4))
}

// Weights -----------------------------------------------------------------------------------------------------

/** Values made at a time; a large tensor repeats the first part from another beginning, which is much faster. */
const PART_VALUES = 1 << 20

class TensorList {
  readonly all: Tensor[] = []
  readonly #shape: ModelShape
  readonly #seed: number

  constructor(shape: ModelShape, seed: number) {
    this.#shape = shape
    this.#seed = seed
  }

  random(
    name: string,
    shape: readonly number[],
    deviation: number,
    type: TensorType = this.#shape.type,
  ): void {
    const seed = mixed(this.#seed, this.all.length)
    this.all.push({ name, shape, type, values: () => randomParts(product(shape), deviation, seed) })
  }

  constant(name: string, size: number, value: number): void {
    this.all.push({ name, shape: [size], type: 'f32', values: () => [new Float32Array(size).fill(value)] })
  }
}

function addLlamaTensors(shape: ModelShape, tensors: TensorList): void {
  const { width, feedForward, vocabulary } = shape
  const kvWidth = (width / shape.heads) * shape.kvHeads
  const deviation = 1 / Math.sqrt(width)
  tensors.random('token_embd.weight', [width, vocabulary], 1)
  tensors.constant('output_norm.weight', width, 1)
  tensors.random('output.weight', [width, vocabulary], deviation)
  for (let layer = 0; layer < shape.layers; layer++) {
    const add = (name: string, from: number, to: number) =>
      tensors.random(`blk.${layer}.${name}.weight`, [from, to], deviation)
    tensors.constant(`blk.${layer}.attn_norm.weight`, width, 1)
    add('attn_q', width, width)
    add('attn_k', width, kvWidth)
    add('attn_v', width, kvWidth)
    add('attn_output', width, width)
    tensors.constant(`blk.${layer}.ffn_norm.weight`, width, 1)
    add('ffn_gate', width, feedForward)
    add('ffn_up', width, feedForward)
    add('ffn_down', feedForward, width)
  }
}

function addBertTensors(shape: ModelShape, tensors: TensorList): void {
  const { width, feedForward } = shape
  const deviation = 1 / Math.sqrt(width)
  const norm = (name: string) => {
    tensors.constant(`${name}.weight`, width, 1)
    tensors.constant(`${name}.bias`, width, 0)
  }
  tensors.random('token_embd.weight', [width, shape.vocabulary], 1)
  tensors.random('position_embd.weight', [width, shape.contextTokens], 0.1, 'f32')
  tensors.random('token_types.weight', [width, 2], 0.1, 'f32')
  norm('token_embd_norm')
  for (let layer = 0; layer < shape.layers; layer++) {
    const add = (name: string, from: number, to: number) => {
      tensors.random(`blk.${layer}.${name}.weight`, [from, to], deviation)
      tensors.constant(`blk.${layer}.${name}.bias`, to, 0)
    }
    for (const name of ['attn_q', 'attn_k', 'attn_v', 'attn_output']) add(name, width, width)
    norm(`blk.${layer}.attn_output_norm`)
    add('ffn_up', width, feedForward)
    add('ffn_down', feedForward, width)
    norm(`blk.${layer}.layer_output_norm`)
  }
}

export function* randomParts(count: number, deviation: number, seed: number): Generator<Float32Array> {
  const random = randomSource(seed)
  const part = new Float32Array(Math.min(count, PART_VALUES))
  // The sum of four even numbers is close enough to a bell curve, and has this deviation.
  const scale = deviation * Math.sqrt(3)
  for (let i = 0; i < part.length; i++) part[i] = (random() + random() + random() + random() - 2) * scale
  yield part
  for (let left = count - part.length; left > 0; ) {
    // Whole blocks of 32 are turned, whatever the encoding.
    const begin = Math.floor((random() * part.length) / 32) * 32
    const turned = part.subarray(begin, begin + Math.min(left, part.length - begin))
    left -= turned.length
    yield turned
  }
}

/** xorshift32: small, the same everywhere, and good enough for noise. */
function randomSource(seed: number): () => number {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** A seed of its own for every tensor, so that a tensor does not depend on those before it. */
const mixed = (seed: number, index: number) =>
  Math.imul(seed + 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)

const product = (sizes: readonly number[]) => sizes.reduce((result, size) => result * size, 1)
const u32 = (value: number): MetadataValue => ({ type: 'u32', value })
const f32 = (value: number): MetadataValue => ({ type: 'f32', value })
const flag = (value: boolean): MetadataValue => ({ type: 'flag', value })
const text = (value: string): MetadataValue => ({ type: 'text', value })
