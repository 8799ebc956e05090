import { describe, expect, test } from 'vitest'
import {
  contentsOf,
  filesForEmbeddings,
  filesForTransformers,
  transformersRefusal,
} from './repository-contents.ts'

const files = (...paths: string[]) => paths.map((path) => ({ path, sizeBytes: 1 }))
const facts = (...paths: string[]) => ({ repository: 'acme/model', files: files(...paths) })

describe('files for a transformers loader', () => {
  test.for<{ when: string; files: string[]; needed: string[] }>([
    {
      when: 'weights are there twice, the safetensors are taken',
      files: ['config.json', 'model.safetensors', 'pytorch_model.bin', 'training_args.bin'],
      needed: ['config.json', 'model.safetensors'],
    },
    {
      when: 'there are only pickles, they are taken',
      files: ['config.json', 'pytorch_model.bin', 'tf_model.h5', 'flax_model.msgpack', 'rust_model.ot'],
      needed: ['config.json', 'pytorch_model.bin'],
    },
    {
      when: 'one module of a pipeline is a pickle, it is kept',
      files: ['modules.json', 'model.safetensors', '2_Dense/pytorch_model.bin'],
      needed: ['modules.json', 'model.safetensors', '2_Dense/pytorch_model.bin'],
    },
    {
      when: 'other libraries have copies in directories, these are left out',
      files: [
        'model-00001-of-00002.safetensors',
        'model-00002-of-00002.safetensors',
        'model.safetensors.index.json',
        'original/consolidated.00.pth',
        'onnx/model.onnx',
        'openvino/openvino_model.bin',
        'model-Q4_K_M.gguf',
        'tokenizer.model',
      ],
      needed: [
        'model-00001-of-00002.safetensors',
        'model-00002-of-00002.safetensors',
        'model.safetensors.index.json',
        'tokenizer.model',
      ],
    },
    {
      when: 'the weights are there in Mistral’s form as well, they are taken once',
      files: ['config.json', 'consolidated.safetensors', 'model-00001-of-00001.safetensors'],
      needed: ['config.json', 'model-00001-of-00001.safetensors'],
    },
    {
      when: 'they are there in Mistral’s form alone, they are taken',
      files: ['params.json', 'consolidated.safetensors'],
      needed: ['params.json', 'consolidated.safetensors'],
    },
  ])('when $when', ({ files: paths, needed }) => {
    expect(filesForTransformers(files(...paths))).toEqual(needed)
  })
})

test('embeddings fall back to the unquantised ONNX export, and only then', () => {
  const exports = ['onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model_quantized.onnx']
  expect(filesForEmbeddings(files('config.json', ...exports))).toEqual([
    'config.json',
    'onnx/model.onnx',
    'onnx/model.onnx_data',
  ])
  expect(filesForEmbeddings(files('model.safetensors', ...exports))).toEqual(['model.safetensors'])
})

test('what looks generative: causal models, and not what merely has generation settings', () => {
  const looks = (...paths: string[]) => contentsOf(files(...paths)).looksGenerative
  expect(looks('config.json', 'generation_config.json', 'tokenizer.model')).toBe(true)
  expect(looks('config.json', 'chat_template.jinja', 'preprocessor_config.json')).toBe(true)
  // T5 and Whisper.
  expect(looks('config.json', 'generation_config.json', 'spiece.model')).toBe(false)
  expect(looks('config.json', 'generation_config.json', 'preprocessor_config.json')).toBe(false)
  expect(looks('config.json')).toBe(false)
})

describe('a loader of transformers weights', () => {
  test.for<[string[], string]>([
    [['adapter_config.json', 'adapter_model.safetensors'], 'is an adapter'],
    [['model-Q4_0.gguf'], 'Use model.image.llamacpp'],
    [['README.md'], 'has none'],
    [['model.safetensors'], 'has no config.json'],
  ])('refuses %j and says what to do', ([paths, words]) => {
    expect(transformersRefusal('vLLM', facts(...paths))).toMatch(
      new RegExp(`^vLLM .*"acme/model".*${words.replaceAll('.', '\\.')}`),
    )
  })

  test('takes safetensors and pickles', () => {
    expect(transformersRefusal('vLLM', facts('config.json', 'model.safetensors'))).toBeUndefined()
    expect(
      transformersRefusal('vLLM', facts('config.json', 'pytorch_model-00001-of-00002.bin')),
    ).toBeUndefined()
  })
})
