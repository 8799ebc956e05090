import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonUsage } from './json-usage.ts'

const USAGE = '"usage":{"prompt_tokens":12,"completion_tokens":34,"total_tokens":46}'
const SAID = { inputTokens: 12, outputTokens: 34 }
const LONG = 'x'.repeat(100_000)

function usageIn(json: string, cuts: readonly number[] = []) {
  const bytes = Buffer.from(json)
  const usage = new JsonUsage()
  let from = 0
  for (const cut of [...cuts.map((cut) => cut % bytes.length), bytes.length].toSorted((a, b) => a - b)) {
    usage.feed(bytes.subarray(from, cut))
    from = cut
  }
  return usage.find()
}

test.for([
  ['a short answer', `{"choices":[{"text":"hi"}],${USAGE}}`],
  ['a short answer that ends with a usage of nothing', `{${USAGE},"choices":[{"usage":null}]}`],
  ['a short answer within another that says nothing', `{"x":{"usage":{"of":{${USAGE}}}}}`],
  ['a long answer, at its end', `{"choices":[{"text":"${LONG}"}],${USAGE},"kv":null}`],
  ['a long answer, at its beginning', `{"model":"m",${USAGE},"data":["${LONG}"]}`],
  [
    'a long answer with spaces',
    `{"text":"${LONG}", "usage" : \n { "prompt_tokens": 12, "completion_tokens": 34 } }`,
  ],
  [
    'a long answer with details within',
    `{"text":"${LONG}","usage":{"prompt_tokens":12,"prompt_tokens_details":{"note":"}\\"{"},"completion_tokens":34}}`,
  ],
] as const)('it is found in %s, wherever the chunks end', ([, json]) => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 20 }), (cuts) => {
      expect(usageIn(json, cuts)).toMatchObject(SAID)
    }),
    { numRuns: 30 },
  )
  const end = Buffer.byteLength(json)
  expect(
    usageIn(
      json,
      Array.from({ length: 200 }, (_, i) => Math.max(0, end - 1 - i)),
    ),
  ).toMatchObject(SAID)
})

test('text that a model wrote is not taken for its usage', () => {
  const written = JSON.stringify('so: "usage":{"prompt_tokens":999,"completion_tokens":999} "usage"')
  expect(usageIn(`{"text":"${LONG}","more":${written}}`)).toBeUndefined()
  expect(usageIn(`{"text":"${LONG}",${USAGE},"more":${written}}`)).toMatchObject(SAID)
  expect(usageIn(`{"text":${written}}`)).toBeUndefined()
})

test.for(['', 'not json', '[1,2]', `{"text":"${LONG}","usage":{"prompt_tok`, '{"usage":{"prompt_tokens":1'])(
  'what is no complete answer says nothing',
  (json) => {
    expect(usageIn(json)).toBeUndefined()
  },
)

test('of a long answer only its two ends are kept', () => {
  const usage = new JsonUsage()
  const chunk = Buffer.alloc(64 * 1024, 'x')
  for (let i = 0; i < 200; i++) usage.feed(chunk)
  expect(usage.keptBytes).toBeLessThanOrEqual(2 * chunk.length)
  for (let i = 0; i < 100_000; i++) usage.feed(chunk.subarray(0, 10))
  expect(usage.keptBytes).toBeLessThanOrEqual(2 * chunk.length)
})
