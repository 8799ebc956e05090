import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EndpointId } from '../domain/replica.ts'
import { ASKING_BYTES, asking, UsageAsk } from './usage-ask.ts'

const CHAT = '/v1/chat/completions'
const ID = 'e' as EndpointId
const NOW = 1_000_000

const bodyOf = (text: string, size = 7) => {
  const bytes = Buffer.from(text)
  const kept = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  )
  return { kept, keptBytes: bytes.length, complete: true }
}

const canAsk = (text: string, path = CHAT) => new UsageAsk().canAsk(ID, path, bodyOf(text), NOW)

test('a body that asks says what it said before, and asks', () => {
  const members = fc.dictionary(fc.constantFrom('model', 'messages', 'n', '{', '"stream'), fc.jsonValue())
  fc.assert(
    fc.property(
      members,
      fc.constantFrom(undefined, 2),
      fc.integer({ min: 1, max: 50 }),
      (before, spaces, size) => {
        const json = { ...before, stream: true }
        const body = bodyOf(` ${JSON.stringify(json, null, spaces)}\n`, size)
        expect(new UsageAsk().canAsk(ID, CHAT, body, NOW)).toBe(true)
        const asked = asking(body)
        expect(asked.length).toBe(body.keptBytes + ASKING_BYTES)
        expect(JSON.parse(asked.toString())).toEqual({
          // As JSON has it: without a minus before zero.
          ...JSON.parse(JSON.stringify(json)),
          stream_options: { include_usage: true },
        })
      },
    ),
  )
})

test.for([
  ['no stream', '{"messages":[]}'],
  ['a stream that is not wanted', '{"stream":false}'],
  ['a stream of somebody within', '{"metadata":{"stream":true}}'],
  ['options of its own', '{"stream_options":{"include_usage":false},"stream":true}'],
  ['options of its own that are nothing', '{"stream":true,"stream_options":null}'],
  ['no object', '["stream",true]'],
  ['nothing', ''],
] as const)('a body with %s does not ask', ([, text]) => {
  expect(canAsk(text)).toBe(false)
})

test('options within something else are not options', () => {
  expect(canAsk('{"stream":true,"metadata":{"stream_options":{}},"user":"stream_options"}')).toBe(true)
})

test.for(['/v1/completions', `${CHAT}?a=/b`])('%s can ask', (path) => {
  expect(canAsk('{"stream":true}', path)).toBe(true)
})

test.for(['/', '/v1/messages', '/v1/responses', '/generate_stream', '/x/v1/completions'])(
  '%s has no such question',
  (path) => {
    expect(canAsk('{"stream":true}', path)).toBe(false)
  },
)

test('a body that has not all arrived is passed on as it is', () => {
  expect(new UsageAsk().canAsk(ID, CHAT, { ...bodyOf('{"stream":true}'), complete: false }, NOW)).toBe(false)
})

test('an endpoint that did not understand is asked again after ten minutes, or when it is another one', () => {
  const ask = new UsageAsk()
  const body = bodyOf('{"stream":true}')
  const other = 'other' as EndpointId
  ask.notUnderstood(ID, NOW)
  expect(ask.canAsk(ID, CHAT, body, NOW + 599_999)).toBe(false)
  expect(ask.canAsk(other, CHAT, body, NOW)).toBe(true)
  expect(ask.canAsk(ID, CHAT, body, NOW + 600_000)).toBe(true)
  ask.notUnderstood(ID, NOW)
  ask.forget(ID)
  expect(ask.canAsk(ID, CHAT, body, NOW)).toBe(true)
})
