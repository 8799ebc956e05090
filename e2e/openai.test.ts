/** The `openai` package against Berth: the one base URL for all endpoints, and each endpoint's own. */
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Berth, endpointOf } from './berth-process.ts'

const QUESTION = [{ role: 'user', content: 'What is an endpoint?' }] as const

let berth: Berth
beforeAll(async () => {
  berth = await Berth.start()
  await Promise.all([
    berth.deploy(endpointOf('brain', { huggingface: {} })),
    berth.deploy(endpointOf('echo', { echo: { tokenMs: 10 } })),
  ])
})
afterAll(async () => {
  await berth?.stop()
})

const client = (changes: { readonly baseURL?: string; readonly apiKey?: string } = {}) =>
  new OpenAI({ baseURL: `${berth.url}/v1`, apiKey: berth.token, maxRetries: 0, ...changes })
const model = (name: string) => `${berth.namespace}/${name}`

async function collected(
  stream: AsyncIterable<OpenAI.ChatCompletionChunk>,
): Promise<{ text: string; usage: OpenAI.CompletionUsage | null | undefined }> {
  let text = ''
  let usage: OpenAI.CompletionUsage | null | undefined
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? ''
    usage = chunk.usage ?? usage
  }
  return { text, usage }
}

describe('the embedded engine', () => {
  test('answers a question with a sentence that makes sense', async () => {
    const answer = await client().chat.completions.create({
      model: model('brain'),
      messages: [...QUESTION],
      temperature: 0,
    })
    expect(answer.choices[0]?.message.content).toMatch(/one model served at one URL/)
    expect(answer.choices[0]?.finish_reason).toBe('stop')
    expect(answer.usage?.completion_tokens).toBeGreaterThan(5)
  })

  test('streams the same answer, with its usage', async () => {
    const whole = await client().chat.completions.create({
      model: model('brain'),
      messages: [...QUESTION],
      temperature: 0,
    })
    const stream = await client().chat.completions.create({
      model: model('brain'),
      messages: [...QUESTION],
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    })
    const { text, usage } = await collected(stream)
    expect(text).toBe(whole.choices[0]?.message.content)
    expect(usage?.completion_tokens).toBe(whole.usage?.completion_tokens)
  })

  test('answers in the shape of a JSON schema', async () => {
    const answer = await client().chat.completions.create({
      model: model('brain'),
      messages: [...QUESTION],
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'answer',
          schema: {
            type: 'object',
            properties: { ok: { type: 'boolean' } },
            required: ['ok'],
            additionalProperties: false,
          },
        },
      },
    })
    expect(JSON.parse(answer.choices[0]!.message.content!)).toEqual({ ok: expect.any(Boolean) })
  })
})

describe('one base URL for all', () => {
  test('lists the endpoints as models', async () => {
    const { data } = await client().models.list()
    expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining([model('brain'), model('echo')]))
  })

  test('completions and embeddings find their endpoint by the model’s name', async () => {
    const completion = await client().completions.create({ model: model('echo'), prompt: 'one two' })
    expect(completion.choices[0]?.text).toBe('one two')
    const { data } = await client().embeddings.create({ model: model('echo'), input: ['a cat', 'a cat'] })
    expect(data).toHaveLength(2)
    expect(data[0]?.embedding).toHaveLength(64)
    expect(Math.hypot(...data[0]!.embedding)).toBeCloseTo(1, 4)
    expect(data[0]?.embedding).toEqual(data[1]?.embedding)
  })

  test('an unknown model is a NotFoundError with a sentence', async () => {
    await expect(
      client().chat.completions.create({ model: model('nowhere'), messages: [...QUESTION] }),
    ).rejects.toSatisfy(
      (error) =>
        error instanceof OpenAI.NotFoundError &&
        /^404 There is no endpoint ".+nowhere" here\./.test(error.message) &&
        error.code === 'not_found',
    )
  })

  test('a wrong key is an AuthenticationError', async () => {
    await expect(
      client({ apiKey: 'berth_wrong' }).chat.completions.create({
        model: model('echo'),
        messages: [...QUESTION],
      }),
    ).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
  })
})

test('a paused endpoint is refused with its sentence, and nobody asks again what only a person can change', async () => {
  const place = { params: { namespace: berth.namespace, name: 'resting' } }
  const resting = endpointOf('resting', { echo: {} }, { scaling: { minReplica: 0, maxReplica: 1 } })
  await berth.client.createEndpoint({ params: { namespace: berth.namespace }, body: resting })
  await berth.client.pauseEndpoint(place)
  await berth.reach('resting', 'paused')
  let asked = 0
  const fetch: typeof globalThis.fetch = (...args) => {
    asked++
    return globalThis.fetch(...args)
  }
  for (const stream of [true, false]) {
    await expect(
      new OpenAI({ baseURL: `${berth.url}/v1`, apiKey: berth.token, fetch }).chat.completions.create({
        model: model('resting'),
        messages: [...QUESTION],
        stream,
      }),
    ).rejects.toMatchObject({
      status: 503,
      code: 'paused',
      message: expect.stringMatching(/^503 Endpoint ".+resting" is paused\. Resume it to use it again\.$/),
    })
  }
  expect(asked).toBe(2)
})

describe('the endpoint’s own URL', () => {
  test('takes any model name', async () => {
    const { status } = await berth.endpoint('echo')
    const answer = await client({ baseURL: `${status.url}/v1` }).chat.completions.create({
      model: 'tgi',
      messages: [...QUESTION],
    })
    expect(answer.choices[0]?.message.content).toBe(QUESTION[0].content)
  })

  test('a stream that the client leaves ends there, and the next request is served', async () => {
    const { status } = await berth.endpoint('echo')
    const openai = client({ baseURL: `${status.url}/v1` })
    const stream = await openai.chat.completions.create({
      model: 'x',
      messages: [{ role: 'user', content: Array(500).fill('word').join(' ') }],
      stream: true,
    })
    for await (const _ of stream) break
    stream.controller.abort()
    const next = await openai.chat.completions.create({
      model: 'x',
      messages: [{ role: 'user', content: 'next' }],
    })
    expect(next.choices[0]?.message.content).toBe('next')
  })

  test('wakes a sleeping endpoint, streamed and plain, and the answer is the answer', async () => {
    const place = { params: { namespace: berth.namespace, name: 'sleeper' } }
    await berth.deploy(
      endpointOf('sleeper', { echo: { startMs: 1_500 } }, { scaling: { minReplica: 0, maxReplica: 1 } }),
    )
    for (const isStream of [true, false]) {
      await berth.client.scaleEndpointToZero(place)
      await berth.reach('sleeper', 'scaledToZero')
      const ask = { model: model('sleeper'), messages: [{ role: 'user' as const, content: 'good morning' }] }
      const text = isStream
        ? (await collected(await client().chat.completions.create({ ...ask, stream: true }))).text
        : (await client().chat.completions.create(ask)).choices[0]?.message.content
      expect(text).toBe('good morning')
    }
  })
})
