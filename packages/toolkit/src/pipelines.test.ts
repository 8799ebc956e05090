/** The inference toolkit's contract, asked of the real program, task by task. */
import { expect, test } from 'vitest'
import type { BertHead } from '../../../tools/onnx/bert-model.ts'
import { startToolkit, type ToolkitProcess } from './testing/toolkit-process.ts'

async function withToolkit(
  head: BertHead | undefined,
  args: readonly string[],
  body: (toolkit: ToolkitProcess) => Promise<void>,
): Promise<void> {
  const toolkit = await startToolkit(['--api', 'toolkit', ...args], head)
  try {
    await body(toolkit)
  } finally {
    await toolkit.stop()
  }
}

const answered = async <Shape>(answer: Promise<Response>) => {
  const response = await answer
  expect(response.status, await response.clone().text()).toBe(200)
  return (await response.json()) as Shape
}

const SENTIMENT: BertHead = { kind: 'classes', labels: ['NEGATIVE', 'POSITIVE'] }

test('text-classification: the best label, or as many as asked for', () =>
  withToolkit(SENTIMENT, [], async ({ post, get }) => {
    type Labels = { label: string; score: number }[]
    const best = await answered<Labels>(post('/', { inputs: 'the good cat' }))
    expect(best).toEqual([
      { label: expect.stringMatching(/^(NEGATIVE|POSITIVE)$/), score: expect.any(Number) },
    ])
    const all = await answered<Labels>(post('/predict', { inputs: 'the good cat', parameters: { top_k: 2 } }))
    expect(all).toHaveLength(2)
    expect(all[0]!.score + all[1]!.score).toBeCloseTo(1, 5)
    expect(await (await get('/metrics')).text()).toMatch(/^inf_queue_size 0/m)
  }))

test('zero-shot-classification: labels of the caller, in order of their scores', () =>
  withToolkit(
    { kind: 'classes', labels: ['contradiction', 'neutral', 'entailment'] },
    [],
    async ({ post }) => {
      const result = await answered<{ sequence: string; labels: string[]; scores: number[] }>(
        post('/', { inputs: 'the good cat', parameters: { candidate_labels: ['animal', 'city', 'king'] } }),
      )
      expect(result.sequence).toBe('the good cat')
      expect(result.labels.toSorted()).toEqual(['animal', 'city', 'king'])
      expect(result.scores).toEqual(result.scores.toSorted((a, b) => b - a))
      const refused = await post('/', { inputs: 'the good cat' })
      expect(refused.status).toBe(400)
      expect(await refused.json()).toMatchObject({ error: expect.stringContaining('candidate_labels') })
    },
  ))

test('token-classification: an entity for each token', () =>
  withToolkit({ kind: 'tokens', labels: ['O', 'B-LOC', 'B-PER'] }, [], async ({ post }) => {
    const entities = await answered<object[]>(
      post('/', { inputs: 'the king of paris', parameters: { ignore_labels: [] } }),
    )
    expect(entities[0]).toMatchObject({ entity: expect.any(String), score: expect.any(Number), word: 'the' })
  }))

test('fill-mask: candidates for the gap', () =>
  withToolkit({ kind: 'masked' }, [], async ({ post }) => {
    const found = await answered<object[]>(
      post('/', { inputs: 'the [MASK] is good', parameters: { top_k: 3 } }),
    )
    expect(found).toHaveLength(3)
    expect(found[0]).toMatchObject({
      token_str: expect.any(String),
      sequence: expect.stringContaining('is good'),
    })
  }))

test('question-answering: words of the context', () =>
  withToolkit({ kind: 'answer' }, [], async ({ post }) => {
    const context = 'the king is in paris'
    const found = await answered<{ answer: string; score: number }>(
      post('/', { inputs: { question: 'where is the king?', context } }),
    )
    expect(found.score).toBeGreaterThanOrEqual(0)
    expect(found.answer).toEqual(expect.any(String))
    const refused = await post('/', { inputs: 'where is the king?' })
    expect(refused.status).toBe(400)
  }))

test('feature-extraction: a vector for each token', () =>
  withToolkit(undefined, [], async ({ post }) => {
    const [vectors] = await answered<number[][][]>(post('/', { inputs: 'the cat' }))
    expect(vectors!.map((vector) => vector.length)).toEqual([32, 32, 32, 32])
  }))

test('sentence-similarity and sentence-embeddings, as sentence-transformers are served', async () => {
  await withToolkit(undefined, ['--task', 'sentence-similarity'], async ({ post }) => {
    const { similarities } = await answered<{ similarities: number[] }>(
      post('/', { inputs: { source_sentence: 'the cat', sentences: ['the cat', 'a dog'] } }),
    )
    expect(similarities[0]).toBeCloseTo(1, 4)
    expect(similarities[1]).toBeLessThan(0.999)
  })
  await withToolkit(undefined, ['--task', 'sentence-embeddings'], async ({ post }) => {
    const { embeddings } = await answered<{ embeddings: number[][] }>(
      post('/', { inputs: ['the cat', 'a dog'] }),
    )
    expect(embeddings.map((vector) => vector.length)).toEqual([32, 32])
  })
})

test('what it cannot take is refused with the reason', () =>
  withToolkit(SENTIMENT, [], async ({ post }) => {
    const cases: [unknown, RequestInit | undefined, number, RegExp][] = [
      [{}, undefined, 400, /`inputs` is missing/],
      [{ inputs: 4 }, undefined, 400, /`inputs` must be a string/],
      [{ inputs: 'a', parameters: [] }, undefined, 400, /`parameters` must be an object/],
      [undefined, { body: 'a', headers: { 'content-type': 'image/png' } }, 415, /text-classification/],
      [undefined, { body: 'a', headers: { 'content-type': 'text/csv' } }, 415, /text\/csv/],
    ]
    for (const [body, init, status, error] of cases) {
      const response = await post('/', body, init)
      expect(response.status).toBe(status)
      expect(((await response.json()) as { error: string }).error).toMatch(error)
    }
  }))
