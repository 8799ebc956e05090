import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Batcher, batchLength } from './batcher.ts'
import { plain } from './plain.ts'
import { cosine, normalized, pool, softmax } from './pooling.ts'
import { taskOf } from './repository.ts'
import { predictInputs } from './tei-inputs.ts'
import { readWav, resampled } from './wav.ts'

describe('a batch', () => {
  test('never grows beyond its limit, unless one text alone does', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 })
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 1_000 }), (tokens, limit) => {
        const waiting = tokens.map((one) => ({ tokens: one }))
        const length = batchLength(waiting, limit)
        const padded = Math.max(...tokens.slice(0, length)) * length
        expect(length).toBeGreaterThanOrEqual(1)
        if (length > 1) expect(padded).toBeLessThanOrEqual(limit)
        if (length < tokens.length) {
          expect(Math.max(...tokens.slice(0, length + 1)) * (length + 1)).toBeGreaterThan(limit)
        }
      }),
    )
  })

  test('answers each of its inputs with its own output, and a failed pass refuses only its own', async () => {
    const passes: number[][] = []
    const batcher = new Batcher<number, number>(4, async (inputs) => {
      passes.push([...inputs])
      if (inputs.includes(5)) throw new Error('five')
      return inputs.map((input) => input * 10)
    })
    const answers = await Promise.allSettled(
      [1, 2, 3, 4, 5, 6, 7, 8].map((input) => batcher.submit(input, 1)),
    )
    expect(passes).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ])
    expect(answers.slice(0, 4).map((answer) => answer.status === 'fulfilled' && answer.value)).toEqual([
      10, 20, 30, 40,
    ])
    expect(answers.slice(4).every(({ status }) => status === 'rejected')).toBe(true)
    expect(await batcher.submit(9, 1)).toBe(90)
  })
})

describe('pooling', () => {
  const vectors = { data: Float32Array.of(1, 2, 3, 4, 9, 9), tokens: 3, size: 2 }
  test.for([
    ['mean', [2, 3]],
    ['cls', [1, 2]],
    ['last-token', [3, 4]],
  ] as const)('%s leaves padding out', ([pooling, expected]) => {
    expect([...pool(vectors, 0, [1, 1, 0], pooling)]).toEqual(expected)
  })

  test('a normalized vector has length 1, and nothing stays nothing', () => {
    expect([...normalized(Float32Array.of(3, 4))]).toEqual([expect.closeTo(0.6), expect.closeTo(0.8)])
    expect([...normalized(Float32Array.of(0, 0))]).toEqual([0, 0])
  })

  test('shares add up to 1, however large the scores', () => {
    const shares = softmax(Float32Array.of(1e4, 1e4, -1e4))
    expect([...shares]).toEqual([0.5, 0.5, 0])
  })

  test('cosine is 1 for the same direction, 0 across, -1 for the opposite', () => {
    const right = Float32Array.of(2, 0)
    expect(cosine(right, Float32Array.of(5, 0))).toBe(1)
    expect(cosine(right, Float32Array.of(0, 5))).toBe(0)
    expect(cosine(right, Float32Array.of(-5, 0))).toBe(-1)
  })
})

test.for([
  ['BertModel', {}, 'feature-extraction'],
  ['DistilBertForSequenceClassification', {}, 'text-classification'],
  ['BartForSequenceClassification', { label2id: { entailment: 2 } }, 'zero-shot-classification'],
  ['BertForTokenClassification', {}, 'token-classification'],
  ['RobertaForMaskedLM', {}, 'fill-mask'],
  ['DebertaForQuestionAnswering', {}, 'question-answering'],
  ['WhisperForConditionalGeneration', {}, 'automatic-speech-recognition'],
  ['Wav2Vec2ForCTC', {}, 'automatic-speech-recognition'],
  ['MarianMTModel', {}, 'translation'],
  ['M2M100ForConditionalGeneration', {}, 'translation'],
  ['T5ForConditionalGeneration', {}, 'text2text-generation'],
  ['BartForConditionalGeneration', {}, 'summarization'],
  ['ViTForImageClassification', {}, 'image-classification'],
  ['GPT2LMHeadModel', {}, 'feature-extraction'],
  ['LlamaForCausalLM', {}, 'text-generation'],
] as const)('%s with %o is made for %s', ([architecture, config, task]) => {
  expect(taskOf(architecture, config)).toBe(task)
})

test.for([
  ['a', false, [{ text: 'a' }]],
  [['a'], false, [{ text: 'a', pair: undefined }]],
  [['a', 'b'], false, [{ text: 'a', pair: 'b' }]],
  [
    [['a'], ['b', 'c']],
    true,
    [
      { text: 'a', pair: undefined },
      { text: 'b', pair: 'c' },
    ],
  ],
] as const)('a prediction is asked for with %o', ([value, isBatch, inputs]) => {
  expect(predictInputs(value)).toEqual({ isBatch, inputs })
})

test.for([[undefined], [4], [[]], [['a', 'b', 'c']], [[['a'], 'b']], [[[]]]])(
  'a prediction is not asked for with %o',
  ([value]) => {
    expect(() => predictInputs(value)).toThrow('`inputs`')
  },
)

describe('sound', () => {
  const wav = (code: number, bits: number, rate: number, channels: number, data: Buffer) => {
    const format = Buffer.alloc(16)
    format.writeUInt16LE(code, 0)
    format.writeUInt16LE(channels, 2)
    format.writeUInt32LE(rate, 4)
    format.writeUInt16LE(bits, 14)
    const chunk = (name: string, bytes: Buffer) => {
      const size = Buffer.alloc(4)
      size.writeUInt32LE(bytes.length)
      return Buffer.concat([Buffer.from(name), size, bytes])
    }
    return Buffer.concat([
      Buffer.from('RIFF\0\0\0\0WAVE'),
      chunk('LIST', Buffer.alloc(2)),
      chunk('fmt ', format),
      chunk('data', data),
    ])
  }
  const of16 = (...values: number[]) => Buffer.from(Int16Array.from(values).buffer)

  test('16 bits become numbers from -1 to 1', () => {
    expect([...readWav(wav(1, 16, 16_000, 1, of16(0, 16_384, -32_768)), 16_000)]).toEqual([0, 0.5, -1])
  })

  test('channels are mixed into one', () => {
    expect([...readWav(wav(1, 16, 16_000, 2, of16(16_384, 0, -16_384, -16_384)), 16_000)]).toEqual([
      0.25, -0.5,
    ])
  })

  test('floats are taken as they are', () => {
    const data = Buffer.from(Float32Array.of(0.25, -0.5).buffer)
    expect([...readWav(wav(3, 32, 16_000, 1, data), 16_000)]).toEqual([0.25, -0.5])
  })

  test('another rate keeps the length in time', () => {
    expect(resampled(new Float32Array(44_100), 44_100, 16_000)).toHaveLength(16_000)
    expect([...resampled(Float32Array.of(0, 1), 1, 2)]).toEqual([0, 0.5, 1, 1])
  })

  test.for([
    ['nothing', Buffer.alloc(0)],
    ['a text', Buffer.from('RIFFxxxxTEXT')],
    ['a compressed format', wav(85, 16, 16_000, 1, of16(1))],
  ] as const)('%s is refused with the way out', ([, bytes]) => {
    expect(() => readWav(bytes, 16_000)).toThrow('ffmpeg')
  })
})

test('what JSON does not have becomes what it has', () => {
  expect(plain({ a: 3n, b: Float32Array.of(1, 2), c: { tolist: () => [[1n]] }, d: null })).toEqual({
    a: 3,
    b: [1, 2],
    c: [[1]],
    d: null,
  })
})
