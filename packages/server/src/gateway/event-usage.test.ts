import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EventUsage } from './event-usage.ts'

const chat = (delta: object) => `data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`
const LAST = `data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3}}\n\n`
const DONE = 'data: [DONE]\n\n'

function read(stream: string, cuts: readonly number[] = []) {
  const bytes = Buffer.from(stream)
  const events = new EventUsage()
  let from = 0
  let texts = 0
  for (const cut of [...cuts.map((cut) => cut % bytes.length), bytes.length].toSorted((a, b) => a - b)) {
    texts += events.feed(bytes.toString('latin1', from, cut))
    from = cut
  }
  expect(texts).toBe(events.texts)
  return { texts, usage: events.usage }
}

const said = (inputTokens: number | undefined, outputTokens: number, cachedTokens?: number) => ({
  inputTokens,
  outputTokens,
  cachedTokens,
})

test.for<{ who: string; stream: string; texts: number; usage: object | undefined }>([
  {
    who: 'a chat that tells its usage',
    stream:
      chat({ role: 'assistant', content: '' }) +
      chat({ content: 'Hé' }) +
      chat({ content: '\n"' }) +
      chat({}) +
      LAST +
      DONE,
    texts: 2,
    usage: said(5, 3),
  },
  {
    who: 'a chat that does not',
    stream: chat({ role: 'assistant', content: null }) + chat({ content: 'a' }) + chat({}) + DONE,
    texts: 1,
    usage: undefined,
  },
  {
    who: 'a chat whose every event has an empty usage',
    stream: 'data: {"choices":[{"delta":{"content":"a"}}],"usage":null}\n\n'.repeat(3),
    texts: 3,
    usage: undefined,
  },
  {
    who: 'thoughts and calls of tools',
    stream:
      chat({ content: null, reasoning_content: 'hm' }) +
      chat({ tool_calls: [{ function: { arguments: '{' } }] }) +
      chat({ tool_calls: [{ function: { arguments: '' } }] }),
    texts: 2,
    usage: undefined,
  },
  {
    who: 'an engine that writes spaces and CRLF',
    stream: `data:{"choices": [{"delta": {"content": "a"}}]}\r\n\r\ndata: {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3}}\r\n\r\n`,
    texts: 1,
    usage: said(5, 3),
  },
  {
    who: "TGI's own stream",
    stream:
      'data:{"index":1,"token":{"id":1,"text":" a","special":false},"generated_text":null,"details":null}\n\n' +
      'data:{"index":2,"token":{"id":2,"text":" b"},"generated_text":" a b","details":{"generated_tokens":2,"input_length":9}}\n\n',
    texts: 2,
    usage: said(9, 2),
  },
  {
    who: "llama-server's own stream",
    stream:
      'data: {"index":0,"content":" a","stop":false,"tokens_predicted":1,"tokens_evaluated":8}\n\n' +
      'data: {"index":0,"content":"","stop":true,"tokens_predicted":2,"tokens_evaluated":8,"timings":{"cache_n":7}}\n\n',
    texts: 1,
    usage: said(8, 2, 7),
  },
  {
    who: "Anthropic's stream",
    stream:
      'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":25,"output_tokens":1}}}\n\n' +
      'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}\n\n' +
      'event: message_delta\ndata: {"type":"message_delta","delta":{},"usage":{"output_tokens":15}}\n\n',
    texts: 1,
    usage: said(25, 15),
  },
  {
    who: 'a stream of responses',
    stream:
      'data: {"type":"response.output_text.delta","delta":"Hi"}\n\n' +
      'data: {"type":"response.completed","response":{"usage":{"input_tokens":4,"output_tokens":2}}}\n\n',
    texts: 1,
    usage: said(4, 2),
  },
  {
    who: 'a model that writes about usage',
    stream: chat({ content: '"usage":{"prompt_tokens":9,"completion_tokens":9}' }),
    texts: 1,
    usage: undefined,
  },
  {
    who: 'comments and fields that are no data',
    stream: ': content":"x"\nid: "content":"x"\n\n',
    texts: 0,
    usage: undefined,
  },
])('$who is read the same wherever chunks end', ({ stream, texts, usage }) => {
  expect(read(stream)).toEqual({ texts, usage })
  const everywhere = Array.from({ length: Buffer.byteLength(stream) }, (_, at) => at)
  expect(read(stream, everywhere)).toEqual({ texts, usage })
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 30 }), (cuts) => {
      expect(read(stream, cuts)).toEqual({ texts, usage })
    }),
    { numRuns: 30 },
  )
})

test('a line without end is not kept, and those after it are read', () => {
  const events = new EventUsage()
  for (let i = 0; i < 100; i++) events.feed(`data: ${'x'.repeat(10_000)}`)
  expect(events.keptBytes).toBeLessThan(80_000)
  events.feed(`"content":"x"\n\n${chat({ content: 'a' })}${LAST}`)
  expect(events.texts).toBe(1)
  expect(events.usage).toMatchObject({ outputTokens: 3 })
})

const anyEvent = fc.constantFrom(
  chat({ content: 'a' }),
  chat({ content: 'longer' }),
  chat({ content: '' }),
  chat({ role: 'assistant', content: 'a' }),
  chat({ content: 'content":"x' }),
  chat({ content: 'a' }).replace('}\n', ',"usage":null}\n'),
  chat({ content: 'a' }).replace('}\n', ',"usage":{"completion_tokens":4}}\n'),
  'data: {"index":0,"content":" a","stop":true,"tokens_predicted":2,"tokens_evaluated":8}\n\n',
  'data: {"index":0,"content":" a","stop":false,"tokens_predicted":1,"tokens_evaluated":8}\n\n',
  ': {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
  LAST,
  DONE,
)

test('an event is read the same whatever those before it were like', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 12 }), (stream) => {
      const together = read(stream.join(' \n') || '\n')
      const alone = stream.map((event) => read(event))
      expect(together.texts).toBe(alone.reduce((sum, { texts }) => sum + texts, 0))
      expect(together.usage?.outputTokens).toBe(
        alone.findLast(({ usage }) => usage?.outputTokens !== undefined)?.usage?.outputTokens,
      )
    }),
  )
})
