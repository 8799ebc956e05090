import { describe, expect, test } from 'vitest'
import { chooseGguf, fileInRepository, ggufsOf } from './choose-gguf.ts'
import type { ModelFacts } from './engine.ts'

const repository = (...paths: string[]): ModelFacts => ({
  repository: 'acme/chat-GGUF',
  files: paths.map((path, index) => ({ path, sizeBytes: 1_000 + index })),
})
const many = repository(
  'README.md',
  'chat-f16.gguf',
  'chat-q2_k.gguf',
  'chat-q8_0.gguf',
  'chat-q4_k_m.gguf',
  'chat-q5_k_m.gguf',
  'mmproj-chat-f16.gguf',
  'chat.imatrix.gguf',
)
const split = repository(
  'Q8_0/chat-Q8_0-00002-of-00003.gguf',
  'Q8_0/chat-Q8_0-00001-of-00003.gguf',
  'Q8_0/chat-Q8_0-00003-of-00003.gguf',
  'BF16/chat-00001-of-00002.gguf',
  'BF16/chat-00002-of-00002.gguf',
)

describe('without a wish', () => {
  test.for<{ when: string; model: ModelFacts; files: string[] }>([
    { when: 'there is one file, it is taken', model: repository('a.gguf'), files: ['a.gguf'] },
    { when: 'there are many, Q4_K_M is preferred', model: many, files: ['chat-q4_k_m.gguf'] },
    {
      when: 'Q4_K_M is missing, the next best is taken',
      model: repository('c.F32.gguf', 'c.Q8_0.gguf', 'c.Q5_K_M.gguf', 'c.Q2_K.gguf'),
      files: ['c.Q5_K_M.gguf'],
    },
    {
      when: 'the model comes in parts, all parts are taken in order',
      model: split,
      files: [1, 2, 3].map((part) => `Q8_0/chat-Q8_0-0000${part}-of-00003.gguf`),
    },
    {
      when: 'two files are as good, the smaller is taken',
      model: repository('small-Q4_K_M.gguf', 'another-Q4_K_M.gguf'),
      files: ['small-Q4_K_M.gguf'],
    },
    {
      when: 'a set lacks a part, another model is taken',
      model: repository('chat-Q4_K_M-00001-of-00002.gguf', 'chat-Q2_K.gguf'),
      files: ['chat-Q2_K.gguf'],
    },
    {
      when: 'a name says nothing of its quantisation, it is still served',
      model: repository('weights.gguf', 'x-f32.gguf'),
      files: ['x-f32.gguf'],
    },
  ])('when $when', ({ model, files }) => {
    expect(chooseGguf(model, {}).files).toEqual(files)
  })
})

describe('with a variant', () => {
  test.for<{ variant: string; model?: ModelFacts; first: string }>([
    { variant: 'Q8_0', first: 'chat-q8_0.gguf' },
    { variant: 'q5_k_m', first: 'chat-q5_k_m.gguf' },
    { variant: 'FP16', first: 'chat-f16.gguf' },
    { variant: '*q8_0*', first: 'chat-q8_0.gguf' },
    { variant: 'CHAT-Q?_K.gguf', first: 'chat-q2_k.gguf' },
    { variant: '*q[58]*', first: 'chat-q5_k_m.gguf' },
    { variant: '*q[!4]_k_m*', first: 'chat-q5_k_m.gguf' },
    { variant: 'Q8_0/*', model: split, first: 'Q8_0/chat-Q8_0-00001-of-00003.gguf' },
    { variant: 'BF16', model: split, first: 'BF16/chat-00001-of-00002.gguf' },
  ])('$variant chooses $first', ({ variant, model = many, first }) => {
    expect(chooseGguf(model, { variant }).files[0]).toBe(first)
  })

  test('that no file has, the refusal lists what there is', () => {
    expect(() => chooseGguf(many, { variant: 'Q6_K' })).toThrow(
      'No GGUF file of "acme/chat-GGUF" is "Q6_K". It has: chat-f16.gguf, chat-q2_k.gguf, chat-q8_0.gguf, chat-q4_k_m.gguf, chat-q5_k_m.gguf.',
    )
  })

  test('that contradicts the path, neither is guessed', () => {
    expect(() => chooseGguf(many, { variant: 'Q8_0', modelPath: 'chat-f16.gguf' })).toThrow(
      'Leave out one of the two',
    )
  })
})

describe('with a path', () => {
  test.for(['chat-q8_0.gguf', '/repository/chat-q8_0.gguf', './chat-q8_0.gguf'])(
    '%s is found',
    (modelPath) => {
      expect(chooseGguf(many, { modelPath }).files).toEqual(['chat-q8_0.gguf'])
    },
  )

  test('to any part, the whole set is taken', () => {
    const { files } = chooseGguf(split, { modelPath: 'Q8_0/chat-Q8_0-00002-of-00003.gguf' })
    expect(files).toHaveLength(3)
    expect(files[0]).toBe('Q8_0/chat-Q8_0-00001-of-00003.gguf')
  })

  test.for(['nope.gguf', '../../etc/passwd', '/etc/passwd'])('to %s, it is refused by name', (modelPath) => {
    expect(() => chooseGguf(many, { modelPath })).toThrow(`There is no file "${modelPath}"`)
  })

  test('to a projector or a file that is no GGUF, it is refused', () => {
    expect(() => chooseGguf(many, { modelPath: 'mmproj-chat-f16.gguf' })).toThrow(
      'not a model that can be served on its own',
    )
    expect(() => chooseGguf(many, { modelPath: 'README.md' })).toThrow('Choose one of')
  })

  test('to an incomplete set, the missing part is named', () => {
    const model = repository('a-00001-of-00003.gguf', 'a-00003-of-00003.gguf')
    expect(() => chooseGguf(model, { modelPath: 'a-00001-of-00003.gguf' })).toThrow('lacks part 2')
  })
})

test('a projector is found when it is asked for', () => {
  expect(fileInRepository(many, 'mmprojModelPath', '/repository/mmproj-chat-f16.gguf')).toBe(
    'mmproj-chat-f16.gguf',
  )
})

test.for<[string, string | undefined]>([
  ['Llama-3.2-1B-Instruct-Q4_K_M.gguf', 'Q4_K_M'],
  ['qwen2.5-0.5b-instruct-q4_k_m.gguf', 'Q4_K_M'],
  ['tinyllama.Q5_0.gguf', 'Q5_0'],
  ['model-IQ3_XXS.gguf', 'IQ3_XXS'],
  ['gpt-oss-20b-MXFP4.gguf', 'MXFP4'],
  ['model-UD-Q4_K_XL.gguf', 'Q4_K_XL'],
  ['Q8_0/model-00001-of-00002.gguf', 'Q8_0'],
  ['ggml-model-f16.gguf', 'F16'],
  ['Q4sight.gguf', undefined],
  ['guide.gguf', undefined],
])('the quantisation of %s is %s', ([path, quantisation]) => {
  expect(ggufsOf(repository(path).files)[0]?.quantisation).toBe(quantisation)
})
