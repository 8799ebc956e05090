import { expect, test } from 'vitest'
import { laterOf, usageInHeaders, usageOf } from './token-usage.ts'

test.for<{ who: string; answer: unknown; input?: number; output?: number; cached?: number }>([
  {
    who: 'an OpenAI chat',
    answer: {
      choices: [],
      usage: {
        prompt_tokens: 11,
        completion_tokens: 7,
        total_tokens: 18,
        prompt_tokens_details: { cached_tokens: 4 },
      },
    },
    input: 11,
    output: 7,
    cached: 4,
  },
  { who: 'embeddings', answer: { data: [], usage: { prompt_tokens: 9, total_tokens: 9 } }, input: 9 },
  {
    who: "OpenAI's responses",
    answer: { usage: { input_tokens: 5, output_tokens: 6, input_tokens_details: { cached_tokens: 2 } } },
    input: 5,
    output: 6,
    cached: 2,
  },
  {
    who: 'the last event of a stream of responses',
    answer: { type: 'response.completed', response: { usage: { input_tokens: 5, output_tokens: 6 } } },
    input: 5,
    output: 6,
  },
  {
    who: "Anthropic's messages, which count the cache beside the input",
    answer: {
      usage: {
        input_tokens: 10,
        cache_read_input_tokens: 90,
        cache_creation_input_tokens: 5,
        output_tokens: 3,
      },
    },
    input: 105,
    output: 3,
    cached: 90,
  },
  {
    who: "the first event of Anthropic's stream",
    answer: { type: 'message_start', message: { usage: { input_tokens: 25, output_tokens: 1 } } },
    input: 25,
    output: 1,
  },
  {
    who: "TGI's own route with details",
    answer: { generated_text: 'x', details: { generated_tokens: 20, prefill: [{}, {}, {}] } },
    input: 3,
    output: 20,
  },
  {
    who: "the last event of TGI's own stream",
    answer: { generated_text: 'x', details: { generated_tokens: 20, input_length: 8 } },
    input: 8,
    output: 20,
  },
  {
    who: "llama-server's own route",
    answer: { content: 'x', tokens_predicted: 4, tokens_evaluated: 6, timings: { cache_n: 5 } },
    input: 6,
    output: 4,
    cached: 5,
  },
])('$who', ({ answer, input, output, cached }) => {
  expect(usageOf(answer)).toEqual({ inputTokens: input, outputTokens: output, cachedTokens: cached })
})

test.for<[unknown]>([
  [null],
  ['usage'],
  [[{ usage: { prompt_tokens: 1 } }]],
  [{ usage: null }],
  [{ usage: {} }],
  [{ usage: { type: 'duration', seconds: 3 } }],
  [{ usage: { prompt_tokens: '7', completion_tokens: -1 } }],
  [{ usage: { prompt_tokens: 1.5, completion_tokens: 1e300 } }],
  [{ details: { prefill: [] } }],
])('%j says nothing', ([answer]) => {
  expect(usageOf(answer)).toBeUndefined()
})

test('TGI and TEI say it in headers', () => {
  expect(usageInHeaders({ 'x-prompt-tokens': '12', 'x-generated-tokens': '30' })).toEqual({
    inputTokens: 12,
    outputTokens: 30,
    cachedTokens: undefined,
  })
  expect(usageInHeaders({ 'x-compute-tokens': '8' })).toMatchObject({ inputTokens: 8 })
  expect(usageInHeaders({ 'x-compute-tokens': 'many', 'x-generated-tokens': '1e9' })).toBeUndefined()
})

test('what was said later counts, except for what it does not mention', () => {
  const start = usageOf({ message: { usage: { input_tokens: 25, output_tokens: 1 } } })
  const delta = usageOf({ usage: { output_tokens: 40 } })
  expect(laterOf(start, delta)).toMatchObject({ inputTokens: 25, outputTokens: 40 })
  expect(laterOf(start, undefined)).toBe(start)
  expect(laterOf(undefined, delta)).toBe(delta)
})
