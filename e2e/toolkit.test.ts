/** Embeddings, reranking and classification on the machine itself, through Berth. */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { InferenceClient } from '@huggingface/inference'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { findOnnxProgram } from '../packages/server/src/engines/onnx-program.ts'
import type { BertHead } from '../tools/onnx/bert-model.ts'
import { writeRandomBert } from '../tools/onnx/random-bert.ts'
import { Berth, endpointOf } from './berth-process.ts'

const isInstalled = findOnnxProgram() !== undefined

describe.skipIf(!isInstalled)('the toolkit engine (npm run toolkit:install)', () => {
  let berth: Berth
  beforeAll(async () => {
    berth = await Berth.start()
  })
  afterEach(() => berth.deleteEndpoints())
  afterAll(() => berth?.stop())

  const model = async (name: string, head?: BertHead) => {
    const directory = path.join(berth.home, 'models', name)
    await mkdir(directory, { recursive: true })
    writeRandomBert(directory, head)
    return `file:${directory}`
  }
  const post = async <Answer>(name: string, route: string, body: object): Promise<Answer> => {
    const response = await fetch(`${berth.url}/e/${berth.namespace}/${name}${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${berth.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect(response.status, await response.clone().text()).toBe(200)
    return (await response.json()) as Answer
  }

  test('an embedding model answers TEI, OpenAI’s client and Hugging Face’s, with the same vector', async () => {
    const endpoint = endpointOf('embedder', { tei: {} }, { repository: await model('embedder') })
    expect((await berth.deploy(endpoint)).engine).toBe('tei')
    const [vector] = await post<number[][]>('embedder', '/embed', { inputs: 'the cat' })
    expect(vector).toHaveLength(32)

    const openai = new OpenAI({ baseURL: `${berth.url}/v1`, apiKey: berth.token })
    const { data } = await openai.embeddings.create({
      model: `${berth.namespace}/embedder`,
      input: ['the cat', 'a dog'],
      encoding_format: 'float',
    })
    expect(data.map(({ embedding }) => embedding.length)).toEqual([32, 32])
    for (const [i, value] of vector!.entries()) expect(data[0]!.embedding[i]).toBeCloseTo(value, 4)

    const hub = new InferenceClient(berth.token, {
      endpointUrl: `${berth.url}/e/${berth.namespace}/embedder`,
    })
    const features = (await hub.featureExtraction({ inputs: 'the cat' })) as number[][]
    expect(features.flat()).toHaveLength(32)
  })

  test('a re-ranker wakes for a request and puts the texts in order', async () => {
    const endpoint = endpointOf(
      'reranker',
      { tei: {} },
      {
        repository: await model('reranker', { kind: 'classes', labels: ['LABEL_0'] }),
        scaling: { minReplica: 0 },
      },
    )
    await berth.deploy(endpoint)
    const place = { params: { namespace: berth.namespace, name: 'reranker' } }
    await berth.client.scaleEndpointToZero(place)
    await berth.reach('reranker', 'scaledToZero')
    const ranked = await post<{ index: number; score: number }[]>('reranker', '/rerank', {
      query: 'where is paris',
      texts: ['paris is in france', 'the cat', 'good king'],
    })
    expect(ranked.map(({ index }) => index).toSorted()).toEqual([0, 1, 2])
    expect(ranked.map(({ score }) => score)).toEqual(
      ranked.map(({ score }) => score).toSorted((a, b) => b - a),
    )
  })

  test('a classifier is left to Berth to choose for, and answers at the endpoint’s root', async () => {
    const endpoint = endpointOf(
      'classifier',
      { huggingface: {} },
      { repository: await model('classifier', { kind: 'classes', labels: ['good', 'bad'] }) },
    )
    expect((await berth.deploy(endpoint)).engine).toBe('toolkit')
    const labels = await post<{ label: string; score: number }[]>('classifier', '/', {
      inputs: 'the good cat',
      parameters: { top_k: 2 },
    })
    expect(labels.map(({ label }) => label).toSorted()).toEqual(['bad', 'good'])
  })
})
