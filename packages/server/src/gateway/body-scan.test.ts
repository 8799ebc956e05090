import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BodyScan, modelInForm } from './body-scan.ts'

function scan(text: string, size = text.length || 1) {
  const it = new BodyScan()
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) it.feed(bytes.subarray(at, at + size))
  return { model: it.model, stream: it.stream }
}

describe('scanning a body', () => {
  test('finds what JSON.parse finds, wherever the bytes are cut', () => {
    const noise = fc.dictionary(fc.constantFrom('a', 'messages', 'model ', 'Stream', '"'), fc.jsonValue())
    const indent = fc.constantFrom(undefined, 2, '\t')
    fc.assert(
      fc.property(
        noise,
        fc.string({ unit: 'grapheme', maxLength: 60 }),
        fc.boolean(),
        noise,
        indent,
        fc.integer({ min: 1, max: 40 }),
        (before, model, stream, after, spaces, size) => {
          const text = JSON.stringify(
            { x: before, ...before, model, stream, y: after, ...after },
            null,
            spaces,
          )
          expect(scan(text, size)).toEqual({ model, stream })
        },
      ),
      { numRuns: 500 },
    )
  })

  test.for([
    ['a nested model does not count', '{"a":{"model":"x","stream":true}}', undefined, false],
    ['a model in a list does not count', '{"a":[{"model":"x"}]}', undefined, false],
    ['a value is not taken for a key', '{"a":"model","b":"stream"}', undefined, false],
    ['the last of two counts', '{"model":"x","model":"y"}', 'y', false],
    ['a list is no request', '["model","x"]', undefined, false],
    ['a bare string is no request', '"model"', undefined, false],
    ['nothing is no request', '', undefined, false],
    ['what follows the object does not count', '{"model":"x"}{"model":"y"}', 'x', false],
    ['a model that is no string does not count', '{"model":7,"stream":"true"}', undefined, false],
    ['stream may come last', '{"model":"x","stream" : true }', 'x', true],
    ['an unfinished body says what it has', '{"model":"x","messages":[{"content":"lo', 'x', false],
  ] as const)('%s', ([, text, model, stream]) => {
    expect(scan(text)).toEqual({ model, stream })
    expect(scan(text, 1)).toEqual({ model, stream })
  })

  test('megabytes before the model are skipped', () => {
    const text = JSON.stringify({ image: 'A'.repeat(3_000_000), model: 'acme/chat' })
    expect(scan(text, 65_536).model).toBe('acme/chat')
  })
})

test('a form names its model in a field, and a file of that name is not taken for it', () => {
  const form = (...parts: string[]) =>
    Buffer.from(`${parts.map((part) => `--XY\r\n${part}\r\n`).join('')}--XY--\r\n`)
  const file = 'Content-Disposition: form-data; name="file"; filename="model"\r\n\r\nRIFF\r\n\r\nname="model"'
  const model = 'Content-Disposition: form-data; name="model"\r\n\r\nacme/ears'
  const type = 'multipart/form-data; boundary=XY'
  expect(modelInForm(form(model, file), type)).toBe('acme/ears')
  expect(modelInForm(form(file, model), type)).toBe('acme/ears')
  expect(modelInForm(form(file), type)).toBeUndefined()
  expect(modelInForm(form(model), 'application/json')).toBeUndefined()
})
