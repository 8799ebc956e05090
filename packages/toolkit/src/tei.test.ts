/** text-embeddings-inference's contract, asked of the real program. */
import { once } from 'node:events'
import http from 'node:http'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { runToolkit, startToolkit, type ToolkitProcess } from './testing/toolkit-process.ts'

const json = async <Shape>(answer: Promise<Response>) => {
  const response = await answer
  expect(response.status).toBe(200)
  return (await response.json()) as Shape
}
const lengthOf = (vector: readonly number[]) => Math.hypot(...vector)

describe('an embedding model', () => {
  let toolkit: ToolkitProcess
  beforeAll(async () => {
    toolkit = await startToolkit(['--served-model-name', 'admin/tiny', '--max-client-batch-size', '4'])
  })
  afterAll(() => toolkit?.stop())

  test('answers one vector of length 1 for each text', async () => {
    const vectors = await json<number[][]>(toolkit.post('/embed', { inputs: ['the cat', 'a dog sat'] }))
    expect(vectors.map((vector) => vector.length)).toEqual([32, 32])
    for (const vector of vectors) expect(lengthOf(vector)).toBeCloseTo(1, 5)
  })

  test('gives a text the same vector alone and in a batch with longer ones', async () => {
    const [alone] = await json<number[][]>(toolkit.post('/embed', { inputs: 'the cat' }))
    const [, together] = await json<number[][]>(
      toolkit.post('/embed', { inputs: ['where is the good king of france?', 'the cat'] }),
    )
    for (const [i, value] of alone!.entries()) expect(together![i]).toBeCloseTo(value, 4)
  })

  test('leaves the length alone when asked to', async () => {
    const [vector] = await json<number[][]>(toolkit.post('/embed', { inputs: 'the cat', normalize: false }))
    expect(lengthOf(vector!)).not.toBeCloseTo(1, 2)
  })

  test('cuts a vector to the dimensions asked for, and brings it back to length 1', async () => {
    const [vector] = await json<number[][]>(toolkit.post('/embed', { inputs: 'the cat', dimensions: 8 }))
    expect(vector).toHaveLength(8)
    expect(lengthOf(vector!)).toBeCloseTo(1, 5)
  })

  test('speaks OpenAI, with floats and with base64, and counts tokens', async () => {
    type Embeddings = { data: { index: number; embedding: unknown }[]; model: string; usage: object }
    const floats = await json<Embeddings>(toolkit.post('/v1/embeddings', { input: ['the cat'] }))
    const base64 = await json<Embeddings>(
      toolkit.post('/v1/embeddings', { input: 'the cat', encoding_format: 'base64' }),
    )
    expect(floats).toMatchObject({ model: 'admin/tiny', usage: { prompt_tokens: 4, total_tokens: 4 } })
    const bytes = Buffer.from(base64.data[0]!.embedding as string, 'base64')
    expect([...new Float32Array(Uint8Array.from(bytes).buffer)]).toEqual(floats.data[0]!.embedding)
  })

  test('gives every token a vector of its own', async () => {
    const [tokens] = await json<number[][][]>(
      toolkit.post('/embed_all', { inputs: ['the cat', 'a dog sat on'] }),
    )
    expect(tokens!.map((vector) => vector.length)).toEqual([32, 32, 32, 32])
  })

  test('finds a text most similar to itself', async () => {
    const scores = await json<number[]>(
      toolkit.post('/similarity', {
        inputs: { source_sentence: 'the cat', sentences: ['a dog sat', 'the cat'] },
      }),
    )
    expect(scores[1]).toBeCloseTo(1, 5)
    expect(scores[0]).toBeLessThan(0.999)
  })

  test('takes text apart into tokens and puts it together again', async () => {
    const [tokens] = await json<{ id: number; text: string; special: boolean }[][]>(
      toolkit.post('/tokenize', { inputs: 'the cats' }),
    )
    expect(tokens!.map((token) => token.text)).toEqual(['[CLS]', 'the', 'cat', '##s', '[SEP]'])
    expect(tokens!.map((token) => token.special)).toEqual([true, false, false, false, true])
    const texts = await json<string[]>(toolkit.post('/decode', { ids: tokens!.map((token) => token.id) }))
    expect(texts).toEqual(['the cats'])
  })

  test('answers fifty requests at once, each with its own vector', async () => {
    const texts = Array.from({ length: 50 }, (_, i) => `the cat sat ${'a'.repeat(i % 7)} ${i}`)
    const alone = await json<number[][]>(toolkit.post('/embed', { inputs: texts[33] }))
    const all = await Promise.all(
      texts.map((text) => json<number[][]>(toolkit.post('/embed', { inputs: text }))),
    )
    for (const [i, value] of alone[0]!.entries()) expect(all[33]![0]![i]).toBeCloseTo(value, 4)
  })

  test('tells what it is and what it has done', async () => {
    expect(await json(toolkit.get('/info'))).toMatchObject({
      model_id: 'admin/tiny',
      model_type: { embedding: { pooling: 'mean' } },
      max_input_length: 64,
      max_client_batch_size: 4,
    })
    expect(await (await toolkit.get('/metrics')).text()).toMatch(/^te_request_success [1-9]/m)
  })

  test.for<{
    what: string
    route: string
    body: unknown
    status: number
    error: string | RegExp
    type: string
  }>([
    {
      what: 'nothing to embed',
      route: '/embed',
      body: { inputs: '' },
      status: 400,
      error: '`inputs` cannot be empty',
      type: 'Empty',
    },
    {
      what: 'no list at all',
      route: '/embed',
      body: { inputs: [] },
      status: 400,
      error: '`inputs` cannot be empty',
      type: 'Empty',
    },
    {
      what: 'a missing field',
      route: '/embed',
      body: {},
      status: 422,
      error: '`inputs` is missing',
      type: 'Tokenizer',
    },
    {
      what: 'a field of the wrong kind',
      route: '/embed',
      body: { inputs: [1] },
      status: 422,
      error: /string/,
      type: 'Tokenizer',
    },
    {
      what: 'a batch larger than allowed',
      route: '/embed',
      body: { inputs: ['a', 'b', 'c', 'd', 'e'] },
      status: 413,
      error: 'batch size 5 > maximum allowed batch size 4',
      type: 'Validation',
    },
    {
      what: 'a text longer than the model takes',
      route: '/embed',
      body: { inputs: 'cat '.repeat(80) },
      status: 413,
      error: '`inputs` must have less than 64 tokens. Given: 82',
      type: 'Validation',
    },
    {
      what: 'more dimensions than there are',
      route: '/embed',
      body: { inputs: 'a', dimensions: 99 },
      status: 413,
      error: /32.*99/,
      type: 'Validation',
    },
    {
      what: 'what only a re-ranker can',
      route: '/rerank',
      body: { query: 'a', texts: ['b'] },
      status: 424,
      error: /embedding model.*rerank/,
      type: 'Backend',
    },
    {
      what: 'what only a classifier can',
      route: '/predict',
      body: { inputs: 'a' },
      status: 424,
      error: /embedding model.*predict/,
      type: 'Backend',
    },
    {
      what: 'a route that it does not have',
      route: '/chat',
      body: {},
      status: 404,
      error: /\/chat/,
      type: 'NotFound',
    },
  ])('refuses $what with $status', async ({ route, body, status, error, type }) => {
    const response = await toolkit.post(route, body)
    expect(response.status).toBe(status)
    const refusal = (await response.json()) as { error: string; error_type: string }
    expect(refusal.error_type).toBe(type)
    if (typeof error === 'string') expect(refusal.error).toBe(error)
    else expect(refusal.error).toMatch(error)
  })

  test('takes a text that is too long when it may cut it', async () => {
    const [vector] = await json<number[][]>(
      toolkit.post('/embed', { inputs: 'cat '.repeat(80), truncate: true }),
    )
    expect(vector).toHaveLength(32)
  })

  test('refuses a body that is no JSON, and does not quote it', async () => {
    const response = await toolkit.post('/embed', undefined, { body: '{"inputs": "my secret' })
    expect(response.status).toBe(422)
    expect(await response.text()).not.toContain('secret')
  })
})

test('a re-ranker puts the texts in order, and gives the raw scores when asked to', async () => {
  const toolkit = await startToolkit([], { kind: 'classes', labels: ['LABEL_0'] })
  try {
    const texts = ['the cat sat on the mat', 'paris', 'good king']
    type Ranked = { index: number; score: number; text?: string }[]
    const ranked = await json<Ranked>(
      toolkit.post('/rerank', { query: 'where is paris', texts, return_text: true }),
    )
    expect(ranked.map(({ score }) => score)).toEqual(
      ranked.map(({ score }) => score).toSorted((a, b) => b - a),
    )
    for (const { index, score, text } of ranked) {
      expect(text).toBe(texts[index])
      expect(score).toBeGreaterThan(0)
      expect(score).toBeLessThan(1)
    }
    const raw = await json<Ranked>(
      toolkit.post('/rerank', { query: 'where is paris', texts, raw_scores: true }),
    )
    expect(raw.map(({ index }) => index)).toEqual(ranked.map(({ index }) => index))
    for (const [i, { score }] of raw.entries())
      expect(1 / (1 + Math.exp(-score))).toBeCloseTo(ranked[i]!.score, 4)
  } finally {
    await toolkit.stop()
  }
})

test('a classifier gives every label its share, for a text, a pair and a batch', async () => {
  const toolkit = await startToolkit([], { kind: 'classes', labels: ['good', 'bad', 'neither'] })
  try {
    type Labels = { label: string; score: number }[]
    const one = await json<Labels>(toolkit.post('/predict', { inputs: 'the cat' }))
    expect(one.map(({ label }) => label).toSorted()).toEqual(['bad', 'good', 'neither'])
    expect(one.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 5)
    const pair = await json<Labels>(toolkit.post('/predict', { inputs: ['the cat', 'a dog'] }))
    expect(pair).toHaveLength(3)
    const batch = await json<Labels[]>(
      toolkit.post('/predict', { inputs: [['the cat'], ['the cat', 'a dog']] }),
    )
    expect(batch[1]![0]!.label).toBe(pair[0]!.label)
    expect(await json<Labels>(toolkit.post('/', { inputs: 'the cat' }))).toEqual(one)
  } finally {
    await toolkit.stop()
  }
})

test('nobody without the key gets more than the health', async () => {
  const toolkit = await startToolkit([], undefined, { API_KEY: 'the key' })
  try {
    expect((await toolkit.get('/health')).status).toBe(200)
    expect((await toolkit.get('/info')).status).toBe(401)
    expect((await toolkit.post('/embed', { inputs: 'a' })).status).toBe(401)
    const headers = { authorization: 'Bearer the key', 'content-type': 'application/json' }
    expect((await toolkit.post('/embed', { inputs: 'a' }, { headers })).status).toBe(200)
  } finally {
    await toolkit.stop()
  }
})

test('requests above the limit are refused at once, and the health is still answered', async () => {
  const toolkit = await startToolkit(['--max-concurrent-requests', '1'])
  try {
    const slow = http.request(`${toolkit.url}/embed`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    })
    const answered = once(slow, 'response')
    slow.write('{"inputs": ')
    await vi.waitFor(async () =>
      expect(await (await toolkit.get('/metrics')).text()).toMatch(/^te_queue_size 1/m),
    )
    const refused = await toolkit.post('/embed', { inputs: 'the cat' })
    expect(refused.status).toBe(429)
    expect(await refused.json()).toMatchObject({ error_type: 'Overloaded' })
    expect((await toolkit.get('/health')).status).toBe(200)
    slow.end('"the cat"}')
    const [response] = (await answered) as [http.IncomingMessage]
    expect(response.statusCode).toBe(200)
    response.resume()
  } finally {
    await toolkit.stop()
  }
})

test('told to stop, it finishes what it has and ends with 0', async () => {
  const toolkit = await startToolkit([])
  try {
    const texts = Array.from({ length: 32 }, () => 'the cat sat on the mat '.repeat(10))
    const running = toolkit.post('/embed', { inputs: texts, truncate: true })
    await toolkit.get('/health')
    const ended = toolkit.end()
    expect((await running).status).toBe(200)
    expect(await ended).toBe(0)
  } finally {
    await toolkit.stop()
  }
})

test.for([
  { args: ['--model-id', '/nowhere'], says: 'config.json', code: 1 },
  { args: [], says: '--model-id is missing', code: 2 },
  {
    args: ['--model-id', '/tmp', '--pooling', 'max'],
    says: '--pooling is "max", and must be one of: cls',
    code: 2,
  },
  { args: ['--model-id', '/tmp', '--port', '99999'], says: 'from 0 to 65535', code: 2 },
  { args: ['--model-id', '/tmp', '--frobnicate'], says: '--frobnicate', code: 2 },
  { args: ['--help'], says: 'Usage: toolkit-main', code: 0 },
])('started with $args it ends with $code and says "$says"', async ({ args, says, code }) => {
  const { output, code: ended } = await runToolkit(['--port', '0', ...args])
  expect(output).toContain(says)
  expect(ended).toBe(code)
})
