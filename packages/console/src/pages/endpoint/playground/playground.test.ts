import { describe, expect, test } from 'vitest'
import { chatBody, DEFAULT_SETTINGS, errorText, readPiece, tokensPerSecond } from './chat-exchange.ts'
import { kindOf } from './playground-kind.ts'
import { codeLanguages, pythonValue, requestAsCode } from './request-as-code.ts'
import { cosineOf } from './similarity.ts'

const of = (task: string | null, engine?: string, image: object = { huggingface: {} }) =>
  kindOf({ model: { task, image }, engine })

test.for([
  [of(null), 'chat'],
  [of(null, 'llamacpp', { llamacpp: {} }), 'chat'],
  [of(null, 'llamacpp', { llamacpp: { mode: 'embeddings' } }), 'embeddings'],
  [of(null, 'llamacpp', { llamacpp: { mode: 'reranking' } }), 'rerank'],
  [of('feature-extraction', 'tei'), 'embeddings'],
  [of('text-classification', 'toolkit'), 'classify'],
  [of('text-ranking'), 'rerank'],
  [of('image-text-to-text', 'vllm'), 'chat'],
  [of('automatic-speech-recognition', 'toolkit'), 'request'],
  [of(null, 'tei'), 'embeddings'],
  [of(null, 'custom'), 'request'],
] as const)('an endpoint is asked in the form that fits it: %s is %s', ([kind, expected]) => {
  expect(kind).toBe(expected)
})

describe('a chat request', () => {
  test('leaves to the engine what was left empty', () => {
    const body = chatBody('admin/guide', [{ role: 'user', text: 'Hi' }], {
      ...DEFAULT_SETTINGS,
      maxTokens: '',
    })
    expect(body).toEqual({
      model: 'admin/guide',
      messages: [{ role: 'user', content: 'Hi' }],
      stream: true,
      stream_options: { include_usage: true },
    })
  })

  test('carries what was set, and pictures beside their text', () => {
    const body = chatBody(
      'm',
      [{ role: 'user', text: 'What is this?', images: ['data:image/png;base64,AA'] }],
      {
        system: 'Be brief.',
        temperature: '0.5',
        topP: '0.9',
        maxTokens: '10',
        seed: '7',
        stop: 'END\n\nSTOP',
      },
    )
    expect(body).toMatchObject({
      temperature: 0.5,
      top_p: 0.9,
      max_tokens: 10,
      seed: 7,
      stop: ['END', 'STOP'],
    })
    expect(body.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } },
        ],
      },
    ])
  })
})

describe('a stream', () => {
  test('gives text, its end, and its figures', () => {
    expect(readPiece('{"choices":[{"delta":{"content":"Hel"}}]}')).toEqual({ text: 'Hel' })
    expect(readPiece('{"choices":[{"delta":{},"finish_reason":"stop"}]}')).toEqual({
      text: '',
      finishReason: 'stop',
    })
    expect(readPiece('{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9}}')).toEqual({
      text: '',
      promptTokens: 3,
      completionTokens: 9,
    })
    expect(readPiece('[DONE]')).toBeUndefined()
  })

  test.for(['{"error":"It is asleep."}', '{"error":{"message":"It is asleep.","code":503}}'])(
    'that fails says so in the words of who failed: %s',
    (data) => {
      expect(() => readPiece(data)).toThrow('It is asleep.')
    },
  )

  test('an error in no known shape is shown as it came', () => {
    expect(errorText({ detail: 1 })).toBe('{"detail":1}')
  })

  test('its speed counts from the first token on', () => {
    const figures = { totalMs: 1_100, promptTokens: 1, finishReason: 'stop' }
    expect(tokensPerSecond({ ...figures, firstTokenMs: 100, completionTokens: 11 })).toBe(10)
    expect(tokensPerSecond({ ...figures, firstTokenMs: undefined, completionTokens: 11 })).toBeUndefined()
    expect(tokensPerSecond({ ...figures, firstTokenMs: 100, completionTokens: 1 })).toBeUndefined()
  })

  test('it has no speed when it came in one piece', () => {
    const figures = { promptTokens: 1, finishReason: 'stop', completionTokens: 24 }
    expect(tokensPerSecond({ ...figures, firstTokenMs: 87, totalMs: 87.8 })).toBeUndefined()
  })
})

describe('a request as code', () => {
  const request = {
    url: 'http://localhost:8080/e/admin/guide',
    path: '/v1/chat/completions',
    body: { model: 'admin/guide', messages: [{ role: 'user', content: "What's up?" }], stream: true },
  }

  test('curl quotes what a shell would read', () => {
    expect(requestAsCode('curl', request)).toContain(String.raw`"content": "What'\''s up?"`)
  })

  test.for(codeLanguages)('%s never holds a token, only the name of a variable', (language) => {
    expect(requestAsCode(language, request)).toContain('BERTH_TOKEN')
  })

  test('Python has its own words for JSON', () => {
    expect(pythonValue({ a: [true, null, 1.5, 'x'] })).toBe('{"a": [True, None, 1.5, "x"]}')
    expect(requestAsCode('python', request)).toContain('    stream=True,')
  })

  test('LangChain gets the settings, and the texts of embeddings as they are', () => {
    const body = { ...request.body, stream_options: { include_usage: true }, temperature: 0.2 }
    const chat = requestAsCode('langchain', { ...request, body })
    expect(chat).toContain('    temperature=0.2,\n)')
    expect(chat).toContain('client.stream(messages)')
    expect(chat).not.toContain('stream_options')
    const embeddings = { ...request, path: '/v1/embeddings', body: { model: 'm', input: 'Hello' } }
    expect(requestAsCode('langchain', embeddings)).toContain('    check_embedding_ctx_length=False,')
    expect(requestAsCode('langchain', embeddings)).toContain('embed_documents(["Hello"])')
  })

  test('a route that a client does not have is not made up', () => {
    const rerank = { ...request, path: '/rerank' }
    expect(requestAsCode('python', rerank)).toBeUndefined()
    expect(requestAsCode('curl', rerank)).toContain('/rerank')
  })
})

test('similarity is 1 for the same direction and 0 where there is none', () => {
  expect(cosineOf([1, 0], [3, 0])).toBe(1)
  expect(cosineOf([1, 0], [0, 2])).toBe(0)
  expect(cosineOf([0, 0], [0, 2])).toBe(0)
})
