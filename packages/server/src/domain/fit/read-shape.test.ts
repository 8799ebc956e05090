import { describe, expect, test } from 'vitest'
import { kvBytesPerToken, type ModelShape } from './model-shape.ts'
import { shapeFromConfig, shapeFromGguf } from './read-shape.ts'

const WEIGHTS = { bytes: 1_000 }
const attentionOf = (shape: ModelShape | undefined) => shape?.attention

/** As published, without what does not matter here. */
const llama = {
  model_type: 'llama',
  hidden_size: 4_096,
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 8,
  max_position_embeddings: 8_192,
  vocab_size: 128_256,
}

describe('config.json', () => {
  test('of Llama 3 8B', () => {
    expect(shapeFromConfig(llama, { bytes: 16_060_522_496, parameters: 8_030_261_248 })).toEqual({
      weightBytes: 16_060_522_496,
      parameters: 8_030_261_248,
      attention: [
        { layers: 32, kvHeads: 8, keyDimension: 128, valueDimension: 128, windowTokens: undefined },
      ],
      maxContextTokens: 8_192,
      vocabulary: 128_256,
      width: 4_096,
      dtype: undefined,
    })
  })

  test('with a head dimension of its own, and as many key-value heads as heads when it does not say', () => {
    const config = { hidden_size: 3_072, num_attention_heads: 16, num_hidden_layers: 28, head_dim: 256 }
    expect(attentionOf(shapeFromConfig(config, WEIGHTS))).toMatchObject([{ kvHeads: 16, keyDimension: 256 }])
  })

  test('of DeepSeek-V3, whose latent attention keeps 70 kB per token', () => {
    const config = {
      hidden_size: 7_168,
      num_attention_heads: 128,
      num_key_value_heads: 128,
      num_hidden_layers: 61,
      kv_lora_rank: 512,
      qk_rope_head_dim: 64,
    }
    expect(kvBytesPerToken(shapeFromConfig(config, WEIGHTS)!)).toBe(70_272)
  })

  test('of a model that sees, whose language part is inside, with a window on most layers', () => {
    const config = {
      vision_config: { num_hidden_layers: 27 },
      text_config: {
        hidden_size: 5_376,
        num_attention_heads: 32,
        num_key_value_heads: 16,
        num_hidden_layers: 62,
        head_dim: 128,
        sliding_window: 1_024,
        sliding_window_pattern: 6,
      },
    }
    expect(
      attentionOf(shapeFromConfig(config, WEIGHTS))?.map((group) => [group.layers, group.windowTokens]),
    ).toEqual([
      [52, 1_024],
      [10, undefined],
    ])
  })

  test('with a kind for each layer; layers of linear attention keep nothing per token', () => {
    const kinds = ['sliding_attention', 'full_attention', 'linear_attention', 'full_attention']
    const config = { ...llama, num_hidden_layers: 4, sliding_window: 128, layer_types: kinds }
    expect(
      attentionOf(shapeFromConfig(config, WEIGHTS))?.map((group) => [group.layers, group.windowTokens]),
    ).toEqual([
      [1, 128],
      [2, undefined],
    ])
  })

  test('with a window but without saying on which layers, is counted as if it had none', () => {
    const shape = shapeFromConfig({ ...llama, sliding_window: 4_096 }, WEIGHTS)
    expect(attentionOf(shape)).toMatchObject([{ layers: 32, windowTokens: undefined }])
  })

  test('of GPT-2, in its own words', () => {
    const config = { n_layer: 12, n_head: 12, n_embd: 768, n_positions: 1_024, vocab_size: 50_257 }
    expect(shapeFromConfig(config, WEIGHTS)).toMatchObject({
      attention: [{ layers: 12, kvHeads: 12, keyDimension: 64 }],
      maxContextTokens: 1_024,
    })
  })

  test.for([
    undefined,
    null,
    'text',
    [],
    {},
    { num_hidden_layers: '32' },
    { ...llama, num_hidden_layers: -1 },
  ])('that is %j describes no model', (config) => {
    expect(shapeFromConfig(config, WEIGHTS)).toBeUndefined()
  })
})

describe('GGUF metadata', () => {
  const gguf = {
    'general.architecture': 'llama',
    'general.parameter_count': 8_030_261_312n,
    'llama.block_count': 32,
    'llama.embedding_length': 4_096,
    'llama.attention.head_count': 32,
    'llama.attention.head_count_kv': 8,
    'llama.context_length': 131_072,
    'llama.vocab_size': 128_256,
  }

  test('of Llama 3.1 8B', () => {
    expect(shapeFromGguf(gguf, { bytes: 4_920_734_272 })).toEqual({
      weightBytes: 4_920_734_272,
      parameters: 8_030_261_312,
      attention: [
        { layers: 32, kvHeads: 8, keyDimension: 128, valueDimension: 128, windowTokens: undefined },
      ],
      maxContextTokens: 131_072,
      vocabulary: 128_256,
      width: 4_096,
      dtype: undefined,
    })
  })

  test('with heads for each layer, of which some have none, and a window on some', () => {
    const mixed = {
      ...gguf,
      'llama.block_count': 4,
      'llama.attention.head_count_kv': [8, 0, 8, 4],
      'llama.attention.key_length': 64,
      'llama.attention.value_length': 96,
      'llama.attention.sliding_window': 512,
      'llama.attention.sliding_window_pattern': [true, true, false, false],
    }
    const one = { keyDimension: 64, valueDimension: 96 }
    expect(attentionOf(shapeFromGguf(mixed, WEIGHTS))).toEqual([
      { ...one, layers: 1, kvHeads: 8, windowTokens: 512 },
      { ...one, layers: 1, kvHeads: 8, windowTokens: undefined },
      { ...one, layers: 1, kvHeads: 4, windowTokens: undefined },
    ])
  })

  test('counts the tokens when the size of the vocabulary is not there', () => {
    const { 'llama.vocab_size': _size, ...rest } = gguf
    const shape = shapeFromGguf({ ...rest, 'tokenizer.ggml.tokens': ['a', 'b'] }, WEIGHTS)
    expect(shape?.vocabulary).toBe(2)
  })

  test('of something else describes no model', () => {
    expect(shapeFromGguf({}, WEIGHTS)).toBeUndefined()
    expect(shapeFromGguf({ 'general.architecture': 'llama' }, WEIGHTS)).toBeUndefined()
  })
})
