/** The `@huggingface/inference` package pointed at an endpoint's URL. */
import { InferenceClient } from '@huggingface/inference'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Berth, endpointOf } from './berth-process.ts'

const messages = [{ role: 'user', content: 'What is an endpoint?' }]

let berth: Berth
beforeAll(async () => {
  berth = await Berth.start()
  await berth.deploy(endpointOf('brain', { huggingface: {} }))
  await berth.deploy(endpointOf('vectors', { llamacpp: { mode: 'embeddings', nParallel: 1 } }))
})
afterAll(async () => {
  await berth?.stop()
})

async function client(token = berth.token, name = 'brain') {
  const { status } = await berth.endpoint(name)
  return new InferenceClient(token).endpoint(status.url!)
}

test('a chat is answered', async () => {
  const answer = await (await client()).chatCompletion({ messages, temperature: 0 })
  expect(answer.choices[0]?.message.content).toMatch(/one model served at one URL/)
})

test('a streamed chat brings the same text', async () => {
  const plain = await (await client()).chatCompletion({ messages, temperature: 0 })
  let text = ''
  for await (const chunk of (await client()).chatCompletionStream({ messages, temperature: 0 })) {
    text += chunk.choices[0]?.delta.content ?? ''
  }
  expect(text).toBe(plain.choices[0]?.message.content)
})

test('a text is generated, whole and token by token', async () => {
  const call = { inputs: 'An endpoint is', parameters: { max_new_tokens: 8, temperature: 0 } }
  const { generated_text } = await (await client()).textGeneration(call)
  expect(generated_text).not.toBe('')

  // What older releases of the client, and its Python sister, send to the root.
  const { status } = await berth.endpoint('brain')
  const post = (body: object) =>
    fetch(status.url!, {
      method: 'POST',
      headers: { authorization: `Bearer ${berth.token}` },
      body: JSON.stringify(body),
    })
  expect(await (await post(call)).json()).toEqual([{ generated_text }])
  const events = (await (await post({ ...call, stream: true })).text())
    .split('\n\n')
    .filter((event) => event.startsWith('data:'))
    .map((event) => JSON.parse(event.slice('data:'.length)))
  expect(events.length).toBeGreaterThan(3)
  expect(events.at(-1).generated_text).toBe(generated_text)
})

test('texts become vectors, and sentences are compared, by an engine that has a route for neither', async () => {
  const vectors = await client(berth.token, 'vectors')
  const [one, two] = (await vectors.featureExtraction({
    inputs: ['What is an endpoint?', 'What is an endpoint?'],
  })) as number[][]
  expect(one!.length).toBeGreaterThan(8)
  expect(one).toHaveLength(two!.length)

  const [same, other] = await vectors.sentenceSimilarity({
    inputs: {
      source_sentence: 'What is an endpoint?',
      sentences: ['What is an endpoint?', 'Scale to zero.'],
    },
  })
  expect(same).toBeCloseTo(1, 3)
  expect(other).toBeLessThan(same!)
})

test('a refusal says what is wrong', async () => {
  await expect((await client('berth_wrong')).chatCompletion({ messages })).rejects.toMatchObject({
    httpResponse: { status: 401 },
  })
})
