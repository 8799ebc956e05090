import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findPrompt } from './find-prompt.ts'

function found(text: string, isWhole = true) {
  const bytes = Buffer.from(text)
  const it = findPrompt(bytes, isWhole)
  return it && { prompt: bytes.toString('utf8', it.from), before: it.before.map(String) }
}

describe('the prompt', () => {
  test.for([
    ['messages', '{"model":"m","messages":[{"role":"user"}]}', '[{"role":"user"}]}'],
    ['prompt', '{ "max_tokens" : 5 , "prompt" : "once"}', '"once"}'],
    ['input', '{"dimensions":[1,{"input":2}],"input":["a","b"]}', '["a","b"]}'],
    ['inputs', '\n\t{"parameters":{"inputs":"no"},"inputs":"yes"}', '"yes"}'],
  ] as const)('is found at the key %s, on the first level only', ([, body, prompt]) => {
    expect(found(body)?.prompt).toBe(prompt)
  })

  test('is found behind strings with quotes, backslashes and brackets in them', () => {
    const odd = 'a "quoted" \\ thing }]{[ "messages":[1] \\" \\'
    const body = JSON.stringify({ user: odd, nested: { odd, list: [odd] }, messages: [odd] })
    expect(found(body)?.prompt).toBe(`${JSON.stringify([odd])}}`)
  })

  test.for([
    ['an array', '[{"messages":[]}]'],
    ['text', 'hello'],
    ['a form', '--boundary\r\ncontent-disposition: form-data; name="messages"'],
    ['an object without one', '{"a":1,"b":{"messages":2}}'],
    ['nothing', ''],
    ['an empty object', '{}'],
    ['what only begins like JSON', '{messages:[1]}'],
  ] as const)('is not found in %s', ([, body]) => {
    expect(found(body)).toBeUndefined()
  })

  test('of a body that is cut off before it is the whole of what is there', () => {
    expect(found('{"tools":[{"a":1},{"b', false)).toEqual({ prompt: '{"tools":[{"a":1},{"b', before: [] })
    expect(found('{"tools"', false)?.prompt).toBe('{"tools"')
    expect(found('{"tools":', false)?.prompt).toBe('{"tools":')
  })

  test('is where a JSON parser says it is, for any object', () => {
    const anyKey = fc.oneof(fc.string(), fc.constantFrom('prompt', 'model', 'tools', 'stream'))
    fc.assert(
      fc.property(fc.dictionary(anyKey, fc.jsonValue()), fc.boolean(), (object, isSpaced) => {
        const body = JSON.stringify(object, null, isSpaced ? 1 : undefined)
        const it = found(body)
        const expected = Object.hasOwn(object, 'prompt')
        expect(it !== undefined).toBe(expected)
        if (!it) return
        const key = Object.keys(object).indexOf('prompt')
        // As JSON has it: it knows no -0.
        const rest: [string, unknown][] = Object.entries(JSON.parse(body)).slice(key)
        // What begins there is the value, followed by the members that follow it.
        expect(JSON.parse(`{"prompt":${it.prompt}`)).toEqual(Object.fromEntries(rest))
      }),
    )
  })

  test('of any bytes is found or not, but never breaks', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, isWhole) => {
        const it = findPrompt(Buffer.from(bytes), isWhole)
        if (it) expect(it.from).toBeLessThan(Math.max(1, bytes.length))
      }),
    )
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), (value, cut) => {
        const body = Buffer.from(JSON.stringify({ a: value, prompt: value }))
        const it = findPrompt(body.subarray(0, cut % body.length), false)
        if (it) expect(it.from).toBeLessThanOrEqual(body.length)
      }),
    )
  })
})

describe('what the model reads before it', () => {
  test('is named with its key, whether it stands before the prompt or after it', () => {
    const before = ['"model":"a"', '"tools":[{"name":"x"}]']
    expect(found(`{${before.join(',')},"messages":[1]}`)?.before).toEqual(before)
    expect(found(`{"messages":[1],${before.join(',')},"stream":true}`)?.before).toEqual(before)
    expect(found('{"model":"a","messages":[1],"tools":[2]}')?.before).toEqual(['"model":"a"', '"tools":[2]'])
  })

  test('is not confused with what is said in the conversation', () => {
    const said = JSON.stringify({ messages: [{ role: 'system', content: '"model":"b","tools":[]' }] })
    expect(found(said)?.before).toEqual([])
  })

  test('is left out where the body has not arrived completely', () => {
    expect(found('{"messages":[1],"model":"a"', false)?.before).toEqual([])
  })
})
