import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EngineProcess, eventsOf, GUIDE, startEngine } from './testing/engine-process.ts'

const QUESTION = [{ role: 'user', content: 'What is an endpoint?' }]
const ANSWER = 'An endpoint is one model served at one URL, with its engine, hardware and scaling.'

type Chunk = {
  readonly choices: readonly {
    readonly delta: { readonly role?: string; readonly content?: string; readonly tool_calls?: ToolCall[] }
    readonly finish_reason: string | null
  }[]
  readonly usage?: object
  readonly object: string
}
type ToolCall = { readonly function: { readonly name: string; readonly arguments: string } }
type Answer = {
  readonly choices: readonly [
    {
      readonly finish_reason: string
      readonly message: { readonly content: string | null; readonly tool_calls?: readonly ToolCall[] }
    },
  ]
  readonly usage: {
    readonly prompt_tokens: number
    readonly completion_tokens: number
    readonly total_tokens: number
    readonly prompt_tokens_details: { readonly cached_tokens: number }
  }
}

let engine: EngineProcess
beforeAll(async () => {
  engine = await startEngine(['-m', GUIDE, '-c', '4096', '-np', '4', '--alias', 'guide'])
})
afterAll(() => engine?.stop())

const chat = async (more: object): Promise<Answer> => {
  const response = await engine.post('/v1/chat/completions', { messages: QUESTION, temperature: 0, ...more })
  expect(response.status, await response.clone().text()).toBe(200)
  return (await response.json()) as Answer
}
const textOf = (answer: Answer) => answer.choices[0].message.content
const refusal = async (more: object) => {
  const response = await engine.post('/v1/chat/completions', { messages: QUESTION, ...more })
  return {
    status: response.status,
    ...((await response.json()) as { error: { message: string; type: string } }),
  }
}
const stream = async (more: object): Promise<Chunk[]> => {
  const response = await engine.post('/v1/chat/completions', {
    messages: QUESTION,
    temperature: 0,
    stream: true,
    ...more,
  })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const events = await Array.fromAsync(eventsOf(response))
  expect(events.pop()).toBe('[DONE]')
  return events.map((event) => JSON.parse(event))
}
const streamedText = (chunks: readonly Chunk[]) =>
  chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')

describe('an answer', () => {
  test('is what the guide learned, with its numbers', async () => {
    const answer = await chat({})
    expect(textOf(answer)).toBe(ANSWER)
    expect(answer.choices[0].finish_reason).toBe('stop')
    expect(answer.usage).toMatchObject({ prompt_tokens: 15, completion_tokens: 20, total_tokens: 35 })
  })

  test('is the same when it is streamed, in OpenAI’s order of chunks', async () => {
    const chunks = await stream({ stream_options: { include_usage: true } })
    expect(streamedText(chunks)).toBe(ANSWER)
    expect(chunks[0]?.choices[0]).toEqual({
      finish_reason: null,
      index: 0,
      delta: { role: 'assistant', content: '' },
    })
    expect(chunks.filter((chunk) => chunk.choices[0]?.delta.role)).toHaveLength(1)
    expect(chunks.at(-2)?.choices[0]).toEqual({ finish_reason: 'stop', index: 0, delta: {} })
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 15, completion_tokens: 20 } })
    expect(new Set(chunks.map((chunk) => chunk.object))).toEqual(new Set(['chat.completion.chunk']))
  })

  test('has no usage in its stream unless it is asked for', async () => {
    expect((await stream({})).some((chunk) => 'usage' in chunk)).toBe(false)
  })

  test('ends at max_tokens, under each of its names', async () => {
    for (const name of ['max_tokens', 'max_completion_tokens', 'n_predict']) {
      const answer = await chat({ [name]: 3 })
      expect(answer.choices[0].finish_reason).toBe('length')
      expect(answer.usage.completion_tokens).toBe(3)
      expect(textOf(answer)).toBe('An endpoint is')
    }
  })

  test('reads parts of text as one text', async () => {
    const content = [{ type: 'text', text: 'What is an endpoint?' }]
    expect(textOf(await chat({ messages: [{ role: 'user', content }] }))).toBe(ANSWER)
  })

  test('comes from a slot that still knows the prompt, when there is one', async () => {
    await chat({})
    const again = await chat({})
    expect(again.usage.prompt_tokens_details.cached_tokens).toBe(14)
    expect(textOf(again)).toBe(ANSWER)
    expect((await chat({ cache_prompt: false })).usage.prompt_tokens_details.cached_tokens).toBe(0)
  })
})

describe('a stop word', () => {
  test.for([
    { stop: 'model', text: 'An endpoint is one ' },
    { stop: [' served at', ' URL'], text: 'An endpoint is one model' },
    // Begins in one token and ends in another, and the beginning must not be shown.
    { stop: 'erved a', text: 'An endpoint is one model s' },
  ])('$stop ends the text before it, streamed or not', async ({ stop, text }) => {
    const answer = await chat({ stop })
    expect(textOf(answer)).toBe(text)
    expect(answer.choices[0].finish_reason).toBe('stop')
    expect(streamedText(await stream({ stop }))).toBe(text)
  })

  test('that never comes changes nothing', async () => {
    expect(textOf(await chat({ stop: ['scaling!', 'zzz'] }))).toBe(ANSWER)
  })
})

test('the same seed gives the same text, another seed another', async () => {
  const said = async (seed: number) =>
    textOf(await chat({ seed, temperature: 3, top_k: 0, top_p: 1, min_p: 0, max_tokens: 24 }))
  const first = await said(7)
  expect(await said(7)).toBe(first)
  expect(await said(8)).not.toBe(first)
})

test('a token with a bias against it is not said', async () => {
  const { tokens } = (await (await engine.post('/tokenize', { content: 'An' })).json()) as {
    tokens: number[]
  }
  expect(tokens).toHaveLength(1)
  expect(textOf(await chat({ logit_bias: { [String(tokens[0])]: -100 }, max_tokens: 4 }))).not.toMatch(/^An/)
})

describe('JSON', () => {
  const schema = {
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 8 },
      count: { type: 'integer' },
      kind: { enum: ['x', 'y'] },
      flags: { type: 'array', items: { type: 'boolean' }, minItems: 1, maxItems: 3 },
    },
    required: ['name', 'count', 'kind', 'flags'],
    additionalProperties: false,
  }

  test.for([
    { dialect: 'OpenAI', response_format: { type: 'json_schema', json_schema: { name: 'thing', schema } } },
    { dialect: 'TGI', response_format: { type: 'json_object', value: schema } },
  ])('follows a schema in the dialect of $dialect', async ({ response_format }) => {
    for (const seed of [1, 2, 3]) {
      const answer = await chat({ response_format, seed, temperature: 1, max_tokens: 300 })
      const value = JSON.parse(textOf(answer) as string)
      expect(Object.keys(value)).toEqual(['name', 'count', 'kind', 'flags'])
      expect(Number.isInteger(value.count)).toBe(true)
      expect(['x', 'y']).toContain(value.kind)
      expect(value.name.length).toBeLessThanOrEqual(8)
      expect(value.flags.every((flag: unknown) => typeof flag === 'boolean')).toBe(true)
    }
  })

  test('without a schema is an object', async () => {
    const answer = await chat({ response_format: { type: 'json_object' }, max_tokens: 200 })
    if (answer.choices[0].finish_reason === 'stop')
      expect(JSON.parse(textOf(answer) as string)).toBeTypeOf('object')
    expect(textOf(answer)).toMatch(/^\{/)
  })

  test('of a shape that cannot be held to is refused by name', async () => {
    const odd = { type: 'json_schema', json_schema: { schema: { type: 'string', pattern: '^a' } } }
    const { status, error } = await refusal({ response_format: odd })
    expect(status).toBe(400)
    expect(error.message).toContain('"pattern"')
  })
})

describe('tools', () => {
  const tools = [
    {
      type: 'function',
      function: {
        name: 'weather',
        parameters: { type: 'object', properties: { city: { enum: ['Oslo', 'Rome'] } }, required: ['city'] },
      },
    },
  ]

  test.for(['required', { type: 'function', function: { name: 'weather' } }])(
    'are called when tool_choice is %j, streamed or not',
    async (tool_choice) => {
      const answer = await chat({ tools, tool_choice })
      expect(answer.choices[0].finish_reason).toBe('tool_calls')
      expect(answer.choices[0].message.content).toBeNull()
      const call = answer.choices[0].message.tool_calls?.[0]?.function
      expect(call?.name).toBe('weather')
      expect(['Oslo', 'Rome']).toContain(JSON.parse(call?.arguments as string).city)

      const chunks = await stream({ tools, tool_choice })
      const calls = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? [])
      expect(calls.map((streamed) => streamed.function)).toEqual([call])
      expect(streamedText(chunks)).toBe('')
      expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('tool_calls')
    },
  )

  test('are left alone when tool_choice is none', async () => {
    expect(textOf(await chat({ tools, tool_choice: 'none' }))).toBe(ANSWER)
  })

  test('cannot be offered to a model whose template does not know them', async () => {
    const { status, error } = await refusal({ tools })
    expect(status).toBe(400)
    expect(error.message).toContain('"tools"')
  })
})

describe('a request', () => {
  test.for([
    { body: { n: 2 }, names: '"n"' },
    { body: { logprobs: true }, names: '"logprobs"' },
    { body: { temperature: -1 }, names: '"temperature"' },
    { body: { max_tokens: 'many' }, names: '"max_tokens"' },
    { body: { stop: 5 }, names: '"stop"' },
    { body: { messages: [] }, names: '"messages"' },
    { body: { messages: [{ role: 'user' }] }, names: '"messages[0].content"' },
    { body: { response_format: { type: 'xml' } }, names: '"response_format.type"' },
    {
      body: { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      names: 'image_url',
    },
  ])('with $body is refused with the name $names', async ({ body, names }) => {
    const { status, error } = await refusal(body)
    expect(status).toBe(400)
    expect(error).toMatchObject({ type: 'invalid_request_error' })
    expect(error.message).toContain(names)
  })

  test('longer than a slot is refused with both numbers, streamed or not', async () => {
    const content = 'What is an endpoint? '.repeat(400)
    for (const more of [{}, { stream: true }]) {
      const { status, error } = await refusal({ messages: [{ role: 'user', content }], ...more })
      expect(status).toBe(400)
      expect(error).toMatchObject({ type: 'exceed_context_size_error', n_ctx: 1024, code: 400 })
      expect((error as unknown as { n_prompt_tokens: number }).n_prompt_tokens).toBeGreaterThan(1024)
    }
  })

  test('may fill its slot: the answer ends at the end of the context', async () => {
    const answer = await chat({ ignore_eos: true })
    expect(answer.choices[0].finish_reason).toBe('length')
    expect(answer.usage.total_tokens).toBe(1024)
  })

  test('never shows in the log, and neither does its answer', () => {
    expect(engine.log()).not.toMatch(/endpoint|Oslo/)
  })
})

test('many requests at a time each get their own answer', async () => {
  const questions = [
    'What is an endpoint?',
    'What is a replica?',
    'What is a revision?',
    'explain draining please',
  ]
  const ask = async (content: string) => textOf(await chat({ messages: [{ role: 'user', content }] }))
  const alone: (string | null)[] = []
  for (const question of questions) alone.push(await ask(question))
  const together = await Promise.all([...questions, ...questions, ...questions].map(ask))
  expect(together).toEqual([...alone, ...alone, ...alone])
  expect(new Set(alone).size).toBe(questions.length)
})

describe('plain completions', () => {
  test('go on with a text', async () => {
    const body = { prompt: 'An endpoint is', temperature: 0, max_tokens: 4 }
    const whole = (await (await engine.post('/v1/completions', body)).json()) as {
      choices: { text: string }[]
    }
    const events = await Array.fromAsync(
      eventsOf(await engine.post('/v1/completions', { ...body, stream: true })),
    )
    expect(events.pop()).toBe('[DONE]')
    expect(events.map((event) => JSON.parse(event).choices[0].text).join('')).toBe(whole.choices[0]?.text)
    const native = (await (await engine.post('/completion', { ...body, n_predict: 4 })).json()) as object
    expect(native).toMatchObject({ content: whole.choices[0]?.text, stop: true, stop_type: 'limit' })
  })
})

test('text survives its tokens', async () => {
  const content = 'Smörgåsbord – 北京 🚢\n\ttabs & <|im_end|>'
  const { tokens } = (await (await engine.post('/tokenize', { content })).json()) as { tokens: number[] }
  expect(await (await engine.post('/detokenize', { tokens })).json()).toEqual({ content })
  const pieces = await engine.post('/tokenize', { content: 'An endpoint', with_pieces: true })
  expect(((await pieces.json()) as { tokens: { piece: string }[] }).tokens.map(({ piece }) => piece)).toEqual(
    ['An', ' endpoint'],
  )
})
