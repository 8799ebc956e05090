import { describe, expect, test } from 'vitest'
import { taskError } from './task-error.ts'
import { mayBeTranslated, type TaskTarget, taskRoute } from './task-route.ts'

type Engine = TaskTarget['engine']
const target = (engine: Engine, serves: TaskTarget['serves'] = 'text'): TaskTarget => ({
  engine,
  serves,
  servedName: 'acme/model',
})
const routed = (body: unknown, engine: Engine = 'vllm', serves: TaskTarget['serves'] = 'text') => {
  const route = taskRoute(target(engine, serves), body)
  if (!route) throw new Error('it was passed on as it is')
  return route
}

describe('passed on as it is', () => {
  test.for<[why: string, engine: Engine, body: unknown]>([
    ['TEI answers it itself', 'tei', { inputs: 'Hi' }],
    ['it is no task call', 'vllm', { messages: [] }],
    ['it is another task', 'vllm', { inputs: { question: 'Q', context: 'C' } }],
    ['there is no text', 'vllm', { inputs: [] }],
    ['it is not an object', 'vllm', 'Hi'],
    ['it is nothing', 'vllm', null],
    ['several prompts are no single generation', 'vllm', { inputs: ['a', 'b'] }],
  ])('%s', ([, engine, body]) => {
    expect(taskRoute(target(engine), body)).toBeUndefined()
  })
})

describe('text_generation', () => {
  test.for<{ with: string; parameters: object; sent: object; engine?: Engine }>([
    { with: 'nothing', parameters: {}, sent: { max_tokens: 100, temperature: 0 } },
    { with: 'a length', parameters: { max_new_tokens: 7 }, sent: { max_tokens: 7, temperature: 0 } },
    { with: 'a temperature', parameters: { temperature: 0.5 }, sent: { max_tokens: 100, temperature: 0.5 } },
    { with: 'chance', parameters: { do_sample: true }, sent: { max_tokens: 100 } },
    { with: 'a nucleus', parameters: { top_p: 0.9 }, sent: { max_tokens: 100, top_p: 0.9 } },
    {
      with: 'the likeliest',
      parameters: { top_k: 40, seed: 3 },
      sent: { max_tokens: 100, top_k: 40, seed: 3 },
    },
    {
      with: 'stop texts in both spellings',
      parameters: { stop: ['A'], stop_sequences: ['B'] },
      sent: { max_tokens: 100, temperature: 0, stop: ['A', 'B'] },
    },
    {
      with: 'penalties, as vLLM calls them',
      parameters: { repetition_penalty: 1.1, frequency_penalty: 0.2 },
      sent: { max_tokens: 100, temperature: 0, repetition_penalty: 1.1, frequency_penalty: 0.2 },
    },
    {
      with: 'a penalty, as llama.cpp calls it',
      engine: 'llamacpp',
      parameters: { repetition_penalty: 1.1 },
      sent: { max_tokens: 100, temperature: 0, repeat_penalty: 1.1 },
    },
    {
      with: 'a shorter prompt',
      parameters: { truncate: 50 },
      sent: { max_tokens: 100, temperature: 0, truncate_prompt_tokens: 50 },
    },
    {
      with: 'everything else unset, as clients send it',
      parameters: { watermark: false, typical_p: null, best_of: 1, decoder_input_details: false },
      sent: { max_tokens: 100, temperature: 0 },
    },
  ])('with $with', ({ parameters, sent, engine }) => {
    const { path, body, stream } = routed({ inputs: 'Once', parameters }, engine)
    expect(path).toBe('/v1/completions')
    expect(body).toEqual({ model: 'acme/model', prompt: 'Once', ...sent })
    expect(stream).toBeUndefined()
  })

  test.for<[parameters: object, words: string, engine?: Engine]>([
    [{ watermark: true }, '"watermark" has no counterpart'],
    [{ top_n_tokens: 3 }, '"top_n_tokens" has no counterpart'],
    [{ grammar: { type: 'json' } }, '"grammar" has no counterpart in /v1/completions of vllm'],
    [{ truncate: 5 }, '"truncate" has no counterpart', 'llamacpp'],
    [{ best_of: 2 }, '"best_of" can only be 1'],
    [{ temperature: 'hot' }, '"temperature" is "hot": it must be a number'],
    [{ stop: 'END' }, '"stop" is "END": it must be a list of texts'],
    [{ do_sample: 'yes' }, 'it must be true or false'],
  ])('refuses %j by name', ([parameters, words, engine]) => {
    expect(() => routed({ inputs: 'Once', parameters }, engine)).toThrow(
      expect.objectContaining({ code: 'invalid', message: expect.stringContaining(words) }),
    )
  })

  const response = {
    choices: [{ text: ' upon a time', finish_reason: 'length' }],
    usage: { prompt_tokens: 1, completion_tokens: 3 },
  }

  test('answers as TGI does', () => {
    expect(routed({ inputs: 'Once' }).answer(response)).toEqual([{ generated_text: ' upon a time' }])
  })

  test('answers with the prompt in front when asked', () => {
    const route = routed({ inputs: 'Once', parameters: { return_full_text: true } })
    expect(route.answer(response)).toEqual([{ generated_text: 'Once upon a time' }])
  })

  test.for<[choice: object, reason: string]>([
    [{ finish_reason: 'length' }, 'length'],
    [{ finish_reason: 'stop' }, 'eos_token'],
    [{ finish_reason: 'stop', stop_reason: 'END' }, 'stop_sequence'],
    [{ finish_reason: 'stop', matched_stop: 'END' }, 'stop_sequence'],
    [{ finish_reason: 'stop', stop_reason: 128_009 }, 'eos_token'],
  ])('details: %j is %s', ([choice, reason]) => {
    const route = routed({ inputs: 'Once', parameters: { details: true } })
    expect(route.answer({ choices: [{ text: '!', ...choice }], usage: { completion_tokens: 3 } })).toEqual([
      {
        generated_text: '!',
        details: { finish_reason: reason, generated_tokens: 3, seed: null, prefill: [], tokens: [] },
      },
    ])
  })

  test.for([undefined, {}, { choices: [] }, { choices: [{ text: 1 }] }])(
    'an answer %j is a bad gateway',
    (answer) => {
      expect(() => routed({ inputs: 'Once' }).answer(answer)).toThrow(
        expect.objectContaining({ code: 'bad_gateway' }),
      )
    },
  )
})

describe('text_generation, streamed', () => {
  const streamed = (parameters: object = {}) => routed({ inputs: 'Once', parameters, stream: true })
  const piece = (text: string, more: object = {}) => JSON.stringify({ choices: [{ text, ...more }] })
  const usage = JSON.stringify({ choices: [], usage: { completion_tokens: 2 } })
  const token = (index: number, text: string) => ({
    index,
    token: { id: 0, text, logprob: null, special: false },
    generated_text: null,
    details: null,
  })

  test('asks for a stream that tells how many tokens there were', () => {
    expect(streamed().body).toMatchObject({ stream: true, stream_options: { include_usage: true } })
  })

  test('retells each token, and the whole text with the last event', () => {
    const stream = streamed().stream!()
    const told = [piece(' upon'), piece(' a', { finish_reason: 'length' }), usage, '[DONE]'].map((data) =>
      stream.push(data),
    )
    expect(told.slice(0, 3)).toEqual([[token(1, ' upon')], [token(2, ' a')], []])
    expect(told[3]).toEqual([
      {
        index: 3,
        token: { id: 0, text: '', logprob: null, special: true },
        generated_text: ' upon a',
        details: null,
      },
    ])
  })

  test('tells details with the last event when asked, and the prompt before the text', () => {
    const stream = streamed({ details: true, return_full_text: true }).stream!()
    for (const data of [piece(' upon'), piece('', { finish_reason: 'stop' }), usage]) stream.push(data)
    expect(stream.push('[DONE]')).toMatchObject([
      {
        generated_text: 'Once upon',
        details: { finish_reason: 'eos_token', generated_tokens: 2, seed: null },
      },
    ])
  })

  test('ends once, with or without the engine’s word for it', () => {
    const stream = streamed().stream!()
    stream.push(piece(' upon'))
    expect(stream.end()).toMatchObject([{ generated_text: ' upon' }])
    expect(stream.end()).toEqual([])
    expect(stream.push(piece(' a'))).toEqual([])
  })

  test.for<[data: string, message: string]>([
    ['{"error":{"message":"out of memory","code":500}}', 'out of memory'],
    ['{"error":"out of memory"}', 'out of memory'],
    ['{"choices":', 'not JSON'],
  ])('turns %s into an error that clients raise, and ends', ([data, message]) => {
    const stream = streamed().stream!()
    expect(stream.push(data)).toEqual([{ error: expect.stringContaining(message), error_type: 'generation' }])
    expect(stream.end()).toEqual([])
  })
})

describe('feature_extraction', () => {
  const asked = (body: object, engine: Engine = 'vllm') => routed(body, engine, 'embeddings')

  test.for<{ with: string; body: object; sent: object }>([
    { with: 'one text', body: { inputs: 'a' }, sent: { input: 'a' } },
    { with: 'several texts', body: { inputs: ['a', 'b'] }, sent: { input: ['a', 'b'] } },
    { with: 'fewer dimensions', body: { inputs: 'a', dimensions: 64 }, sent: { input: 'a', dimensions: 64 } },
    {
      with: 'parameters where older clients put them',
      body: { inputs: 'a', parameters: { dimensions: 64, normalize: true } },
      sent: { input: 'a', dimensions: 64 },
    },
    {
      with: 'a text cut to size',
      body: { inputs: 'a', truncate: true, truncation_direction: 'Right' },
      sent: { input: 'a', truncate_prompt_tokens: -1 },
    },
    {
      with: 'everything else unset, as clients send it',
      body: { inputs: 'a', truncate: false, prompt_name: null, normalize: null },
      sent: { input: 'a' },
    },
  ])('with $with', ({ body, sent }) => {
    const route = asked(body)
    expect(route.path).toBe('/v1/embeddings')
    expect(route.body).toEqual({ model: 'acme/model', encoding_format: 'float', ...sent })
  })

  test.for<[body: object, words: string, engine?: Engine]>([
    [{ normalize: false }, 'always answers normalised'],
    [{ prompt_name: 'query' }, '"prompt_name" has no counterpart'],
    [{ truncation_direction: 'Left' }, 'only "Right"'],
    [{ encoding_format: 'base64' }, 'only "float"'],
    [{ truncate: true }, '"truncate" has no counterpart', 'llamacpp'],
  ])('refuses %j by name', ([body, words, engine]) => {
    expect(() => asked({ inputs: 'a', ...body }, engine)).toThrow(words)
  })

  test('answers one vector for each text, in their order', () => {
    const data = [
      { index: 1, embedding: [3, 4] },
      { index: 0, embedding: [1, 2] },
    ]
    expect(asked({ inputs: ['a', 'b'] }).answer({ data })).toEqual([
      [1, 2],
      [3, 4],
    ])
  })

  test.for([undefined, {}, { data: [{}] }, { data: [{ embedding: 'AAAA' }] }])(
    'an answer %j is a bad gateway',
    (answer) => {
      expect(() => asked({ inputs: 'a' }).answer(answer)).toThrow(
        expect.objectContaining({ code: 'bad_gateway' }),
      )
    },
  )
})

describe('sentence_similarity', () => {
  const inputs = { source_sentence: 'a', sentences: ['b', 'c'] }
  const asked = (body: object, engine: Engine = 'vllm') => routed(body, engine, 'embeddings')

  test('is one request for the vectors of all sentences', () => {
    const { path, body } = asked({ inputs, parameters: {} })
    expect(path).toBe('/v1/embeddings')
    expect(body).toEqual({ model: 'acme/model', input: ['a', 'b', 'c'], encoding_format: 'float' })
  })

  test('answers how near each sentence is, whatever the length of the vectors and the order of the answer', () => {
    const data = [
      { index: 2, embedding: [0, 5] },
      { index: 0, embedding: [1, 0] },
      { index: 1, embedding: [2, 2] },
    ]
    const [near, far] = asked({ inputs }).answer({ data }) as number[]
    expect(near).toBeCloseTo(Math.SQRT1_2)
    expect(far).toBe(0)
  })

  test('with a vector missing is a bad gateway', () => {
    expect(() => asked({ inputs }).answer({ data: [{ index: 0, embedding: [1] }] })).toThrow(
      expect.objectContaining({ code: 'bad_gateway' }),
    )
  })

  test.for<[inputs: object, words: string]>([
    [{ source_sentence: 1, sentences: ['b'] }, 'inputs.source_sentence is 1: it must be a text'],
    [{ source_sentence: 'a' }, 'inputs.sentences is missing'],
    [{ source_sentence: 'a', sentences: [] }, 'inputs.sentences is []'],
    [{ source_sentence: 'a', sentences: 'b' }, 'inputs.sentences is "b"'],
  ])('refuses %j by name', ([wrong, words]) => {
    expect(() => asked({ inputs: wrong })).toThrow(words)
  })

  test('goes to TEI’s own route as it is', () => {
    const { path, body, answer } = routed({ inputs, parameters: {} }, 'tei', 'embeddings')
    expect({ path, body, answer: answer([0.5]) }).toEqual({
      path: '/similarity',
      body: { inputs, parameters: {} },
      answer: [0.5],
    })
  })
})

describe('ranking', () => {
  const asked = (body: object, engine: Engine = 'vllm') => routed(body, engine, 'ranking')
  const call = { query: 'q', texts: ['a', 'b'] }
  const response = {
    results: [
      { index: 0, relevance_score: -1 },
      { index: 1, relevance_score: 2 },
    ],
  }

  test.for([call, { inputs: call, parameters: {} }])('%j is asked for as a rerank', (body) => {
    const route = asked(body)
    expect(route.path).toBe('/v1/rerank')
    expect(route.body).toEqual({ model: 'acme/model', query: 'q', documents: ['a', 'b'] })
  })

  test('answers as TEI does: the best first', () => {
    expect(asked(call).answer(response)).toEqual([
      { index: 1, score: 2 },
      { index: 0, score: -1 },
    ])
  })

  test('brings the texts when asked', () => {
    expect(asked({ ...call, return_text: true }).answer(response)).toMatchObject([
      { text: 'b' },
      { text: 'a' },
    ])
  })

  test('makes chances of llama.cpp’s scores, unless they are wanted raw', () => {
    expect(asked(call, 'llamacpp').answer(response)).toMatchObject([
      { score: expect.closeTo(0.8808, 4) },
      { score: expect.closeTo(0.2689, 4) },
    ])
    expect(asked({ ...call, raw_scores: true }, 'llamacpp').answer(response)).toMatchObject([
      { score: 2 },
      {},
    ])
  })

  test.for<[body: object, words: string]>([
    [{ query: 'q' }, 'inputs.texts is missing'],
    [{ query: 1, texts: ['a'] }, 'inputs.query is 1'],
    [{ ...call, raw_scores: true }, '"raw_scores" has no counterpart'],
  ])('refuses %j by name', ([body, words]) => {
    expect(() => asked(body)).toThrow(words)
  })

  test.for([{}, { results: [{ index: 7, relevance_score: 1 }] }])(
    'an answer %j is a bad gateway',
    (answer) => {
      expect(() => asked(call).answer(answer)).toThrow(expect.objectContaining({ code: 'bad_gateway' }))
    },
  )
})

test.for<[engine: Engine, body: string, may: boolean]>([
  ['vllm', '{"inputs": "a"}', true],
  ['vllm', '{"query": "a", "texts": []}', true],
  ['vllm', '{"messages": []}', false],
  ['tei', '{"inputs": "a"}', false],
  ['tei', '{"inputs": {"source_sentence": "a"}}', true],
])('%s: whether %s is read at all: %s', ([engine, body, may]) => {
  expect(mayBeTranslated(target(engine), Buffer.from(body))).toBe(may)
})

test.for<[status: number, said: unknown, told: unknown]>([
  [400, { error: { message: 'too long', code: 400 } }, { error: 'too long', error_type: 'validation' }],
  [400, { object: 'error', message: 'too long' }, { error: 'too long', error_type: 'validation' }],
  [429, { error: { message: 'full' } }, { error: 'full', error_type: 'overloaded' }],
  [500, { error: { message: 'broke' } }, { error: 'broke', error_type: 'generation' }],
  [400, { error: 'a text already' }, undefined],
  [404, undefined, undefined],
])('an error %i %j is told as %j', ([status, said, told]) => {
  expect(taskError(status, said)).toEqual(told)
})
