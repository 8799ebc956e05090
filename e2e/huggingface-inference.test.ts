/** The `@huggingface/inference` package pointed at an endpoint's URL. */
import { InferenceClient } from '@huggingface/inference'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Berth, endpointOf } from './berth-process.ts'

const messages = [{ role: 'user', content: 'What is an endpoint?' }]

let berth: Berth
beforeAll(async () => {
  berth = await Berth.start()
  await berth.deploy(endpointOf('brain', { huggingface: {} }))
})
afterAll(async () => {
  await berth?.stop()
})

async function client(token = berth.token) {
  const { status } = await berth.endpoint('brain')
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

test('a refusal says what is wrong', async () => {
  await expect((await client('berth_wrong')).chatCompletion({ messages })).rejects.toMatchObject({
    httpResponse: { status: 401 },
  })
})
